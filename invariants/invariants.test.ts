import { describe, expect, test } from 'vitest';
import type { Evidence, LoggedRecord } from './evidence.ts';
import { check, invariants } from './index.ts';
import type { Of } from './reading.ts';
import { createStory, failure, type Story } from './story.ts';
import { artifactOf, beginTask, endTask, statusOf } from './task-story.ts';

const dispatched = (story: Story, id = 'r1', more: Parameters<Story['request']>[2] = {}) => {
  const request = story.request(id, 'c1', more);
  const permitted = story.permit(request);
  return { request, permitted, dispatch: story.dispatch(permitted, request) };
};

/** Completed, denied, failed over, streamed and not repeatable ones, with some events twice. */
const good = (): Story => {
  const story = createStory();
  const one = dispatched(story);
  story.call(one.dispatch);
  const completed = story.complete(one.dispatch);
  story.again(one.dispatch);
  story.again(completed);
  const usage = story.meter(completed);
  story.again(usage);
  story.deny(story.request('r2', 'c1'));
  const two = dispatched(story, 'r3', { streaming: true });
  story.call(two.dispatch);
  const failed = story.fail(two.dispatch);
  const second = story.dispatch(failed, two.request, 2);
  story.call(second);
  story.chunk(second, 0);
  story.chunk(second, 1);
  story.meter(story.complete(second, 2));
  const once = dispatched(story, 'r4', { repeatable: false });
  story.say(once.dispatch, 'AttemptBegun', { target: once.dispatch.data.target, attempt: 1 });
  story.call(once.dispatch);
  const limited = story.fail(once.dispatch, { failure: { ...failure, reason: 'RATE_LIMITED', status: 429 } });
  const third = story.dispatch(limited, once.request, 2);
  story.call(third);
  story.meter(story.complete(third));
  return story;
};

/** A task with an artifact, a call of a model, a step, a timer, and one that was begun in its course. */
const task = (story: Story) => {
  const own = beginTask(story, 'task');
  own.report(statusOf('task', 'WORKING'));
  own.keep();
  const call = own.call('one');
  const asking = own.calling(call);
  const answer = story.complete(story.dispatch(story.permit(asking), asking));
  story.meter(answer);
  const ending = { outcome: 'COMPLETED' as const, status: 200, reason: '', message: Buffer.from('{}') };
  story.say(answer, 'CallAnswered', { agent: 'clerk', taskId: 'task', callId: 'one', ...ending });
  const recorded = { agent: 'clerk', taskId: 'task', step: 1, name: 'step', result: Buffer.from('1'), failed: false };
  story.effect('task', 'step', 'first run');
  story.say(own.dispatch, 'StepRecorded', recorded);
  const child = beginTask(story, 'child', 'task');
  return { ...own, child, called: call };
};
const timer = (story: Story, cause: LoggedRecord, at: number) => {
  const data = { timerId: 'nap', taskId: 'task', agent: 'clerk', purpose: 'SLEEP' as const, at };
  return story.say({ ...cause, key: 'c1/task.nap' } as LoggedRecord, 'TimerSet', data, `nap until ${at}`);
};
const fire = (story: Story, set: ReturnType<typeof timer>, index = 'fired') => {
  const { timerId, taskId, agent, purpose } = set.data;
  const fired = story.say(set, 'TimerFired', { timerId, taskId, agent, purpose }, index);
  story.say({ ...fired, key: 'c1' } as LoggedRecord, 'TimerElapsed', { agent, taskId, timerId });
  return fired;
};
const goodTask = (story = good()) => {
  const own = task(story);
  own.report(artifactOf('task', 'text'));
  own.keep();
  fire(story, timer(story, own.dispatch, 0));
  endTask(story, own.child, 'COMPLETED');
  endTask(story, own, 'COMPLETED');
  return { story, ...own };
};

test('tasks of agents that do what they should keep every promise', () => {
  expect(check(goodTask().story.evidence())).toEqual([]);
});

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

const without = (evidence: Evidence, gone: (record: LoggedRecord) => boolean): Evidence => ({
  ...evidence,
  records: evidence.records.filter((record) => !gone(record)),
});

