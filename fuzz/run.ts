/** Runs a target in a worker, and ends it where an input hangs or takes all memory. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Finding, Stats } from './loop.ts';

/** What a worker is given. */
export interface Job {
  /** URL of the target's module. */
  file: string;
  seed: number;
  seeds: readonly Uint8Array[];
  /** So many executions, or 0: until `seconds` are over. */
  runs: number;
  seconds: number;
  /** Whether what inputs reach is looked at. */
  guided: boolean;
  /** Nothing but this input. */
  only?: Uint8Array;
  shared: SharedArrayBuffer;
}

export type Told = { kind: 'finding'; finding: Finding } | { kind: 'done'; stats: Stats };

export interface Outcome {
  /** Undefined where the worker had to be ended. */
  stats: Stats | undefined;
  findings: Finding[];
}

const SHARED_BYTES = 64 * 1024;
const HEAP_MB = 512;
export const HANG_MS = 10_000;

export const corpusDirectory = join(import.meta.dirname, 'corpus');
/** Inputs that still fail: found, and not mended yet. */
export const openDirectory = join(import.meta.dirname, 'open');
export const targetFile = (name: string): string =>
  pathToFileURL(join(import.meta.dirname, 'targets', `${name}.ts`)).href;

/** The inputs of a directory, by name; none where there is no such directory. */
export const readCorpus = (directory: string): Buffer[] => {
  try {
    return readdirSync(directory)
      .sort()
      .map((name) => readFileSync(join(directory, name)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
};

/** @param hangMs after which an input that has not come to an end is a finding. */
export const runTarget = (job: Omit<Job, 'shared'>, hangMs = HANG_MS): Promise<Outcome> =>
  new Promise((resolve, reject) => {
    const shared = new SharedArrayBuffer(SHARED_BYTES);
    const counter = new Int32Array(shared, 0, 2);
    const worker = new Worker(new URL('worker.ts', import.meta.url), {
      workerData: { ...job, shared } satisfies Job,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    });
    const findings: Finding[] = [];
    let stats: Stats | undefined;
    let count = 0;
    let since = performance.now();
    const lastInput = () => Buffer.from(new Uint8Array(shared, 8, counter[1]!).slice());
    let ended = false;
    const giveUp = (kind: string) => {
      if (ended) return;
      ended = true;
      findings.push({ kind, message: kind, input: lastInput() });
      void worker.terminate();
    };
    const watchdog = setInterval(() => {
      const now = Atomics.load(counter, 0);
      if (now !== count) {
        count = now;
        since = performance.now();
      } else if (count > 0 && stats === undefined && performance.now() - since > hangMs) giveUp('an input never ends');
    }, 100);
    worker.on('message', (told: Told) => {
      if (told.kind === 'done') stats = told.stats;
      else findings.push({ ...told.finding, input: Buffer.from(told.finding.input) });
    });
    worker.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') giveUp('memory runs full, by this input or by those before it');
      else if (count > 0 || Atomics.load(counter, 0) > 0)
        findings.push({ kind: `uncaught ${error.name}`, message: error.stack ?? error.message, input: lastInput() });
      else reject(error);
    });
    worker.on('exit', () => {
      clearInterval(watchdog);
      resolve({ stats, findings });
    });
  });
