import type { Target } from '../target.ts';

/** A target by which an input reaches a prototype. */
export const target: Target = {
  name: 'prototype',
  run: (bytes) => {
    if (bytes[0] === 0x21) Object.assign(Object.prototype, { polluted: true });
  },
};
