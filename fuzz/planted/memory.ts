import type { Target } from '../target.ts';

/** A target that some inputs make take ever more memory. */
export const target: Target = {
  name: 'memory',
  run: (bytes) => {
    const kept: number[][] = [];
    while (bytes[0] === 0x21) kept.push(new Array(1_000_000).fill(kept.length));
  },
};
