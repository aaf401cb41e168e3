import type { Task } from '@a2a-js/sdk';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { applyUpdate } from '../runtime/a2a/apply-update.ts';
import { artifactDigest } from '../runtime/a2a/digests.ts';
import { readUpdate } from '../runtime/a2a/json.ts';
import { isTerminal, stateOfName } from '../runtime/a2a/states.ts';
import type { AnyRecorded } from '../runtime/log.ts';
import {
  artifact,
  CONTEXT,
  called,
  cancelled,
  fired,
  message,
  Run,
  reported,
  slept,
  status,
  task,
  turnOf,
} from './run-for-tests.ts';
import type { TaskStateInput } from './task-state.ts';

const taskId = fc.constantFrom('one', 'two', 'three');
/** The task that each was begun for. */
const parents: Record<string, string> = { one: '', two: 'one', three: 'two' };
const agent = fc.constantFrom('writer', 'writer', 'writer', 'reader');
const state = fc.constantFrom('SUBMITTED', 'WORKING', 'WORKING', 'INPUT_REQUIRED', 'COMPLETED', 'CANCELED');
const timestamp = fc.constantFrom(undefined, '2026-01-01T00:00:01Z', '2026-01-01T00:00:02Z');
const texts = fc.array(fc.constantFrom('x', 'y'), { minLength: 1, maxLength: 2 });
const artifactId = fc.constantFrom('a', 'b');

type Step = (n: number) => AnyRecorded<TaskStateInput>;
const at = (n: number) => ({ id: `event-${n}`, offset: n, time: 1_000 + n });
const say = (update: (n: number) => object | string) =>
  fc.record({ taskId, agent }).map(
    (data): Step =>
      (n) =>
        reported(update(n), data, at(n)),
  );

const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ taskId, announced: fc.boolean(), state, timestamp }).map(
    ({ taskId, announced, state, timestamp }): Step =>
      (n) =>
        reported(
          task(state, { status: { state: `TASK_STATE_${state}`, timestamp } }),
          { taskId, announced, parentTaskId: parents[taskId]!, turn: turnOf(`${taskId}-${n}`) },
          at(n),
        ),
  ),
  taskId.map(
    (taskId): Step =>
      (n) =>
        reported(
          { message: message(`more-${n}`, 'and', 'ROLE_USER') },
          { taskId, turn: turnOf(`${taskId}-${n}`) },
          at(n),
        ),
  ),
  fc.tuple(state, timestamp).chain(([name, timestamp]) => say(() => status(name, { timestamp: timestamp ?? '' }))),
  fc.tuple(artifactId, texts, fc.boolean()).chain(([id, list, append]) => say(() => artifact(id, list, { append }))),
  fc.tuple(state, artifactId, texts).chain(([name, artifactId, list]) =>
    say((n) =>
      task(name, {
        artifacts: [{ artifactId, parts: list.map((text) => ({ text })) }],
        history: [message(`said-${n}`)],
      }),
    ),
  ),
  fc
    .constantFrom('ROLE_AGENT', 'ROLE_USER')
    .chain((role) => say((n) => ({ message: message(`answer-${n}`, '', role) }))),
  say(() => 'what?'),
  taskId.map(
    (taskId): Step =>
      (n) =>
        called({ taskId, callId: `call-${n}` }, at(n)),
  ),
  taskId.map(
    (taskId): Step =>
      (n) =>
        slept({ taskId, timerId: `timer-${n}` }, at(n)),
  ),
  taskId.map(
    (taskId): Step =>
      (n) =>
        cancelled(taskId, at(n)),
  ),
  // Of a turn that may have begun a little while ago.
  fc.tuple(taskId, fc.integer({ min: 1, max: 4 })).map(
    ([taskId, ago]): Step =>
      (n) =>
        fired(`deadline.${taskId}-${n - ago}`, { taskId }, { ...at(n), key: `${CONTEXT}/${taskId}.` }),
  ),
);
const scripts = fc.array(steps, { minLength: 5, maxLength: 40 }).map((list) => list.map((step, n) => step(n)));

const snapshots = (run: Run) =>
  Object.fromEntries(run.of('TaskSnapshot').map(({ key, data }) => [key, { ...data, reported: 0 }]));

test('whatever comes twice and whoever takes over, the same is said and known', () => {
  const faults = fc.array(fc.record({ after: fc.nat(40), back: fc.nat(10), isCompacted: fc.boolean() }), {
    maxLength: 3,
  });
  fc.assert(
    fc.property(scripts, faults, (script, restarts) => {
      const plain = new Run(...script);
      const run = new Run();
      script.forEach((event, i) => {
        run.take(event);
        run.take(event);
        for (const { after, back, isCompacted } of restarts) {
          if (after !== i) continue;
          run.restart(isCompacted);
          for (const again of script.slice(Math.max(0, i - back), i + 1)) run.take(again);
        }
      });
      // A cancellation that comes again also cancels what was begun in the meantime.
      const ids = (one: Run) =>
        [
          ...new Set(
            one.said.filter(({ type }) => type !== 'TaskCancelRequested').map(({ id, type }) => `${type} ${id}`),
          ),
        ].sort();
      expect(ids(run)).toEqual(ids(plain));
      expect(snapshots(run)).toEqual(snapshots(plain));
    }),
    { numRuns: 500 },
  );
});

test('updates have no gaps, lead to what the record says, end where the task ends, and each turn has one outcome', () => {
  fc.assert(
    fc.property(scripts, (script) => {
      const run = new Run(...script);
      const updates = Map.groupBy(run.of('TaskUpdated'), ({ data }) => data.taskId);
      for (const said of updates.values()) {
        expect(said.map(({ data }) => data.sequence)).toEqual(said.map((_, i) => i + 1));
        const ends = said.findIndex(({ data }) => isTerminal(stateOfName(data.state)));
        expect(ends < 0 || ends === said.length - 1).toBe(true);
      }
      for (const one of [...run.of('TaskUpdated'), ...run.of('ResponseCompleted'), ...run.of('TaskCancelRequested')])
        expect(one.key).toBe(CONTEXT);
      const open = new Set<string>();
      const records = new Map(run.of('TaskSnapshot').map(({ key, data }) => [key, data]));
      for (const record of records.values()) {
        if (record.turn) open.add(record.turn.requestId);
        const view = (updates.get(record.taskId) ?? [])
          .map(({ data }) => readUpdate(data.update))
          .reduce<Task | undefined>(applyUpdate, undefined);
        if (!view) continue;
        expect(view.status?.state).toBe(stateOfName(record.state));
        const digests = view.artifacts.map((one) => [one.artifactId, artifactDigest(one)]);
        expect(Object.fromEntries(digests)).toEqual(record.artifacts);
      }
      const outcomes = [...run.of('ResponseCompleted'), ...run.of('ResponseFailed')].map((one) => one.correlationId);
      const requests = script.flatMap((event) => (event.type === 'TaskReported' && event.data.turn?.requestId) || []);
      expect(outcomes.toSorted()).toEqual(requests.filter((id) => !open.has(id)).toSorted());
      const timers = new Map(run.said.map(({ type, key }) => [key, type]));
      const running = run
        .of('TimerSet')
        .filter(({ key, data }) => data.purpose === 'DEADLINE' && timers.get(key) === 'TimerSet');
      expect(running.map(({ data }) => data.timerId.slice('deadline.'.length)).sort()).toEqual([...open].sort());
    }),
    { numRuns: 500 },
  );
});
