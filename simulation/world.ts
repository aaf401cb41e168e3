/** What a simulated mesh stands on: chance, time, and a trace of what was chosen. */
import type { Random } from './random.ts';
import type { Life, Time } from './time.ts';

/** How often things go wrong by themselves; all 0 once faults are over. */
export interface Odds {
  /** An append fails, in whole or in part, or only as far as its process knows. */
  appendFails: number;
  /** An append, or its acknowledgement, takes seconds. */
  appendSlow: number;
  /** What is to be delivered lies for seconds. */
  deliverySlow: number;
  commitLost: number;
}

export const calm: Odds = { appendFails: 0, appendSlow: 0, deliverySlow: 0, commitLost: 0 };

export interface World {
  readonly random: Random;
  readonly time: Time;
  odds: Odds;
  /** What happened, in order; equal where a seed is run again. */
  readonly trace: string[];
  /** Calls under way, as sockets would hold them: what nobody else holds may be collected, and is then never told that it is aborted. */
  readonly open: Set<object>;
  /** Things that are sure to happen yet. */
  pending(): number;
  /** Lets something happen after `ms`. @param life in which process, if in one. */
  after(ms: number, what: string, happen: () => void, life?: Life): void;
}

export const createWorld = (random: Random, time: Time): World => {
  let pending = 0;
  const trace: string[] = [];
  const begun = time.now();
  return {
    random,
    time,
    odds: calm,
    trace,
    open: new Set(),
    pending: () => pending,
    after: (ms, what, happen, life) => {
      pending += 1;
      time.after(ms, () => {
        pending -= 1;
        trace.push(`${(time.now() - begun).toFixed(1)} ${life?.name ?? '-'} ${what}`);
        if (life) life.enter(happen);
        else happen();
      });
    },
  };
};
