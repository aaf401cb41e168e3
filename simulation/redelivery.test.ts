/** Any duplication or redelivery folds to the same: of each processor in its shell, over logs as the mesh wrote them. */
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { LoggedRecord } from '../invariants/index.ts';
import { redeliveryFolds } from '../invariants/states.ts';
import { auditCheck } from '../services/audit/verify.ts';
import type { PolicyState } from '../services/policy/policy.ts';
import type { RoutingState } from '../services/routing/routing.ts';
import { RuntimeError } from '../services/runtime/errors.ts';
import type { Log } from '../services/runtime/log.ts';
import type { TaskStateState } from '../services/task-state/task-state.ts';
import { type Outcome, once, type Redelivery, runAlone } from './alone.ts';
import { type AnyProcessor, wholeMesh } from './process.ts';
import { simulate } from './simulate.ts';
import { tasksOf } from './states.ts';

const names = ['policy', 'routing', 'metering', 'audit', 'task-state', 'edge-agents'] as const;
type Name = (typeof names)[number];

const processorOf = (name: Name) => (log: Log) => wholeMesh.processors(log).find((p) => p.name === name)!;

const logs: LoggedRecord[][] = [];
beforeAll(async () => {
  for (const seed of [11, 12, 13, 14, 15, 16])
    logs.push(await simulate(seed, { faults: [] }).then((r) => [...r.evidence.records]));
}, 60_000);

const inputsOf = ({ reads, follows }: AnyProcessor, records: readonly LoggedRecord[]) =>
  records.filter(({ type }) => [...reads, ...follows].includes(type));

/** Where a report is differs once others came again before it. */
const unplaced = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (key, one) => (key === 'reported' ? undefined : one)));

/**
 * Each event that it stated, once: as it was stated first, which is what readers count. Where entries are in the chain of audit
 * follows from where the events are.
 */
const statedBy = (name: Name, { records }: Outcome) => {
  const own = records.filter(({ source }) => source === name).toSorted((a, b) => a.offset - b.offset);
  const stated = new Map(own.toReversed().map(({ id, type, data }) => [id, { type, data }] as const));
  if (name === 'task-state') return unplaced([...stated].sort(([a], [b]) => (a < b ? -1 : 1)));
  if (name !== 'audit') return [...stated].sort(([a], [b]) => (a < b ? -1 : 1));
  return [...stated.values()].map(({ data }) => (data as { eventId: string }).eventId).sort();
};

/** What has to be the same whenever an instance began: a breaker's counts of calls are of what that one heard. */
const lasting = (name: Name, state: unknown) => {
  if (name === 'audit') return undefined;
  if (name === 'policy') return (state as PolicyState).configured?.version;
  if (name === 'task-state')
    return unplaced(
      [...(state as TaskStateState).partitions]
        .sort(([a], [b]) => a - b)
        .map(([partition, tasks]) => [partition, tasksOf(tasks)]),
    );
  if (name !== 'routing') return state;
  const { configuration, breakers } = state as RoutingState;
  return { configuration, open: [...breakers].filter(([, { open }]) => open).map(([target]) => target) };
};

const chainFindings = ({ records }: Outcome) => {
  const check = auditCheck(Date.UTC(2026, 0, 2));
  const ordered = records.toSorted((a, b) => a.offset - b.offset);
  for (const record of ordered) if (record.topic === 'mesh.audit') check.seeEntry(record);
  check.chainsRead();
  for (const record of ordered)
    if (record.topic !== 'mesh.audit' && record.topic !== 'mesh.usage') check.seeEvent(record);
  return check.report().findings;
};

/** What these say depends on the order across topics, which no redelivery decides. */
const acrossTopics: ReadonlySet<Name> = new Set(['routing', 'task-state']);

const redelivery = (name: Name, crashes: boolean): fc.Arbitrary<Redelivery> =>
  fc.record({
    seed: fc.nat(1_000_000),
    again: fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 12 })), { maxLength: 40 }),
    inTurn: fc.constant(acrossTopics.has(name)),
    crashes: crashes ? fc.array(fc.nat(40), { maxLength: 3 }) : fc.constant([]),
  });

