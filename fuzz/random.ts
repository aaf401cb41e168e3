/** Numbers that follow from a seed and from nothing else. */
export interface Random {
  /** 0 to below `n`, whole. */
  below(n: number): number;
  /** Whether something of this likelihood happens. */
  happens(likelihood: number): boolean;
  /** One of them. */
  of<T>(all: readonly T[]): T;
}

/** mulberry32: enough for mutations. */
export const randomOf = (seed: number): Random => {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (n: number) => Math.floor(next() * n);
  return { below, happens: (likelihood) => next() < likelihood, of: (all) => all[below(all.length)]! };
};
