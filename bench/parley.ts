/** Parley as a newcomer starts it: one process, and the embedded Kafka and registry that it starts. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endProcess } from '../embedded/processes.ts';
import { readState } from '../embedded/state.ts';
import { tail } from '../embedded/tail.ts';
import { KEY } from './call.ts';
import { freePort } from './free-port.ts';

const START_TIMEOUT_MS = 180_000;
const STOP_TIMEOUT_MS = 30_000;

export interface Parley {
  /** Base URL, with the version. */
  url: string;
  key: string;
  pids: { parley: number; broker: number; registry: number };
  /** Where its data and its logs are. */
  directory: string;
  cluster: { brokers: string; registryUrl: string };
  /** From the process spawned to the first 200 of /readyz, milliseconds. */
  startMs: number;
  /** Ends it and its JVMs, by pid. Its data stays. */
  stop(): Promise<void>;
}

/** A directory for its data, which `remove` takes away. */
export const makeDataDirectory = (): { path: string; remove(): void } => {
  const path = mkdtempSync(join(tmpdir(), 'parley-bench-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
};

/** As the shell has it, but on the embedded cluster and without exporting traces. */
const environment = (port: number, upstreamUrl: string): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(KAFKA|SCHEMA_REGISTRY|PARLEY|OTEL)_/.test(name)),
  ),
  PARLEY_PORT: String(port),
  PARLEY_GRPC_PORT: '0',
  BENCH_UPSTREAM_URL: upstreamUrl,
});

/** The arguments of Node that start it. */
export const upWith = (meshFile: string): string[] => [
  join(import.meta.dirname, '..', 'cli', 'main.ts'),
  'up',
  '--no-proof',
  '--mesh',
  meshFile,
];

const stateIn = (directory: string) => readState(join(directory, '.parley', 'embedded.json'));

/** Ends the JVMs that it left in a directory. */
export const endJvms = async (directory: string): Promise<void> => {
  // Looked up now: the start may have been cut off anywhere.
  const { kafka, registry } = stateIn(directory) ?? {};
  for (const jvm of [registry, kafka]) if (jvm) await endProcess(jvm, STOP_TIMEOUT_MS);
};

const untilReady = async (url: string, child: ChildProcess, log: string, signal: AbortSignal): Promise<void> => {
  const giveUp = Date.now() + START_TIMEOUT_MS;
  const fail = (what: string) => new Error(`Parley ${what}. The end of what it printed:\n${tail(log, 20)}`);
  for (;;) {
    signal.throwIfAborted();
    if (child.exitCode !== null || child.signalCode !== null) throw fail('ended while starting');
    if (Date.now() > giveUp) throw fail(`was not ready within ${START_TIMEOUT_MS / 1000} s`);
    const answer = await fetch(`${url}/readyz`, { signal }).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.ok) return;
    await sleep(10);
  }
};

/**
 * @param directory holds its `.parley`; one that was used before gives the same conversations again
 * @param flags for Node
 */
export const startParley = async (
  { directory, upstreamUrl, flags = [] }: { directory: string; upstreamUrl: string; flags?: readonly string[] },
  signal: AbortSignal,
): Promise<Parley> => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const log = join(directory, 'up.log');
  const output = openSync(log, 'a');
  const up = upWith(join(import.meta.dirname, 'mesh.yaml'));
  const began = performance.now();
  const child = spawn(process.execPath, [...flags, ...up], {
    cwd: directory,
    env: environment(port, upstreamUrl),
    stdio: ['ignore', output, output],
    // A group of its own: Ctrl-C on the terminal is ours, and what it started is ended in order.
    detached: true,
  });
  closeSync(output);

  const stopAll = async () => {
    const exited = new Promise<void>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) resolve();
      else child.once('exit', () => resolve());
    });
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
    await endJvms(directory);
  };

  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= stopAll();
    return stopped;
  };

  try {
    await untilReady(url, child, log, signal);
    const startMs = performance.now() - began;
    const { kafka, registry } = stateIn(directory) ?? {};
    if (!child.pid || !kafka || !registry) throw new Error('.parley/embedded.json does not say which processes run');
    return {
      url: `${url}/v1`,
      key: KEY,
      pids: { parley: child.pid, broker: kafka.pid, registry: registry.pid },
      directory,
      cluster: {
        brokers: `127.0.0.1:${kafka.port}`,
        registryUrl: `http://127.0.0.1:${registry.port}/apis/ccompat/v7`,
      },
      startMs,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};
