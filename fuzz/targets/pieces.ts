import { randomOf } from '../random.ts';

/** The bytes cut into pieces: each byte by itself, or as a seed says. */
export const piecesOf = (bytes: Buffer, seed: number): Buffer[] => {
  const random = randomOf(seed);
  const most = seed === 0 ? 1 : 1 + random.below(40);
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + random.below(most);
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
};
