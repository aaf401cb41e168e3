import { SingleBar } from 'cli-progress';

const PATIENCE_MS = 1_000;

/** A bar on standard error where that is a terminal, once something has taken more than a second. */
export const progressBar = (): { report(what: string, done: number, total: number): void; end(): void } => {
  const begun = performance.now();
  const bar = new SingleBar({
    format: '{what} [{bar}] {percentage}% of {total}',
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
  });
  let shown = false;
  return {
    report: (what, done, total) => {
      if (!process.stderr.isTTY || performance.now() - begun < PATIENCE_MS) return;
      if (!shown) bar.start(total, done, { what });
      shown = true;
      bar.setTotal(total);
      bar.update(done, { what });
    },
    end: () => {
      if (shown) bar.stop();
      shown = false;
    },
  };
};
