/** The frame of a measurement on a running mesh: rest, warm up, rest again, then every setting in turn. */
import type { Run } from './compare.ts';
import { measureRest, read } from './gauges.ts';
import type { Parley } from './parley.ts';

const REST_MS = 5_000;
export const PRIMING = { inFlight: 16, round: -1 } as const;
export const PRIMING_PLAN = { warmUpMs: 500, durationMs: 4_000 };

/** Cores used with no calls. */
export type AtRest = Awaited<ReturnType<typeof measureRest>>;

/** One setting. */
export interface Step<R extends Run> {
  /** For who watches. */
  what: string;
  run(atRest: AtRest): Promise<R>;
}

export interface Measured<R extends Run> {
  runs: R[];
  atRest: AtRest;
  /** Resident memory before and after all runs. */
  rssBytes: { before: number; after: number };
  faults: string[];
}

/**
 * @param primings run first, and not measured
 * @throws when a priming is answered wrongly
 */
export const measureInTurn = async <R extends Run>(
  pids: Parley['pids'],
  { primings, steps }: { primings: readonly Step<R>[]; steps: readonly Step<R>[] },
  say: (what: string) => void,
  signal: AbortSignal,
): Promise<Measured<R>> => {
  const cold = await measureRest(pids, REST_MS, signal);
  for (const { what, run } of primings) {
    say(`warming up: ${what}`);
    const { load } = await run(cold);
    if (load.failed > 0) throw new Error(`answered wrongly (${what}): ${load.firstFault}`);
  }
  const atRest = await measureRest(pids, REST_MS, signal);
  const before = read(pids).parley.rssBytes;
  const runs: R[] = [];
  for (const [i, { what, run }] of steps.entries()) {
    say(`${i + 1} of ${steps.length}: ${what}`);
    runs.push(await run(atRest));
  }
  return {
    runs,
    atRest,
    rssBytes: { before, after: read(pids).parley.rssBytes },
    faults: runs.flatMap(({ load }) => load.firstFault ?? []),
  };
};
