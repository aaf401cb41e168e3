/** A bound on what is under way at once: others begin in the order in which they asked. */
export interface Turns {
  /** Calls `begin` now, or once enough of those before it are done. */
  take(begin: () => void): void;
  /** To be called once for each that began. */
  done(): void;
}

/** @param most how many may be under way at once. */
export const createTurns = (most: number): Turns => {
  let waiting: (() => void)[] = [];
  let first = 0;
  let underWay = 0;

  const next = () => {
    const begin = waiting[first];
    if (!begin) return;
    first += 1;
    // Taken from the front one by one, a long line would be copied each time.
    if (first > 1_024 || first === waiting.length) {
      waiting = waiting.slice(first);
      first = 0;
    }
    underWay += 1;
    begin();
  };

  return {
    take: (begin) => {
      if (underWay >= most || waiting.length > first) return void waiting.push(begin);
      underWay += 1;
      begin();
    },
    done: () => {
      underWay -= 1;
      next();
    },
  };
};
