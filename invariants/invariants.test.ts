import { describe, expect, test } from 'vitest';
import { brokenTasks } from './broken-tasks.ts';
import type { Evidence, LoggedRecord } from './evidence.ts';
import { dispatched, good, goodTask, without } from './good-story.ts';
import { check, invariants } from './index.ts';
import type { Of } from './reading.ts';
import { failure, type Story } from './story.ts';

const asked = ({ request }: Of<'RequestReceived'>['data']) => ({
  subject: request.subject,
  action: request.action,
  resource: request.resource,
});
const responseFailed = (story: Story, request: Of<'RequestReceived'>, cause: LoggedRecord) =>
  story.say(cause, 'ResponseFailed', {
    ...asked(request.data),
    target: { id: 't', connection: 'c', name: 'n' },
    attempt: 1,
    failure,
    chunks: 0,
    meters: {},
    estimated: false,
  });

test('good evidence keeps every promise', () => {
  expect(check(good().evidence())).toEqual([]);
});

test('tasks of agents that do what they should keep every promise', () => {
  expect(check(goodTask().story.evidence())).toEqual([]);
});

test('where the run ended early, what is open is no violation', () => {
  const story = good();
  const { dispatch } = dispatched(story, 'r9');
  story.call(dispatch);
  const whole = story.evidence();
  const last = Math.max(...whole.records.filter((r) => r.topic === 'mesh.audit').map((r) => r.offset));
  const open = without(whole, (r) => r.topic === 'mesh.audit' && r.offset === last);
  expect(check({ ...open, mayBeOpen: true })).toEqual([]);
  expect(new Set(check(open).map((v) => v.invariant))).toEqual(new Set(['one outcome', 'audit whole']));
});

test('what is not known of places in the log is not held against the mesh', () => {
  const { records, calls, ...rest } = good().evidence();
  const unplaced = records.map(({ sequence: _, ...record }) => record as LoggedRecord);
  expect(check({ ...rest, records: unplaced, calls: calls.map(({ logged: _, ...call }) => call) })).toEqual([]);
});

/** A call that is not repeatable, at an upstream that is not told of its dispatch. @param refused of each time that it came */
const untold = (requestId: string, ...refused: boolean[]): Evidence => {
  const story = good();
  const { dispatch } = dispatched(story, 'r9', { repeatable: false });
  story.meter(story.complete(dispatch));
  const evidence = story.evidence();
  const untold = refused.map((refused) => ({ dispatchId: '', requestId, at: 0, refused }));
  return { ...evidence, calls: [...evidence.calls, ...untold] };
};

/** A tool that a client was shown and that was let be called, after these were said of it: a digest that its server has, or that was approved. */
const offered = (...said: ({ observed: string } | { approved: string })[]): Evidence => {
  const story = good();
  const cause = { id: 'catalogue', key: 'files/TOOL send', correlationId: 'catalogue' } as LoggedRecord;
  const tool = { server: 'files', kind: 'TOOL' as const, name: 'send', definition: Buffer.from('{}') };
  for (const [i, one] of said.entries())
    if ('observed' in one)
      story.say(cause, 'DefinitionObserved', { ...tool, digest: one.observed, findings: [] }, `${i}`);
    else {
      const review = { verdict: 'APPROVED' as const, by: 'mesh', note: '', digest: one.approved };
      story.say(cause, 'DefinitionReviewed', { ...tool, ...review }, `${i}`);
    }
  const resource = { type: 'tool', id: 'files/send' };
  const { dispatch } = dispatched(story, 'r9', { action: 'tool.call', resource });
  story.meter(story.complete(dispatch));
  const evidence = story.evidence();
  const { sequence = 0, time } = dispatch;
  return { ...evidence, shown: [{ server: 'files', tool: 'send', at: time, logged: sequence }] };
};
/** As long after as nobody can be behind. */
const later = ({ records, shown = [], ...rest }: Evidence): Evidence => {
  const at = 200_000;
  const late = records.map((record) =>
    record.type === 'RequestPermitted' ? Object.assign(record, { time: record.time + at }) : record,
  );
  return { ...rest, records: late, shown: shown.map((one) => ({ ...one, at: one.at + at })) };
};
const approved = [{ observed: 'a' }, { approved: 'a' }] as const;

test('a tool that is as it was approved may be called, and for a while one that was', () => {
  expect(check(offered(...approved))).toEqual([]);
  expect(check(offered(...approved, { observed: 'b' }))).toEqual([]);
});

test('a call that its upstream knows by its request may be refused before it is performed', () => {
  expect(check(untold('r9', true, true, false))).toEqual([]);
});