const compared = async (
  name: Name,
  records: readonly LoggedRecord[],
  redelivered: Redelivery,
  of = processorOf(name),
) => {
  const inputs = inputsOf(processorOf(name)({ partitionOf: () => 0 } as unknown as Log), records);
  const plain = await runAlone(of, inputs, once);
  const other = await runAlone(of, inputs, redelivered);
  const told = (outcome: Outcome) => ({
    stated: statedBy(name, outcome),
    state: lasting(name, outcome.state),
    findings: name === 'audit' ? chainFindings(outcome) : [],
  });
  const what = `${name} after redelivery`;
  const evidence = {
    records: [],
    calls: [],
    answers: [],
    redeliveries: [{ what, held: told(other), rebuilt: told(plain) }],
  };
  return redeliveryFolds.check(evidence);
};

describe.each(names)('%s', (name) => {
  test('folds to the same whatever comes again', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(5), redelivery(name, false), async (log, again) => {
        expect(await compared(name, logs[log]!, again)).toEqual([]);
      }),
      { numRuns: 25, seed: 4 },
    );
  });

  // How often calls failed an instance of routing knows only of those that it heard of: its targets may be others then.
  test.skipIf(name === 'routing')('folds to the same whoever takes over', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(5), redelivery(name, true), async (log, again) => {
        expect(await compared(name, logs[log]!, again)).toEqual([]);
      }),
      { numRuns: 25, seed: 5 },
    );
  });
});

/** Failures of targets and openings of breakers are what routing counts. */
const sick: LoggedRecord[][] = [];
const SICK = 6;
beforeAll(async () => {
  for (let seed = 1; sick.length < SICK; seed++) {
    const { evidence } = await simulate(seed, { faults: ['sickness'] });
    const failures = evidence.records.filter(({ type }) => type === 'AttemptFailed');
    if (failures.length >= 5) sick.push([...evidence.records]);
  }
}, 60_000);

/** Its log refuses these of its appends, from the first on. */
const refusing = (name: Name, refused: readonly boolean[], onRefusal = () => {}) => {
  let appends = 0;
  return (log: Log): AnyProcessor => {
    const { append } = log;
    log.append = async (events, signal) => {
      if (!refused[appends++]) return append(events, signal);
      onRefusal();
      throw new RuntimeError('PARLEY_LOG_UNAVAILABLE', 'refused');
    };
    return processorOf(name)(log);
  };
};

/** What every breaker says, and its counts: one instance heard of everything. */
const breakersOf = ({ state }: Outcome) =>
  [...(state as RoutingState).breakers]
    .map(([target, { current, previous, open, openings }]) => ({
      target,
      open: open && { until: open.until, probed: open.probe?.call },
      openings,
      calls: current.calls + previous.calls,
      failures: current.failures + previous.failures,
    }))
    .sort((a, b) => (a.target < b.target ? -1 : 1));

test('routing decides and counts the same when its appends fail', async () => {
  let openings = 0;
  let refusals = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.nat(SICK - 1),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 60 }),
      async (log, refused) => {
        const inputs = inputsOf(processorOf('routing')({ partitionOf: () => 0 } as unknown as Log), sick[log]!).filter(
          ({ source }) => source !== 'routing',
        );
        const plain = await runAlone(processorOf('routing'), inputs, once);
        const other = await runAlone(
          refusing('routing', refused, () => void refusals++),
          inputs,
          once,
        );
        openings += plain.records.filter(({ type }) => type === 'BreakerOpened').length;
        expect(statedBy('routing', other)).toEqual(statedBy('routing', plain));
        expect(breakersOf(other)).toEqual(breakersOf(plain));
      },
    ),
    { numRuns: 40, seed: 6 },
  );
  expect(refusals).toBeGreaterThan(0);
  expect(openings).toBeGreaterThan(0);
}, 60_000);

test('a processor that keeps what it cannot read back is found', async () => {
  const counting = (log: Log): AnyProcessor => ({
    ...processorOf('metering')(log),
    initialState: () => 0,
    decide: () => [],
    evolve: (count, { type }) => (type === 'ResponseCompleted' ? count + 1 : count),
  });
  const responses = (records: readonly LoggedRecord[]) =>
    records.filter(({ type }) => type === 'ResponseCompleted').length;
  const longest = logs.toSorted((a, b) => responses(b) - responses(a))[0]!;
  expect(responses(longest)).toBeGreaterThan(2);
  const found = await compared('metering', longest, { ...once, crashes: [3] }, counting);
  expect(found.map(({ invariant }) => invariant)).toEqual(['redelivery folds']);
});
