/** `node services/main.ts` with some services or all, as a process of its own. */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endWithUs } from '../../embedded/end-with-us.ts';
import { tail } from '../../embedded/tail.ts';
import { fault, KEY, requestBody } from '../call.ts';
import { freePort } from '../free-port.ts';
import type { Mesh } from './cluster.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'services', 'main.ts');
const WITHIN_MS = 600_000;
const STOP_MS = 60_000;

export interface ServiceProcess {
  pid: number;
  /** Base URL of its API, with the version. */
  url: string;
  /** Milliseconds from its spawning to the first 200 of /readyz. */
  ready(): Promise<number>;
  /** Milliseconds from its spawning to the first right answer to a call, made again and again one at a time. */
  answered(): Promise<number>;
  /** SIGTERM; resolves once it has ended. */
  stop(): Promise<void>;
  /** SIGKILL; resolves once it has ended. */
  kill(): Promise<void>;
}

const ask = async (url: string, signal: AbortSignal): Promise<boolean> => {
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };
  const answer = await fetch(`${url}/chat/completions`, { method: 'POST', headers, body: requestBody(false), signal });
  return fault(answer.status, await answer.text(), false) === undefined;
};

/** @param names of services; none: all of them */
export const startServices = async (
  mesh: Mesh,
  names: readonly string[],
  log: string,
  signal: AbortSignal,
): Promise<ServiceProcess> => {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const output = openSync(log, 'a');
  const began = performance.now();
  const child = spawn(process.execPath, [MAIN, ...names], {
    env: { ...mesh.environment, PARLEY_PORT: String(port) },
    stdio: ['ignore', output, output],
    detached: true,
  });
  closeSync(output);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  if (child.pid === undefined) throw new Error('no process could be started');
  const release = endWithUs(child.pid);
  void exited.then(release);
  const what = names.length === 0 ? 'the services' : names.join(' ');

  const until = async (holds: () => Promise<boolean>, state: string): Promise<number> => {
    while (!(await holds().catch(() => false))) {
      signal.throwIfAborted();
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(
          `${what} ended (${child.exitCode ?? child.signalCode}) instead of being ${state}. The end of what was printed:\n${tail(log, 20)}`,
        );
      if (performance.now() > began + WITHIN_MS) throw new Error(`${what}: not ${state} within ${WITHIN_MS / 1000} s`);
      await sleep(10);
    }
    return performance.now() - began;
  };
  const end = async (name: NodeJS.Signals) => {
    child.kill(name);
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await exited;
    clearTimeout(timer);
  };
  const isReady = async () => {
    const answer = await fetch(`${origin}/readyz`, { signal });
    await answer.body?.cancel();
    return answer.ok;
  };
  return {
    pid: child.pid,
    url: `${origin}/v1`,
    ready: () => until(isReady, 'ready'),
    answered: () => until(() => ask(`${origin}/v1`, signal), 'able to answer'),
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
};
