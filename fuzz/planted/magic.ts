/** A target with a mistake that only inputs reach which were built up block by block. */
import type { Target } from '../target.ts';

export const target: Target = {
  name: 'magic',
  run: ([a, b, c, d]) => {
    if (a === 0x50) if (b === 0x4b) if (c === 0x03) if (d === 0x04) throw new Error('found');
  },
};