/** Each breaks one promise of a mesh that is well otherwise. */
const broken: [invariant: string, how: string, evidence: () => Evidence][] = [
  [
    'one outcome',
    'a request without one',
    () => {
      const story = good();
      dispatched(story, 'r9');
      return story.evidence();
    },
  ],
  [
    'one outcome',
    'a request with two',
    () => {
      const story = good();
      const { request, dispatch } = dispatched(story, 'r9');
      story.meter(story.complete(dispatch));
      responseFailed(story, request, dispatch);
      return story.evidence();
    },
  ],
  [
    'one outcome',
    'an outcome of a request that is not in the log',
    () => without(good().evidence(), (r) => r.type === 'RequestReceived' && r.id === 'r2'),
  ],
  [
    'nothing dark',
    'a call without a name',
    () => {
      const evidence = good().evidence();
      return { ...evidence, calls: [...evidence.calls, { dispatchId: '', at: 0 }] };
    },
  ],
  [
    'nothing dark',
    'a call without a dispatch',
    () => {
      const evidence = good().evidence();
      return { ...evidence, calls: [...evidence.calls, { dispatchId: 'nobody', at: 0 }] };
    },
  ],
  [
    'nothing dark',
    'a call before its dispatch was durable',
    () => {
      const evidence = good().evidence();
      const [first, ...others] = evidence.calls;
      return { ...evidence, calls: [{ ...first!, logged: 2 }, ...others] };
    },
  ],
  [
    'nothing dark',
    'a call without a decision',
    () => without(good().evidence(), (r) => r.type === 'RequestPermitted' && r.correlationId === 'r1'),
  ],
  [
    'at most once',
    'a call that is not repeatable, made twice',
    () => {
      const story = good();
      const { dispatch } = dispatched(story, 'r9', { repeatable: false });
      story.call(dispatch);
      story.call(dispatch);
      story.meter(story.complete(dispatch));
      return story.evidence();
    },
  ],
  [
    'at most once',
    'another attempt at it after one that may have been performed',
    () => {
      const story = good();
      const { request, dispatch } = dispatched(story, 'r9', { repeatable: false });
      story.call(dispatch);
      const second = story.dispatch(story.fail(dispatch), request, 2);
      story.call(second);
      story.meter(story.complete(second));
      return story.evidence();
    },
  ],
  ['nothing dark', 'a call of no request that is in the log', () => untold('', false)],
  ['at most once', 'a call that is performed twice for one request', () => untold('r9', false, false)],
  [
    'once under a key',
    'a call that is performed again for another request with its key',
    () => {
      const evidence = untold('r9', false);
      const calls = evidence.calls.map((call) => (call.requestId === undefined ? call : { ...call, key: 'k' }));
      return { ...evidence, calls: [...calls, { dispatchId: '', requestId: 'r4', at: 0, key: 'k' }] };
    },
  ],
  ['only what was approved', 'a tool that nobody approved', () => offered({ observed: 'a' })],
  [
    'only what was approved',
    'a tool that has long been another than was approved',
    () => later(offered(...approved, { observed: 'b' })),
  ],
  [
    'only what was approved',
    'a tool that is shown before it is approved',
    () => {
      const { shown = [], ...rest } = offered(...approved);
      return { ...rest, shown: shown.map((one) => ({ ...one, logged: 3 })) };
    },
  ],
  [
    'usage once',
    'usage counted twice',
    () => {
      const story = good();
      const { dispatch } = dispatched(story, 'r9');
      const usage = story.meter(story.complete(dispatch));
      story.again({ ...usage, id: 'another' });
      return story.evidence();
    },
  ],
  ['usage once', 'usage not counted', () => without(good().evidence(), (r) => r.type === 'UsageRecorded')],
  [
    'usage once',
    'usage of a failure that used nothing',
    () => {
      const story = good();
      const { request, dispatch } = dispatched(story, 'r9');
      story.meter(responseFailed(story, request, dispatch));
      return story.evidence();
    },
  ],
  [
    'usage once',
    'usage of no response',
    () => {
      const story = good();
      const { dispatch, request } = dispatched(story, 'r9');
      responseFailed(story, request, dispatch);
      story.meter(dispatch);
      return story.evidence();
    },
  ],
  [
    'only permitted routed',
    'a denied request that is dispatched',
    () => {
      const story = good();
      const request = story.request('r9', 'c1');
      story.dispatch(story.deny(request), request);
      return story.evidence();
    },
  ],
  [
    'only permitted routed',
    'a request that is dispatched undecided',
    () => {
      const story = good();
      const request = story.request('r9', 'c1');
      const dispatch = story.dispatch(request, request);
      responseFailed(story, request, dispatch);
      return story.evidence();
    },
  ],
  [
    'only permitted routed',
    'a request that is permitted after it was denied',
    () => {
      const story = good();
      const request = story.request('r9', 'c1');
      story.deny(request);
      story.dispatch(story.permit(request), request);
      return story.evidence();
    },
  ],
  [
    'conversation order',
    'a later request that is decided first',
    () => {
      const story = good();
      const first = story.request('r8', 'c1');
      const second = story.request('r9', 'c1');
      story.deny(second);
      story.deny(first);
      return story.evidence();
    },
  ],
  [
    'conversation order',
    'a later request that is dispatched first',
    () => {
      const story = good();
      const [first, second] = [story.request('r8', 'c1'), story.request('r9', 'c1')];
      const [one, two] = [story.permit(first), story.permit(second)];
      for (const dispatch of [story.dispatch(two, second), story.dispatch(one, first)])
        story.meter(story.complete(dispatch));
      return story.evidence();
    },
  ],
  [
    'chunk order',
    'a chunk before the one before it',
    () => {
      const story = good();
      const { dispatch } = dispatched(story, 'r9');
      story.chunk(dispatch, 1);
      story.chunk(dispatch, 0);
      story.meter(story.complete(dispatch, 2));
      return story.evidence();
    },
  ],
  [
    'chunk order',
    'a chunk that is missing',
    () => {
      const story = good();
      const { dispatch } = dispatched(story, 'r9');
      story.chunk(dispatch, 0);
      story.meter(story.complete(dispatch, 2));
      return story.evidence();
    },
  ],
  [
    'causes first',
    'an event before the one it follows from',
    () => {
      const evidence = good().evidence();
      const [request, permitted] = evidence.records;
      const swapped = [
        { ...request!, sequence: permitted!.sequence! },
        { ...permitted!, sequence: request!.sequence! },
      ] as LoggedRecord[];
      return { ...evidence, records: [...swapped, ...evidence.records.slice(2)] };
    },
  ],
  [
    'audit whole',
    'an event without its entry',
    () => {
      const story = good();
      const evidence = story.evidence();
      story.again({ ...evidence.records[0]!, id: 'slipped in' });
      return evidence;
    },
  ],
  [
    'audit whole',
    'an entry that is gone',
    () => without(good().evidence(), (r) => r.topic === 'mesh.audit' && r.offset === 3),
  ],
  [
    'audit whole',
    'an event that was altered',
    () => {
      const evidence = good().evidence();
      const [first, ...others] = evidence.records;
      return { ...evidence, records: [{ ...first!, value: Buffer.from('other') } as LoggedRecord, ...others] };
    },
  ],
  [
    'state from the log',
    'another breaker than the log has',
    () => ({ ...good().evidence(), states: [{ what: 'routing', held: { open: true }, rebuilt: { open: false } }] }),
  ],
  [
    'redelivery folds',
    'a redelivery that counts twice',
    () => ({ ...good().evidence(), redeliveries: [{ what: 'metering', held: 2, rebuilt: 1 }] }),
  ],
  [
    'answers logged',
    'an answer that is not in the log',
    () => {
      const evidence = good().evidence();
      return { ...evidence, answers: [...evidence.answers, { requestId: 'r2', status: 200, whole: true }] };
    },
  ],
];

describe('finds', () => {
  test.each([...broken, ...brokenTasks])('%s: %s', (invariant, _, evidence) => {
    const violations = check(evidence());
    expect(violations.map((v) => v.invariant)).toContain(invariant);
  });

  test('every invariant is among them', () => {
    expect(new Set([...broken, ...brokenTasks].map(([invariant]) => invariant))).toEqual(
      new Set(invariants.map(({ name }) => name)),
    );
  });
});

test('a violation names the conversation and the request', () => {
  const story = good();
  dispatched(story, 'r9');
  const [violation] = check(story.evidence());
  expect(violation).toEqual({
    invariant: 'one outcome',
    contextId: 'c1',
    requestId: 'r9',
    message: 'it was accepted and has no outcome',
  });
});

test('what a client was told that was refused or broken off is no answer', () => {
  const evidence = good().evidence();
  const answers = [
    { requestId: 'r2', status: 403, whole: true },
    { requestId: 'r2', status: 200, whole: false },
  ];
  expect(check({ ...evidence, answers })).toEqual([]);
});
