/** The two small processes beside Parley: the upstream, and a load generator for each run. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { LoadOptions, LoadResult } from './load.ts';

const file = (name: string) => join(import.meta.dirname, name);

export interface Upstream {
  /** Base URL, with the version. */
  url: string;
  stop(): Promise<void>;
}

export const startUpstream = async (chunkGapMs: number): Promise<Upstream> => {
  const child = spawn(process.execPath, [file('mock-upstream.ts'), '--chunk-gap-ms', String(chunkGapMs)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const listening = once(createInterface(child.stdout), 'line');
  const [line] = await Promise.race([
    listening,
    exited.then(() => Promise.reject(new Error('the mock upstream ended at once'))),
  ]);
  const { url } = JSON.parse(String(line)) as { url: string };
  return {
    url,
    stop: async () => {
      child.stdin.end();
      await exited;
    },
  };
};

/** @throws when the generator itself fails; calls that fail are in its result. */
export const runLoad = async (options: LoadOptions, signal: AbortSignal): Promise<LoadResult> => {
  signal.throwIfAborted();
  const child = spawn(process.execPath, [file('load.ts'), JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const kill = () => child.kill('SIGKILL');
  signal.addEventListener('abort', kill);
  try {
    const [printed, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    signal.throwIfAborted();
    if (code !== 0) throw new Error(`the load generator ended with ${code}`);
    return JSON.parse(printed) as LoadResult;
  } finally {
    signal.removeEventListener('abort', kill);
  }
};
