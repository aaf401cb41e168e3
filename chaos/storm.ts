/** Carries a schedule out. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, World } from './faults/index.ts';
import type { Planned, Side } from './schedule.ts';

/** A fault as it was made. Times since the load began, milliseconds. */
export interface Made {
  fault: string;
  struck: string;
  atMs: number;
  healedAtMs: number;
  /** When what was struck served again. */
  recoveredAtMs: number;
}

/**
 * Each side by itself, one fault after the other; one that would begin after its side's time is left out.
 * @param told of each step as it is made.
 * @throws when something that was healed does not serve again.
 */
export const carryOut = async (
  plan: readonly Planned[],
  faults: readonly Fault[],
  world: World,
  { forMs, signal, told }: { forMs: number; signal: AbortSignal; told(line: string): void },
): Promise<Made[]> => {
  const began = performance.now();
  const since = () => Math.round(performance.now() - began);
  const say = (line: string) => told(`${(since() / 1_000).toFixed(1).padStart(7)} s  ${line}`);
  const made: Made[] = [];
  const stand = async (side: Side) => {
    /** What healing has taken so far: the pauses stay as they were planned. */
    let lateMs = 0;
    for (const planned of plan.filter((one) => one.side === side)) {
      if (planned.atMs + lateMs + planned.forMs > forMs) return;
      await sleep(Math.max(0, planned.atMs + lateMs - since()), undefined, { signal });
      const fault = faults.find(({ name }) => name === planned.fault)!;
      const atMs = since();
      const { struck, heal } = await fault.inject(world, planned.place);
      say(struck);
      try {
        await sleep(planned.forMs, undefined, { signal });
      } finally {
        // Also when all is to stop: what is frozen cannot be ended in order.
        const healedAtMs = since();
        await heal();
        made.push({ fault: planned.fault, struck, atMs, healedAtMs, recoveredAtMs: since() });
        lateMs = Math.max(lateMs, since() - planned.atMs - planned.forMs);
        say(`healed after ${((since() - atMs) / 1_000).toFixed(1)} s: ${struck}`);
      }
    }
  };
  await Promise.all([stand('ground'), stand('mesh')]);
  await sleep(Math.max(0, forMs - since()), undefined, { signal });
  return made.sort((a, b) => a.atMs - b.atMs);
};
