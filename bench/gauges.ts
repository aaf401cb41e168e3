/** What Parley, its JVMs and everything else on the machine use. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Parley } from './parley.ts';
import { machineCpuUs, type Use, useOf } from './process-stats.ts';

export interface Reading {
  atMs: number;
  parley: Use;
  broker: Use;
  registry: Use;
  /** CPU time of everything that this benchmark did not start, microseconds. */
  othersCpuUs: number;
}

export const read = ({ parley, broker, registry }: Parley['pids']): Reading => {
  const { bench, ...use } = useOf({
    // The JVMs are its children.
    parley: { root: parley, except: [broker, registry] },
    broker: { root: broker },
    registry: { root: registry },
    bench: { root: process.pid },
  });
  return { atMs: performance.now(), ...use, othersCpuUs: machineCpuUs() - bench.cpuUs };
};

/** How many cores a kind of process kept busy between two readings. */
export const cores = (before: Reading, after: Reading, of: (reading: Reading) => number): number =>
  (of(after) - of(before)) / 1000 / (after.atMs - before.atMs);

const LOOK_MS = 250;
const LONGEST_MS = 60_000;
const QUIET_CORES = 0.15;

/**
 * Waits until Parley rests: services that only follow the log (metering, audit) may come after the answer.
 * Whatever is measured next would otherwise share the machine with them.
 * @param atRest cores that it uses with no calls
 */
export const untilQuiet = async (pids: Parley['pids'], atRest: number, signal: AbortSignal): Promise<Reading> => {
  const giveUp = performance.now() + LONGEST_MS;
  for (let before = read(pids); ; ) {
    await sleep(LOOK_MS, undefined, { signal });
    const after = read(pids);
    const busy = cores(before, after, ({ parley }) => parley.cpuUs);
    if (busy < atRest + QUIET_CORES || performance.now() > giveUp) return after;
    before = after;
  }
};

/** Cores that Parley and the broker use with no calls. */
export const measureRest = async (
  pids: Parley['pids'],
  ms: number,
  signal: AbortSignal,
): Promise<{ parley: number; broker: number }> => {
  const before = read(pids);
  await sleep(ms, undefined, { signal });
  const after = read(pids);
  return {
    parley: cores(before, after, ({ parley }) => parley.cpuUs),
    broker: cores(before, after, ({ broker }) => broker.cpuUs),
  };
};
