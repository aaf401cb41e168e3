/** Agents over HTTP in the simulation: all that may become of a message to them is seen, and so is a mesh that misreports them. */
import { beforeAll, describe, expect, test } from 'vitest';
import { isReadable } from '../invariants/reading.ts';
import { caseOf } from '../services/runtime/a2a/json.ts';
import type { AnyRecorded, Event } from '../services/runtime/log.ts';
import { withLog } from './broken.ts';
import { httpAgentNames } from './configuration.ts';
import { simulate } from './simulate.ts';

const TIMEOUT_MS = 300_000;
const names: readonly string[] = httpAgentNames;

describe('in a few hundred seeds', () => {
  const said = new Set<string>();
  const failures = new Set<string>();
  const states = new Set<string>();
  const methods = new Set<string>();

  beforeAll(async () => {
    for (let seed = 1; seed <= 300; seed++) {
      const { evidence, trace } = await simulate(seed);
      for (const record of evidence.records.filter(isReadable)) {
        if (record.type === 'TaskUpdated' && names.includes(record.data.agent)) states.add(record.data.state);
        if (record.source !== 'edge-a2a') continue;
        said.add(record.type);
        if (record.type === 'ResponseFailed' || record.type === 'AttemptFailed')
          failures.add(`${record.type} ${record.data.failure.reason}`);
      }
      for (const line of trace) if (/ (courier|poller) is asked: /.test(line)) methods.add(line.split(': ')[1]!);
    }
  }, TIMEOUT_MS);

  test('agents are sent messages, followed, asked again, cancelled and searched', () => {
    const all = ['SendMessage', 'SendStreamingMessage', 'GetTask', 'SubscribeToTask', 'CancelTask', 'ListTasks'];
    expect([...methods].sort()).toEqual(all.sort());
  });

  test('their tasks come into every state', () => {
    const all = [
      'SUBMITTED',
      'WORKING',
      'INPUT_REQUIRED',
      'AUTH_REQUIRED',
      'COMPLETED',
      'FAILED',
      'REJECTED',
      'CANCELED',
    ];
    expect([...states].sort()).toEqual(all.map((state) => `TASK_STATE_${state}`).sort());
  });

  test('messages go wrong in several ways', () => {
    const all = ['CONNECT_FAILED', 'REQUEST_REFUSED', 'UPSTREAM_ERROR'].map((reason) => `AttemptFailed ${reason}`);
    for (const failure of [...all, 'ResponseFailed OUTCOME_UNKNOWN']) expect(failures).toContain(failure);
  });

  test('the edge says all that it says of agents', () => {
    for (const type of ['AttemptBegun', 'AttemptFailed', 'TaskReported', 'ResponseCompleted', 'EventDeadLettered'])
      expect(said).toContain(type);
  });
});

const isPart = (event: Event) =>
  event.type === 'TaskReported' && caseOf((event as Event<'TaskReported'>).data.update) === 'artifactUpdate';
const message = { messageId: 'another', role: 'ROLE_USER', parts: [{ text: 'another' }] };
const another = Buffer.from(JSON.stringify({ message }));
const misheard = (record: AnyRecorded): AnyRecorded =>
  record.type === 'RequestDispatched'
    ? { ...record, data: { ...record.data, request: { ...record.data.request, message: another } } }
    : record;

test.each([
  {
    how: 'parts of artifacts are lost',
    parts: withLog('edge-a2a', (log) => ({
      append: (events, signal) =>
        log.append(
          events.filter((event) => !isPart(event)),
          signal,
        ),
    })),
    found: 'as its agent has it',
  },
  {
    how: 'agents are told what nobody said',
    parts: withLog('edge-a2a', (log) => ({
      consume: (group, topics, consumer) =>
        log.consume(group, topics, { ...consumer, handle: (record) => consumer.handle(misheard(record)) }),
    })),
    found: 'message whole',
  },
])(
  '$how: $found',
  async ({ parts, found }) => {
    for (let seed = 1; seed <= 100; seed++) {
      const { violations } = await simulate(seed, { parts, faults: [] });
      if (violations.some(({ invariant }) => invariant === found)) return;
    }
    expect.fail('nothing was found in 100 seeds');
  },
  TIMEOUT_MS,
);
