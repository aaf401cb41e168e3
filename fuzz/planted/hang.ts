import type { Target } from '../target.ts';

/** A target that never comes to an end on some inputs. */
export const target: Target = {
  name: 'hang',
  run: (bytes) => {
    while (bytes[0] === 0x21);
  },
};
