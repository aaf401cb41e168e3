/** Which fault comes when. Pure: a seed gives the same schedule again. */
import { between, pick, seeded } from './random.ts';

/**
 * The ground is what the mesh stands on: brokers and clocks. On each side one fault goes on at a time, so at most two at
 * once: a process may be killed while the clock of another one is wrong.
 */
export type Side = 'ground' | 'mesh';

/** What a schedule has to know of a fault. */
export interface Plannable {
  name: string;
  side: Side;
  /** How long it lasts before it is healed, milliseconds, from and to. */
  lastsMs: readonly [number, number];
}

export interface Planned {
  fault: string;
  side: Side;
  /** Since the load began, milliseconds. */
  atMs: number;
  forMs: number;
  /** In [0, 1): which broker, process or partition. */
  place: number;
}

/** Between the end of one fault and the beginning of the next on the same side. */
const PAUSE_MS = [4_000, 15_000] as const;
/** Before the first, so that there is something to disturb; the short one is for runs of a minute. */
const LEAD_MS = [2_000, 6_000] as const;

/**
 * @param seed a whole number
 * @param minutes for which faults may begin
 * @returns by time. Each named fault comes once before any comes again.
 */
export const schedule = (seed: number, minutes: number, faults: readonly Plannable[]): Planned[] => {
  const planned = (['ground', 'mesh'] as const).flatMap((side, i): Planned[] => {
    const random = seeded(seed * 2 + i);
    const mine = faults.filter((fault) => fault.side === side);
    if (mine.length === 0) return [];
    const all: Planned[] = [];
    let round: Plannable[] = [];
    let atMs = between(random, ...LEAD_MS);
    for (;;) {
      if (round.length === 0) round = [...mine];
      const fault = pick(round, random());
      round = round.filter((other) => other !== fault);
      const forMs = Math.round(between(random, ...fault.lastsMs));
      if (atMs + forMs > minutes * 60_000) return all;
      all.push({ fault: fault.name, side, atMs: Math.round(atMs), forMs, place: random() });
      atMs += forMs + between(random, ...PAUSE_MS);
    }
  });
  return planned.sort((a, b) => a.atMs - b.atMs);
};

/** How the services are spread over processes. Each holds every service at least once. */
const shapes: readonly (readonly (readonly string[])[])[] = [
  [[], []],
  [
    ['edge-llm', 'edge-a2a', 'edge-mcp', 'edge-agents'],
    ['edge-llm', 'edge-mcp'],
    ['policy', 'routing', 'task-state'],
    ['policy', 'routing', 'metering', 'audit'],
  ],
  [[], ['edge-llm', 'edge-mcp'], ['policy', 'routing', 'metering', 'audit']],
  [
    ['edge-llm', 'policy', 'metering', 'task-state'],
    ['edge-llm', 'routing', 'audit', 'edge-agents', 'edge-mcp'],
    ['policy', 'routing', 'edge-a2a', 'edge-mcp'],
  ],
];

/** The services of each process; none named: all of them. */
export const shapeOf = (seed: number): readonly (readonly string[])[] => pick(shapes, seeded(seed + 7)());
