import { beforeAll, describe, expect, test } from 'vitest';
import type { LoggedRecord } from '../invariants/index.ts';
import { services } from '../services/index.ts';
import type { EventType } from '../topics/index.ts';
import { kinds } from './faults.ts';
import { reportOf } from './report.ts';
import { type Run, simulate } from './simulate.ts';

/** Of edge-a2a the side of clients, its cards and push notifications are played. */
const notSimulated: ReadonlySet<string> = new Set(['edge-a2a']);
/** Servers of the simulation ask for no login; nobody subscribes to their resources, and no client has roots. */
const notSaid: ReadonlySet<string> = new Set([
  'ResourceChanged',
  'RootsChanged',
  'LoggedIn',
  'LoggedOut',
  'LoginRefused',
]);

const told = ({ topic, partition, offset, type, id, key, time }: LoggedRecord) =>
  `${topic} ${partition} ${offset} ${type} ${id} ${key} ${time}`;

test('the same seed is the same run', async () => {
  for (const seed of [3, 17, 42]) {
    const one = await simulate(seed, { processes: 3 });
    await simulate(seed + 1);
    const other = await simulate(seed, { processes: 3 });
    expect(other.trace).toEqual(one.trace);
    expect(other.evidence.records.map(told)).toEqual(one.evidence.records.map(told));
    expect(other.evidence.calls).toEqual(one.evidence.calls);
    expect(other.evidence.answers).toEqual(one.evidence.answers);
    expect(other.evidence.effects).toEqual(one.evidence.effects);
  }
});

describe('a few hundred seeds', () => {
  const failed: Run[] = [];
  const traces = new Set<string>();
  const types = new Set<string>();
  const faults = new Set<string>();
  const statuses = new Set<number>();

  beforeAll(async () => {
    for (let seed = 1; seed <= 300; seed++) {
      const run = await simulate(seed);
      if (run.violations.length > 0) failed.push(run);
      traces.add(run.trace.join('\n'));
      for (const { type } of run.evidence.records) types.add(type);
      for (const { kind } of run.faults) faults.add(kind);
      for (const { status } of run.evidence.answers) statuses.add(status);
    }
  }, 300_000);

  test('keep every promise, whatever goes wrong', () => {
    expect(failed.map(reportOf).join('\n\n')).toBe('');
  });

  test('are as many runs', () => {
    expect(traces.size).toBe(300);
  });

  test('see every kind of event and of fault, and clients are told all that they can be told', () => {
    const simulated = services.filter(({ name }) => !notSimulated.has(name));
    const said: EventType[] = ['AgentAnnounced', 'AgentReported', 'AgentCalled', 'AgentSlept', 'StepRecorded'];
    const written = ['MeshConfigured', ...said, ...simulated.flatMap(({ writes }) => writes)];
    expect(written.filter((type) => !types.has(type) && !notSaid.has(type))).toEqual([]);
    expect([...faults].sort()).toEqual([...kinds].sort());
    for (const status of [200, 400, 401, 403, 404, 409, 429, 502, 503, 504]) expect(statuses).toContain(status);
  });
});