test('good evidence keeps every promise', () => {
  expect(check(good().evidence())).toEqual([]);
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

const isDelivered = ({ type }: LoggedRecord) => type === 'MessageDelivered';

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
  [
    'updates numbered',
    'an update that is missing',
    () => without(goodTask().story.evidence(), (r) => r.type === 'TaskUpdated' && r.data.sequence === 2),
  ],
  [
    'updates numbered',
    'an update after the end',
    () => {
      const { story, report, keep } = goodTask();
      report(statusOf('task', 'WORKING'));
      keep();
      return story.evidence();
    },
  ],
  [
    'updates numbered',
    'a task that is submitted again',
    () => {
      const story = good();
      const own = task(story);
      own.report(statusOf('task', 'SUBMITTED'));
      own.keep();
      return story.evidence();
    },
  ],
  [
    'tasks fold',
    'a record with another artifact',
    () => {
      const { story, keep } = goodTask();
      keep({ artifacts: { a: 'another' } });
      return story.evidence();
    },
  ],
  [
    'tasks fold',
    'a record that is behind',
    () => {
      const { story, keep } = goodTask();
      keep({ sequence: 1 });
      return story.evidence();
    },
  ],
  [
    'own tasks only',
    'a task that another agent goes on with',
    () => {
      const story = good();
      const own = task(story);
      own.report(statusOf('task', 'WORKING'), 'thief');
      own.keep();
      return story.evidence();
    },
  ],
  [
    'calls once',
    'a call that becomes two requests',
    () => {
      const { story, called, calling } = goodTask();
      const again = calling(called);
      story.again({ ...again, id: 'another' });
      return story.evidence();
    },
  ],
  [
    'calls once',
    'a call that nothing comes of',
    () => {
      const story = good();
      task(story).call('two');
      return story.evidence();
    },
  ],
  [
    'calls once',
    'a call for nobody before its agent',
    () => {
      const story = good();
      const own = task(story);
      own.calling(own.call('two'), []);
      return story.evidence();
    },
  ],
  ['agents told', 'a message that is not delivered', () => without(goodTask().story.evidence(), isDelivered)],
  [
    'agents told',
    'an answer that is told twice',
    () => {
      const { story } = goodTask();
      const evidence = story.evidence();
      const answered = evidence.records.find(({ type }) => type === 'CallAnswered')!;
      story.again({ ...answered, id: 'another' });
      return evidence;
    },
  ],
  [
    'steps once',
    'a step that is done again after it was recorded',
    () => {
      const { story } = goodTask();
      story.effect('task', 'step', 'second run');
      return story.evidence();
    },
  ],
  [
    'steps once',
    'a step that is done twice in a run',
    () => {
      const { story } = goodTask();
      const evidence = story.evidence();
      return { ...evidence, effects: [...evidence.effects!, ...evidence.effects!] };
    },
  ],
  [
    'ended in time',
    'a turn that outlasts its deadline',
    () => {
      const story = good();
      task(story);
      const evidence = story.evidence();
      return { ...evidence, endedAt: evidence.endedAt! + 120_000 };
    },
  ],
  [
    'ended in time',
    'a cancelled task that goes on',
    () => {
      const story = good();
      const own = task(story);
      const { subject } = own.request.data.request;
      const cancelled = { taskId: 'task', agent: 'clerk', subject, reason: 'not wanted' };
      story.say(own.request, 'TaskCancelRequested', cancelled);
      return story.evidence();
    },
  ],
  [
    'sub-tasks cancelled',
    'a task whose parent was cancelled',
    () => {
      const story = good();
      endTask(story, task(story), 'CANCELED');
      return story.evidence();
    },
  ],
  [
    'timers once',
    'a timer that fires too early',
    () => {
      const { story, dispatch } = goodTask();
      fire(story, timer(story, dispatch, dispatch.time + 60_000));
      return story.evidence();
    },
  ],
  [
    'timers once',
    'a timer that fires twice',
    () => {
      const { story, dispatch } = goodTask();
      const set = timer(story, dispatch, 1);
      fire(story, set);
      fire(story, set, 'again');
      return story.evidence();
    },
  ],
  [
    'timers once',
    'a timer that never fires',
    () => {
      const { story, dispatch } = goodTask();
      timer(story, dispatch, 1);
      return story.evidence();
    },
  ],
];

describe('finds', () => {
  test.each(broken)('%s: %s', (invariant, _, evidence) => {
    const violations = check(evidence());
    expect(violations.map((v) => v.invariant)).toContain(invariant);
  });

  test('every invariant is among them', () => {
    expect(new Set(broken.map(([invariant]) => invariant))).toEqual(new Set(invariants.map(({ name }) => name)));
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
