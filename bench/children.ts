/** The small processes beside Parley: the upstream or agents, and a load generator for each run. */
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

export interface Child extends Upstream {
  pid: number;
}

/** A process that tells its URL on standard output once it serves, and ends with standard input. @param name of its file here. */
export const startChild = async (
  name: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<Child> => {
  const child = spawn(process.execPath, [file(name), ...args], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const listening = once(createInterface(child.stdout), 'line');
  const [line] = await Promise.race([listening, exited.then(() => Promise.reject(new Error(`${name} ended at once`)))]);
  const { url } = JSON.parse(String(line)) as { url: string };
  return {
    url,
    pid: child.pid!,
    stop: async () => {
      child.stdin.end();
      await exited;
    },
  };
};

export const startUpstream = (chunkGapMs: number): Promise<Upstream> =>
  startChild('mock-upstream.ts', ['--chunk-gap-ms', String(chunkGapMs)]);

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
