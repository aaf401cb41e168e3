/** A second instance of all services beside Parley, on its cluster: when it comes and goes the consumer groups are shared out anew. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Parley } from './parley.ts';

const STOP_MS = 40_000;

/** Starts one, and stops it once `stay` has passed or the signal is aborted. @throws when it does not end well. */
export const joinForAWhile = async (
  { cluster, directory }: Parley,
  stayMs: number,
  upstreamUrl: string,
  signal: AbortSignal,
): Promise<void> => {
  const output = openSync(join(directory, 'second.log'), 'a');
  const child = spawn(process.execPath, [join(import.meta.dirname, '..', 'services', 'main.ts')], {
    env: {
      ...process.env,
      KAFKA_BROKERS: cluster.brokers,
      SCHEMA_REGISTRY_URL: cluster.registryUrl,
      PARLEY_PORT: '0',
      PARLEY_GRPC_PORT: '0',
      BENCH_UPSTREAM_URL: upstreamUrl,
    },
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  const exited = once(child, 'exit') as Promise<[number | null]>;
  await Promise.race([exited, sleep(stayMs, undefined, { signal }).catch(() => {})]);
  child.kill('SIGTERM');
  const killer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  const [code] = await exited;
  clearTimeout(killer);
  if (code !== 0) throw new Error(`the second instance ended with ${code}: ${join(directory, 'second.log')}`);
};
