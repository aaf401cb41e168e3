const PATIENCE_MS = 150;
const MOST = 100_000;

/**
 * Puts in order what is read topic by topic: what has been is held back until `live`, what comes after that for a moment, and
 * then handed over at once.
 */
export const heldBack = <T>(handOver: (items: T[]) => void): { add(item: T): void; live(): void } => {
  let held: T[] = [];
  let isLive = false;
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    const items = held;
    held = [];
    if (items.length > 0) handOver(items);
  };
  return {
    add: (item) => {
      held.push(item);
      if (held.length >= MOST) flush();
      else if (isLive) timer ??= setTimeout(flush, PATIENCE_MS);
    },
    live: () => {
      isLive = true;
      flush();
    },
  };
};
