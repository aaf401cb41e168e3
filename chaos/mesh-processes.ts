/** The mesh as processes of its own, each started again when it ends by itself, as whoever runs it would. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { endWithUs } from '../embedded/end-with-us.ts';
import { choosePorts } from '../embedded/ports.ts';
import { tail } from '../embedded/tail.ts';
import { type Restartable, signalProcess } from './brokers.ts';

const START_TIMEOUT_MS = 120_000;
const RESTART_MS = 1_000;
/** Longer than a service takes for what it has begun. */
const GRACE_MS = 45_000;
const root = join(import.meta.dirname, '..');

export interface MeshProcess extends Restartable {
  url: string;
  /** None named: all of them. */
  services: readonly string[];
  /** Its standard output and error. */
  log: string;
  /** Sets its clock to be this far off the real one, milliseconds. */
  setClock(offMs: number): void;
}

/** A process that ended although nobody ended it. */
export interface UnaskedEnd {
  process: string;
  at: number;
  code: number | null;
  signal: string | null;
  /** The end of what it printed. */
  said: string;
}

export interface MeshOptions {
  dir: string;
  shape: readonly (readonly string[])[];
  brokers: readonly string[];
  registryUrl: string;
  /** Environment variables by which mesh.yaml knows the upstreams. */
  upstreams: Readonly<Record<string, string>>;
  signal: AbortSignal;
  endedUnasked(end: UnaskedEnd): void;
}

const isReady = async (url: string): Promise<boolean> => {
  const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
  await answer?.body?.cancel();
  return answer?.ok ?? false;
};

/** The last lines of a log, as much of each as a person reads. */
const endOf = (log: string): string =>
  tail(log, 5)
    .split('\n')
    .map((line) => line.slice(0, 300))
    .join('\n');

/** As the shell has it, but on this cluster and without exporting traces. */
const environment = ({ brokers, registryUrl, upstreams }: MeshOptions, port: number, clock: string) => ({
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(KAFKA|SCHEMA_REGISTRY|PARLEY|OTEL)_/.test(name)),
  ),
  KAFKA_BROKERS: brokers.join(','),
  SCHEMA_REGISTRY_URL: registryUrl,
  PARLEY_PORT: String(port),
  PARLEY_GRPC_PORT: '0',
  LOG_LEVEL: 'info',
  ...upstreams,
  CHAOS_CLOCK_FILE: clock,
});

const createProcess = (options: MeshOptions, place: number, port: number): MeshProcess => {
  const services = options.shape[place]!;
  const name = `mesh ${place + 1} (${services.join(', ') || 'all services'})`;
  const log = join(options.dir, `mesh-${place + 1}.log`);
  const clock = join(options.dir, `mesh-${place + 1}.clock`);
  const url = `http://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;
  /** Whether it is meant to run. */
  let wanted = false;

  const begin = () => {
    const output = openSync(log, 'a');
    const clockFlag = ['--import', pathToFileURL(join(import.meta.dirname, 'clock.ts')).href];
    const begun = spawn(process.execPath, [...clockFlag, join(root, 'services', 'main.ts'), ...services], {
      env: environment(options, port, clock),
      stdio: ['ignore', output, output],
      // A group of its own: Ctrl-C on the terminal is ours.
      detached: true,
    });
    closeSync(output);
    const release = begun.pid === undefined ? () => {} : endWithUs(begun.pid);
    begun.once('exit', (code, signal) => {
      release();
      if (child !== begun) return;
      child = undefined;
      if (!wanted || options.signal.aborted) return;
      options.endedUnasked({ process: name, at: Date.now(), code, signal, said: endOf(log) });
      setTimeout(() => {
        if (wanted && !child && !options.signal.aborted) begin();
      }, RESTART_MS).unref();
    });
    child = begun;
  };

  return {
    name,
    url,
    services,
    log,
    pid: () => child?.pid,
    start: async () => {
      wanted = true;
      if (!child) begin();
      const giveUp = Date.now() + START_TIMEOUT_MS;
      while (!(await isReady(url))) {
        options.signal.throwIfAborted();
        if (Date.now() > giveUp) throw new Error(`${name} was not ready in time. The end of ${log}:\n${endOf(log)}`);
        await sleep(100);
      }
    },
    stop: async (signal = 'SIGTERM') => {
      wanted = false;
      const ending = child;
      if (!ending) return;
      const exited = once(ending, 'exit');
      ending.kill(signal);
      const timer = setTimeout(() => ending.kill('SIGKILL'), GRACE_MS);
      await exited;
      clearTimeout(timer);
    },
    setClock: (offMs) => {
      writeFileSync(clock, String(offMs));
      signalProcess(child?.pid, 'SIGUSR2');
    },
  };
};

/** Not started yet. */
export const createMesh = async (options: MeshOptions): Promise<MeshProcess[]> => {
  const names = options.shape.map((_, i) => `mesh${i}`);
  const ports = await choosePorts(
    join(options.dir, 'mesh-ports.json'),
    Object.fromEntries(names.map((name) => [name, undefined])),
  );
  return names.map((name, i) => createProcess(options, i, ports[name]!));
};
