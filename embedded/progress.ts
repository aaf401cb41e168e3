/** Where long steps say how they are doing. */
export interface Progress {
  /** What is going on now; replaced by the next line. An empty one takes it away. */
  update(line: string): void;
  /** Worth keeping. */
  done(line: string): void;
}

export const quiet: Progress = { update() {}, done() {} };

const PLAIN_EVERY_MS = 5_000;

/** On a terminal one line that rewrites itself; elsewhere plain lines, passing ones at most every 5 seconds. */
export function terminalProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  if (stream.isTTY) {
    const clip = (line: string) => line.slice(0, (stream.columns || 80) - 1);
    return {
      update: (line) => stream.write(`\r\x1b[K${clip(line)}`),
      done: (line) => stream.write(`\r\x1b[K${line}\n`),
    };
  }
  let last = 0;
  return {
    update(line) {
      if (line === '' || Date.now() - last < PLAIN_EVERY_MS) return;
      last = Date.now();
      stream.write(`${line}\n`);
    },
    done: (line) => stream.write(`${line}\n`),
  };
}

/** Runs `work`, saying `line(seconds)` twice a second meanwhile, and gives what it gives. */
export async function during<T>(progress: Progress, line: (seconds: number) => string, work: Promise<T>): Promise<T> {
  const begun = Date.now();
  const say = () => progress.update(line(Math.round((Date.now() - begun) / 1000)));
  say();
  const timer = setInterval(say, 500);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    progress.update('');
  }
}
