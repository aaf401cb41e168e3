/** Ids that are random in the product follow from the seed here, so that a seed has the same ids whenever it is run. */
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { randomHex } from '../services/runtime/event.ts';
import type { Random } from './random.ts';

/** Takes over node's randomness in this thread. @returns what gives it back. */
export const beginRandomness = (random: Random): (() => void) => {
  const { randomFillSync } = crypto;
  let filled = false;
  crypto.randomFillSync = ((buffer: Buffer) => {
    filled = true;
    for (let i = 0; i + 4 <= buffer.length; i += 4) buffer.writeUInt32LE(random.below(2 ** 32), i);
    return buffer;
  }) as typeof crypto.randomFillSync;
  syncBuiltinESMExports();
  // What is left of an earlier pool would be the first ids.
  while (!filled) randomHex(256);
  return () => {
    crypto.randomFillSync = randomFillSync;
    syncBuiltinESMExports();
  };
};
