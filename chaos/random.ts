/** Numbers in [0, 1): the same seed gives the same ones. */
export type Random = () => number;

/** mulberry32. @param seed a whole number; its lower 32 bits count. */
export const seeded = (seed: number): Random => {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

export const between = (random: Random, low: number, high: number): number => low + random() * (high - low);

/** @param place in [0, 1) */
export const pick = <T>(of: readonly T[], place: number): T => of[Math.floor(place * of.length)]!;
