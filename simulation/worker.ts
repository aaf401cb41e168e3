/** One thread's share of the seeds. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Kind } from './faults.ts';
import { reportOf } from './report.ts';
import { simulate } from './simulate.ts';

export interface Share {
  from: number;
  to: number;
  /** From one seed to the next. */
  step: number;
  processes: number;
  faults: readonly Kind[];
}

/** What a thread tells of a seed. */
export interface Told {
  seed: number;
  /** Empty: every invariant held. */
  invariants: string[];
  report: string;
}

const { from, to, step, processes, faults } = workerData as Share;
for (let seed = from; seed < to; seed += step) {
  const run = await simulate(seed, { processes, faults });
  const failed = run.violations.length > 0;
  const invariants = [...new Set(run.violations.map((violation) => violation.invariant))];
  parentPort!.postMessage({ seed, invariants, report: failed ? reportOf(run) : '' } satisfies Told);
}
