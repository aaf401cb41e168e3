/** Tasks in order within a key, side by side across keys. */
export interface Lanes {
  /** Runs the task when those before it with the same key have ended and a place is free. */
  run<T>(key: string, task: () => Promise<T>): Promise<T>;
  /** Resolves when no task is left. */
  idle(): Promise<void>;
}

/** @param concurrency how many tasks may run at once, over all keys. */
export const createLanes = ({ concurrency }: { concurrency: number }): Lanes => {
  const last = new Map<string, Promise<unknown>>();
  const waiting: (() => void)[] = [];
  const onIdle: (() => void)[] = [];
  let running = 0;
  let tasks = 0;

  const enter = async () => {
    if (running >= concurrency) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
  };
  const leave = () => {
    // The place goes to the next in line, so `running` stays as it is.
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  };

  return {
    run: (key, task) => {
      tasks += 1;
      const turn = (last.get(key) ?? Promise.resolve()).then(async () => {
        await enter();
        try {
          return await task();
        } finally {
          leave();
        }
      });
      const settled = turn.then(
        () => {},
        () => {},
      );
      last.set(key, settled);
      void settled.then(() => {
        if (last.get(key) === settled) last.delete(key);
        tasks -= 1;
        if (tasks === 0) for (const resolve of onIdle.splice(0)) resolve();
      });
      return turn;
    },
    idle: async () => {
      if (tasks > 0) await new Promise<void>((resolve) => onIdle.push(resolve));
    },
  };
};
