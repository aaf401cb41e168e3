import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createMetrics } from '../runtime/metrics.ts';
import type { Folded } from '../runtime/processor.ts';
import { MAX_ARTIFACTS, MAX_UPDATES } from './course.ts';
import { taskStateProcessor } from './index.ts';
import {
  artifact,
  began,
  CONTEXT,
  called,
  cancelled,
  fired,
  json,
  message,
  Run,
  reported,
  slept,
  status,
  subject,
  task,
  turnOf,
} from './run-for-tests.ts';
import { evolve, initialState } from './task-state.ts';
import { noTasks } from './tasks.ts';

const question = { message: message('more', 'and then?', 'ROLE_USER') };
const followUp = (requestId = 'second') => reported(question, { turn: turnOf(requestId) });
const types = (said: readonly { type: string }[]) => said.map(({ type }) => type);
const refusals = (said: readonly { type: string; data: unknown }[]) =>
  said.filter(({ type }) => type === 'ReportRefused').map(({ data }) => (data as { reason: string }).reason);
const latest = (run: Run, taskId = 'task') =>
  run.of('TaskSnapshot').findLast(({ data }) => data.taskId === taskId)!.data;
const updates = (run: Run) => run.of('TaskUpdated').map(({ data }) => json(data.update));
const ids = { taskId: 'task', contextId: CONTEXT };

describe('a task that begins', () => {
  test('is said with the ids of the mesh, for the request that began it, and its turn has a deadline', () => {
    const run = new Run(began({ remote: { taskId: 'theirs', contextId: 'theirs' }, parentTaskId: 'above' }));
    expect(types(run.said)).toEqual(['TaskSnapshot', 'TaskUpdated', 'TimerSet']);
    expect(run.of('TaskUpdated')[0]).toMatchObject({
      key: CONTEXT,
      correlationId: 'request',
      data: {
        ...{ taskId: 'task', agent: 'writer', subject, requestId: 'request', parentTaskId: 'above' },
        sequence: 1,
      },
    });
    expect(updates(run)).toMatchObject([{ task: { id: 'task', contextId: CONTEXT, history: [ids] } }]);
    expect(run.of('TaskSnapshot')[0]).toMatchObject({
      key: `${CONTEXT}/task`,
      data: { state: 'TASK_STATE_SUBMITTED', messages: ['question'], remote: { taskId: 'theirs' }, pending: null },
    });
    expect(run.of('TimerSet')[0]).toMatchObject({
      key: `${CONTEXT}/task.deadline.request`,
      data: { timerId: 'deadline.request', taskId: 'task', agent: 'writer', purpose: 'DEADLINE', at: 90_000 },
    });
  });

  test('that is not announced is said once the agent has said something, and not before', () => {
    const run = new Run(began({ announced: false }));
    expect(types(run.said)).toEqual(['TaskSnapshot', 'TimerSet']);
    run.take(reported(status('WORKING', { timestamp: '2026-01-01T00:00:00Z' })));
    expect(updates(run)).toMatchObject([
      { task: { status: { state: 'TASK_STATE_SUBMITTED' } } },
      { statusUpdate: { status: { state: 'TASK_STATE_WORKING' } } },
    ]);
    expect(run.of('TaskUpdated').map(({ data }) => data.sequence)).toEqual([1, 2]);
    expect(latest(run)).toMatchObject({ pending: null, sequence: 2 });
  });

  test('that is not announced is said before a second message for it is, and is as old as it is', () => {
    const run = new Run(began({ announced: false }));
    const { updatedAt } = latest(run);
    run.take(followUp());
    expect(updates(run)).toMatchObject([{ task: {} }, { message: { messageId: 'more' } }]);
    expect(run.of('TaskUpdated').map(({ correlationId }) => correlationId)).toEqual(['request', 'second']);
    expect(latest(run).updatedAt).toBe(updatedAt);
  });

  test('and has ended at once has its outcome, and no timer', () => {
    const run = new Run(began({ announced: false }, task('COMPLETED')));
    expect(types(run.said)).toEqual(['TaskSnapshot', 'TaskUpdated', 'ResponseCompleted']);
    expect(json(run.of('ResponseCompleted')[0]!.data.message)).toMatchObject({
      statusUpdate: { ...ids, status: { state: 'TASK_STATE_COMPLETED' } },
    });
  });

  test.each([
    ['bytes that are none', 'what?', 'MALFORMED'],
    ['a status', status('WORKING'), 'MALFORMED'],
    [
      'too many artifacts',
      task('WORKING', { artifacts: Array.from({ length: MAX_ARTIFACTS + 1 }, (_, i) => ({ artifactId: `${i}` })) }),
      'TOO_MANY',
    ],
  ])('with %s has failed, and who asked hears of it', (_, update, reason) => {
    const run = new Run(reported(update, { turn: turnOf('request') }));
    expect(refusals(run.said)).toEqual([reason]);
    expect(run.of('TaskUpdated')[0]!.data.state).toBe('TASK_STATE_FAILED');
    expect(run.of('ResponseCompleted')[0]!.correlationId).toBe('request');
  });

  test('with its first report repeated is begun once', () => {
    const run = new Run(began());
    expect(run.take(began())).toEqual([]);
  });

  test.each([undefined, '', 'yesterday'])(
    'gets the time at which its status was heard, where that says %o',
    (timestamp) => {
      const said = status('WORKING', timestamp === undefined ? {} : { timestamp });
      const run = new Run(began(), reported(said, {}, { time: 0 }));
      expect(updates(run)[1].statusUpdate.status.timestamp).toBe('1970-01-01T00:00:00.000Z');
    },
  );
});

describe('what an agent says of its task', () => {
  test('is said one after another, with the ids of the mesh whatever it names', () => {
    const forged = { statusUpdate: { ...status('WORKING').statusUpdate, taskId: 'another', contextId: 'elsewhere' } };
    const run = new Run(began(), reported(forged), reported(artifact('a', ['x'])));
    expect(updates(run).slice(1)).toMatchObject([
      { statusUpdate: ids },
      { artifactUpdate: { ...ids, artifact: { artifactId: 'a', parts: [{ text: 'x' }] } } },
    ]);
    expect(run.of('TaskUpdated').map(({ data }) => [data.sequence, data.state])).toEqual([
      [1, 'TASK_STATE_SUBMITTED'],
      [2, 'TASK_STATE_WORKING'],
      [3, 'TASK_STATE_WORKING'],
    ]);
    expect(new Set(run.of('TaskUpdated').map(({ correlationId }) => correlationId))).toEqual(new Set(['request']));
  });

  test('again is nothing', () => {
    const run = new Run(began(), reported(status('WORKING')), reported(artifact('a', ['x'])));
    expect(run.take(reported(status('WORKING')))).toEqual([]);
    expect(run.take(reported(artifact('a', ['x'])))).toEqual([]);
    expect(run.take(reported(task('WORKING', { artifacts: [{ artifactId: 'a', parts: [{ text: 'x' }] }] })))).toEqual(
      [],
    );
  });

  test('of an artifact is appended, and known as a whole', () => {
    const run = new Run(began(), reported(artifact('a', ['x'])), reported(artifact('a', ['y'], { append: true })));
    expect(run.take(reported(artifact('a', ['x', 'y'])))).toEqual([]);
    const whole = task('WORKING', {
      artifacts: [{ artifactId: 'a', parts: [{ text: 'x' }, { text: 'y' }, { text: 'z' }] }],
    });
    run.take(reported(whole));
    expect(updates(run).slice(3)).toMatchObject([
      { artifactUpdate: { append: true, artifact: { parts: [{ text: 'z' }] } } },
      { statusUpdate: { status: { state: 'TASK_STATE_WORKING' } } },
    ]);
  });

  test('of two artifacts with names of JavaScript is about these', () => {
    const run = new Run(began(), reported(artifact('constructor', ['x'])), reported(artifact('toString', ['x'])));
    expect(Object.keys(latest(run).artifacts)).toEqual(['constructor', 'toString']);
    expect(run.take(reported(artifact('constructor', ['x'])))).toEqual([]);
  });

  test('whole after a connection was lost is taken as what is new', () => {
    const run = new Run(began({ announced: false }));
    const whole = task('COMPLETED', {
      artifacts: [{ artifactId: 'a', parts: [{ text: 'x' }] }],
      history: [message('question', 'please', 'ROLE_USER'), message('said')],
    });
    run.take(reported(whole));
    expect(updates(run)).toMatchObject([
      { task: {} },
      { message: { messageId: 'said' } },
      { artifactUpdate: {} },
      { statusUpdate: {} },
    ]);
    expect(run.of('ResponseCompleted')[0]!.data.meters).toEqual({ agent_updates: 3 });
  });

  test.each([
    ['bytes that are none', () => reported('{'), 'MALFORMED'],
    ['that it is submitted again', () => reported(status('SUBMITTED', { timestamp: 'x' })), 'ILLEGAL_TRANSITION'],
    ['that as a whole', () => reported(task('SUBMITTED')), 'ILLEGAL_TRANSITION'],
    ['as the user', () => reported(question), 'ILLEGAL_TRANSITION'],
    ['of a task of another agent', () => reported(status('COMPLETED'), { agent: 'reader' }), 'NOT_ITS_TASK'],
    ['of no task', () => reported(status('COMPLETED'), { taskId: 'none' }), 'UNKNOWN_TASK'],
    [
      'of the task in another conversation',
      () => reported(status('COMPLETED'), {}, { key: 'elsewhere' }),
      'UNKNOWN_TASK',
    ],
    ['in a message beside its states', () => reported({ message: message('m') }), 'ILLEGAL_TRANSITION'],
  ])('%s is refused, and changes nothing', (_, event, reason) => {
    const run = new Run(began(), reported(status('WORKING')));
    const before = latest(run);
    const said = run.take(event());
    expect(types(said)).toEqual(['ReportRefused']);
    expect(refusals(said)).toEqual([reason]);
    expect(latest(run)).toBe(before);
  });

  test('keeps only the ids of its last messages', () => {
    const run = new Run(began());
    for (let i = 0; i < 150; i++) run.take(reported(status('WORKING', { message: message(`m${i}`) })));
    expect(latest(run).messages).toHaveLength(100);
    expect(latest(run).messages.at(-1)).toBe('m149');
  });
});

describe('an end', () => {
  test.each(['COMPLETED', 'FAILED', 'CANCELED', 'REJECTED'])('%s ends the turn, and nothing comes after it', (end) => {
    const run = new Run(began());
    expect(types(run.take(reported(status(end))))).toEqual([
      'TaskSnapshot',
      'TaskUpdated',
      'ResponseCompleted',
      'TimerCleared',
    ]);
    expect(run.of('TimerCleared')[0]!.key).toBe(`${CONTEXT}/task.deadline.request`);
    expect(latest(run).turn).toBeNull();
    expect(refusals(run.take(reported(status('WORKING'))))).toEqual(['TASK_ENDED']);
    expect(refusals(run.take(reported(artifact('a', ['x']))))).toEqual(['TASK_ENDED']);
    expect(refusals(run.take(reported('?')))).toEqual(['MALFORMED']);
    expect(refusals(run.take(reported(status(end), { agent: 'reader' })))).toEqual(['NOT_ITS_TASK']);
    expect(run.take(reported(status(end)))).toEqual([]);
    expect(run.take(reported(task(end)))).toEqual([]);
    expect(run.take(reported(status('CANCELED', { timestamp: 'later' })))).toEqual([]);
    expect(run.take(began())).toEqual([]);
  });

  test('came before a message for the task did: that is never answered by it', () => {
    const run = new Run(began(), reported(status('COMPLETED')));
    const said = run.take(followUp());
    expect(types(said)).toEqual(['ReportRefused', 'ResponseFailed']);
    expect(run.of('ResponseFailed')[0]).toMatchObject({
      correlationId: 'second',
      data: { failure: { reason: 'REQUEST_REFUSED', message: 'The task has ended.' } },
    });
  });

  test('is remembered after another instance took over, and nothing else of the task', () => {
    const run = new Run(began(), reported(status('COMPLETED')));
    run.restart(true);
    expect(refusals(run.take(reported(status('WORKING'))))).toEqual(['TASK_ENDED']);
  });

  test('long ago is forgotten: only so many are remembered', () => {
    const run = new Run(began(), reported(status('COMPLETED')));
    let state = initialState();
    const ended = run.of('TaskSnapshot').at(-1)!;
    for (let i = 0; i <= 10_000; i++)
      state = evolve(state, { ...ended, partition: 0, data: { ...ended.data, taskId: `t${i}` } } as Folded);
    const { open, ended: kept } = state.partitions.get(0) ?? noTasks();
    expect([open.size, kept.size, kept.has('t0'), kept.has('t1')]).toEqual([0, 10_000, false, true]);
  });

  test('leaves nothing of a task but that it ended', () => {
    const run = new Run(began({ parentTaskId: 'above' }), called(), reported(status('COMPLETED')));
    let state = initialState();
    for (const one of run.said) state = evolve(state, { ...one, partition: 0 } as Folded);
    const tasks = state.partitions.get(0)!;
    expect([tasks.open.size, tasks.children.size, tasks.calls.size, [...tasks.ended.keys()]]).toEqual([
      0,
      0,
      0,
      ['task'],
    ]);
  });
});

describe('a turn', () => {
  const waiting = () => new Run(began(), reported(status('INPUT_REQUIRED')));

  test.each(['INPUT_REQUIRED', 'AUTH_REQUIRED'])('ends where the agent waits: %s', (state) => {
    const run = new Run(began(), reported(status(state, { message: message('m', 'which?') })));
    expect(json(run.of('ResponseCompleted')[0]!.data.message)).toMatchObject({
      statusUpdate: { status: { state: `TASK_STATE_${state}`, message: { ...ids, parts: [{ text: 'which?' }] } } },
    });
    expect(latest(run)).toMatchObject({ turn: null, requestId: 'request' });
  });

  test('that continues a task says the message, and has an end and a deadline of its own', () => {
    const run = waiting();
    expect(types(run.take(followUp()))).toEqual(['TaskSnapshot', 'TaskUpdated', 'TimerSet']);
    expect(updates(run).at(-1)).toMatchObject({ message: { messageId: 'more', role: 'ROLE_USER', ...ids } });
    run.take(reported(status('WORKING')));
    run.take(reported(status('INPUT_REQUIRED')));
    expect(run.of('TaskUpdated').map(({ correlationId }) => correlationId)).toEqual([
      ...['request', 'request'],
      ...['second', 'second', 'second'],
    ]);
    expect(run.of('ResponseCompleted').map(({ correlationId, data }) => [correlationId, data.meters])).toEqual([
      ['request', { agent_updates: 1 }],
      ['second', { agent_updates: 2 }],
    ]);
  });

  test('ends with a state that the turn before ended with too, unless it is said to be of then', () => {
    const untimed = waiting();
    untimed.take(followUp());
    expect(types(untimed.take(reported(status('INPUT_REQUIRED'))))).toContain('ResponseCompleted');
    const then = status('INPUT_REQUIRED', { timestamp: '2026-01-01T00:00:00Z' });
    const timed = new Run(began(), reported(then), followUp());
    expect(timed.take(reported(then))).toEqual([]);
  });

  test('that is open when another begins has its outcome then', () => {
    const run = new Run(began(), reported(status('WORKING')));
    run.take(followUp());
    expect(run.of('ResponseCompleted')).toMatchObject([{ correlationId: 'request' }]);
    expect(types(run.said).filter((type) => type.startsWith('Timer'))).toEqual([
      'TimerSet',
      'TimerCleared',
      'TimerSet',
    ]);
    run.take(reported(status('COMPLETED')));
    expect(run.of('ResponseCompleted').map(({ correlationId }) => correlationId)).toEqual(['request', 'second']);
  });

  test('that another agent is said to begin, or of no task, fails', () => {
    for (const changes of [{ agent: 'reader' }, { taskId: 'none' }]) {
      const run = waiting();
      expect(types(run.take(reported(question, { turn: turnOf('second'), ...changes })))).toEqual([
        'ReportRefused',
        'ResponseFailed',
      ]);
    }
  });

  test('is over, but the agent goes on by itself: that is of the last turn', () => {
    const run = new Run(began(), reported(status('AUTH_REQUIRED')));
    const said = run.take(reported(status('COMPLETED'), {}, { correlationId: 'agent/other/task/call' }));
    expect(types(said)).toEqual(['TaskSnapshot', 'TaskUpdated']);
    expect(run.of('TaskUpdated').at(-1)).toMatchObject({ correlationId: 'request', data: { requestId: 'request' } });
  });
});

describe('a message for an answer', () => {
  const answer = { message: { ...message('answer', 'here'), taskId: 'forged' } };

  test('is the outcome, and there never was a task', () => {
    const run = new Run(began({ announced: false }), reported(answer));
    expect(run.of('TaskUpdated')).toEqual([]);
    const sent = json(run.of('ResponseCompleted')[0]!.data.message);
    expect(sent).toMatchObject({ message: { messageId: 'answer', contextId: CONTEXT } });
    expect(sent.message.taskId).toBeUndefined();
    expect(latest(run)).toMatchObject({ state: 'TASK_STATE_COMPLETED', sequence: 0, pending: null, turn: null });
    expect(refusals(run.take(reported(status('WORKING'))))).toEqual(['TASK_ENDED']);
    expect(refusals(run.take(reported(answer)))).toEqual(['TASK_ENDED']);
  });

  test('completes a task that others were told of', () => {
    const run = new Run(began(), reported(answer));
    expect(updates(run)[1]).toMatchObject({
      statusUpdate: { status: { state: 'TASK_STATE_COMPLETED', message: { messageId: 'answer', ...ids } } },
    });
  });

  test('to a later message ends the turn, and the task waits as it did', () => {
    const run = new Run(began(), reported(status('INPUT_REQUIRED')), followUp(), reported(answer));
    expect(updates(run).at(-1)).toMatchObject({ message: { messageId: 'answer' } });
    expect(run.of('ResponseCompleted').at(-1)!.correlationId).toBe('second');
    expect(latest(run)).toMatchObject({ state: 'TASK_STATE_INPUT_REQUIRED', turn: null });
    expect(refusals(run.take(reported(answer)))).toEqual(['ILLEGAL_TRANSITION']);
  });
});

describe('a flood', () => {
  test('of updates is refused but for the one that ends the task', () => {
    const run = new Run(began());
    for (let i = 1; i < MAX_UPDATES; i++) run.take(reported(artifact('a', ['x'], { append: true })));
    expect(latest(run).sequence).toBe(MAX_UPDATES);
    expect(refusals(run.take(reported(artifact('a', ['x'], { append: true }))))).toEqual(['TOO_MANY']);
    expect(refusals(run.take(reported(status('WORKING'))))).toEqual(['TOO_MANY']);
    expect(types(run.take(reported(status('COMPLETED'))))).toContain('ResponseCompleted');
  });

  test('of artifacts is refused, and those that are there may grow', () => {
    const run = new Run(began());
    for (let i = 0; i < MAX_ARTIFACTS; i++) run.take(reported(artifact(`a${i}`, ['x'])));
    expect(refusals(run.take(reported(artifact('another', ['x']))))).toEqual(['TOO_MANY']);
    expect(types(run.take(reported(artifact('a0', ['y'], { append: true }))))).toContain('TaskUpdated');
  });
});

describe('a deadline', () => {
  test('that passes fails the task, and stops the agent and all that it began', () => {
    const run = new Run(
      began({ announced: false }),
      reported(task('WORKING'), { taskId: 'below', parentTaskId: 'task', agent: 'reader', turn: turnOf('r') }),
    );
    const said = run.take(fired('deadline.request'));
    expect(types(said)).toEqual([
      ...['TaskReported', 'TaskSnapshot', 'TaskUpdated', 'TaskUpdated', 'ResponseCompleted'],
      ...['TaskCancelRequested', 'TaskCancelRequested', 'TimerCleared'],
    ]);
    expect(json(run.of('ResponseCompleted')[0]!.data.message)).toMatchObject({
      statusUpdate: {
        status: {
          state: 'TASK_STATE_FAILED',
          timestamp: '1970-01-01T00:01:30.000Z',
          message: { ...ids, role: 'ROLE_AGENT', parts: [{ text: 'The deadline passed.' }] },
        },
      },
    });
    expect(run.of('TaskCancelRequested').map(({ data }) => [data.taskId, data.agent])).toEqual([
      ['task', 'writer'],
      ['below', 'reader'],
    ]);
  });

  test('of a turn that is over, of another one, or a timer of the agent is nothing', () => {
    const run = new Run(began(), reported(status('INPUT_REQUIRED')), followUp());
    expect(types(run.take(fired('deadline.request')))).toEqual(['TaskReported']);
    expect(run.take(fired('deadline.second', { purpose: 'SLEEP' }))).toEqual([]);
    expect(types(run.take(fired('deadline.second', { taskId: 'none' })))).toEqual(['TaskReported']);
    expect(types(run.take(fired('deadline.second')))).toContain('ResponseCompleted');
    expect(types(run.take(fired('deadline.second')))).toEqual(['TaskReported']);
  });

  test('of a nested call has an id without slashes: the key says the partition before its last slash', () => {
    const run = new Run(began({ turn: turnOf('agent/a/t/50%/x') }));
    expect(run.of('TimerSet')[0]!.key).toBe(`${CONTEXT}/task.deadline.agent%2Fa%2Ft%2F50%25%2Fx`);
    expect(types(run.take(fired('deadline.agent%2Fa%2Ft%2F50%25%2Fx')))).toContain('ResponseCompleted');
  });
});

describe('a cancellation', () => {
  const nested = (taskId: string, parentTaskId: string) =>
    reported(task('WORKING'), { taskId, parentTaskId, turn: turnOf(`request-${taskId}`) });
  const cancels = (said: readonly { type: string; data: unknown }[]) =>
    said.map(({ data }) => (data as { taskId: string }).taskId);

  test('takes with it all that was begun in the course of the task, and that is open', () => {
    const run = new Run(nested('a', ''), nested('b', 'a'), nested('c', 'b'), nested('d', 'a'), nested('e', ''));
    run.take(reported(status('COMPLETED'), { taskId: 'd' }));
    const said = run.take(cancelled('a'));
    expect(cancels(said)).toEqual(['b', 'c']);
    expect(said[0]!.data).toMatchObject({ agent: 'writer', subject, reason: 'not needed' });
  });

  test('of this service goes no further: it names all tasks already', () => {
    const run = new Run(nested('a', ''), nested('b', 'a'));
    expect(run.take(cancelled('a', { source: 'task-state' }))).toEqual([]);
  });

  test('ends where tasks were said to be begun by each other', () => {
    const run = new Run(nested('a', 'c'), nested('b', 'a'), nested('c', 'b'));
    expect(cancels(run.take(cancelled('a')))).toEqual(['b', 'c']);
    const itself = new Run(nested('a', 'a'));
    expect(itself.take(cancelled('a'))).toEqual([]);
  });

  test('holds whether the end that it led to was heard of before or after it', () => {
    const run = new Run(nested('a', ''), nested('b', 'a'), reported(status('CANCELED'), { taskId: 'a' }));
    expect(cancels(run.of('TaskCancelRequested'))).toEqual(['b']);
    expect(run.take(cancelled('a'))).toEqual([]);
    // That was on its way.
    expect(types(run.take(nested('late', 'a')))).toContain('TaskCancelRequested');
    const asking = reported(task('INPUT_REQUIRED'), { taskId: 'asks', parentTaskId: 'a', turn: turnOf('r') });
    expect(types(run.take(asking))).toContain('TaskCancelRequested');
    const done = reported(task('COMPLETED'), { taskId: 'done', parentTaskId: 'a', turn: turnOf('s') });
    expect(types(run.take(done))).not.toContain('TaskCancelRequested');
  });

  test('is of all that began before the end that it led to, each once', () => {
    const run = new Run(nested('a', ''), nested('b', 'a'));
    expect(cancels(run.take(cancelled('a')))).toEqual(['b']);
    run.take(nested('c', 'a'));
    run.take(reported(status('CANCELED'), { taskId: 'a' }));
    expect(cancels(run.of('TaskCancelRequested'))).toEqual(['b', 'c']);
  });

  test('of a task that had completed is nothing', () => {
    const run = new Run(nested('a', ''), nested('b', 'a'), reported(status('COMPLETED'), { taskId: 'a' }));
    expect(run.take(cancelled('a'))).toEqual([]);
    expect(types(run.take(nested('late', 'a')))).not.toContain('TaskCancelRequested');
  });
});

describe('a call of an agent', () => {
  const send = (changes: object = {}) =>
    called({
      action: 'agent.send',
      resource: { type: 'agent', id: 'reader' },
      protocol: 'a2a',
      message: Buffer.from(JSON.stringify({ message: { ...message('m', 'read', 'ROLE_USER'), ...changes } })),
    });
  const requestOf = (run: Run) => run.of('RequestReceived').at(-1)!.data.request;

  test('is a request of the agent itself, for the person of the task, through who asked for it', () => {
    const run = new Run(began(), called({}, { time: 10 }));
    expect(run.of('RequestReceived')[0]).toMatchObject({
      key: CONTEXT,
      correlationId: 'agent/writer/task/call-1',
      data: {
        request: {
          id: 'agent/writer/task/call-1',
          contextId: CONTEXT,
          subject: {
            tenant: 'acme',
            unit: 'desk',
            agent: 'writer',
            person: 'ann@example.com',
            credential: 'log',
            actors: ['first', 'caller'],
          },
          action: 'model.chat',
          resource: { type: 'model', id: 'small' },
          deadline: 5_000,
          parentTaskId: 'task',
          taskId: '',
          message: Buffer.from('{"model":"small"}'),
          fingerprint: createHash('sha256').update('{"model":"small"}').digest('hex'),
        },
      },
    });
  });

  test('has no later deadline than a request from outside may have', () => {
    const run = new Run(began(), called({ deadline: 1e12 }, { time: 10 }));
    expect(requestOf(run).deadline).toBe(9_010);
  });

  test('of another agent begins a task whose id says when, and is the same again', () => {
    const [one, two] = [1, 2].map(() => new Run(began(), { ...send(), id: 'same', time: 0x0190_0000_0001 }));
    expect(requestOf(one!).taskId).toMatch(/^01900000-0001-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(requestOf(two!).taskId).toBe(requestOf(one!).taskId);
  });

  test('continues a task that the agent began, and no other', () => {
    const own = { agent: 'reader', parentTaskId: 'task', taskId: 'own' };
    const asked = turnOf('agent/writer/task/first', { subject: { ...subject, agent: 'writer' } });
    const run = new Run(began(), reported(task('INPUT_REQUIRED'), { ...own, turn: asked }), send({ taskId: 'own' }));
    expect(requestOf(run).taskId).toBe('own');
    const foreign = new Run(began(), reported(task('INPUT_REQUIRED'), { ...own, turn: turnOf('other') }));
    expect(refusals(foreign.take(send({ taskId: 'own' })))).toEqual(['UNKNOWN_TASK']);
    expect(refusals(foreign.take(send({ taskId: 'task' })))).toEqual(['UNKNOWN_TASK']);
    expect(refusals(foreign.take(send({ taskId: 'none' })))).toEqual(['UNKNOWN_TASK']);
  });

  const tool = (message: string, changes: object = {}) =>
    called({
      action: 'tool.call',
      resource: { type: 'tool', id: 'files/a/b' },
      protocol: 'mcp',
      repeatable: true,
      message: Buffer.from(message),
      ...changes,
    });

  test("of a tool is a request in MCP's own form: the tool is its resource, and what it is to do with policies can test", () => {
    const given = {
      arguments: { path: '/x', depth: 2 },
      method: 'tools/list',
      params: { name: 'other' },
      _meta: { a: 1 },
    };
    const request = requestOf(new Run(began(), tool(JSON.stringify(given))));
    expect(request).toMatchObject({
      action: 'tool.call',
      resource: { type: 'tool', id: 'files/a/b' },
      protocol: 'mcp',
      arguments: { path: '/x', depth: '2' },
      taskId: '',
      parentTaskId: 'task',
      fingerprint: createHash('sha256').update(request.message).digest('hex'),
    });
    expect(JSON.parse(request.message.toString())).toEqual({
      method: 'tools/call',
      params: {
        name: 'a/b',
        arguments: { path: '/x', depth: 2 },
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientInfo': { name: 'writer', version: '1' },
          'io.modelcontextprotocol/clientCapabilities': {},
        },
      },
    });
    expect(JSON.parse(requestOf(new Run(began(), tool('{}'))).message.toString()).params.arguments).toEqual({});
  });

  // What an agent says reaches an MCP server as it is, so nothing may come there under a name that is not its own.
  test.each([
    ['names no server', tool('{}', { resource: { type: 'tool', id: 'read' } })],
    ['names no tool', tool('{}', { resource: { type: 'tool', id: 'files/' } })],
    ['is of something else by its resource', tool('{}', { resource: { type: 'resource', id: 'files/read' } })],
    ['is of a whole server', tool('{}', { resource: { type: 'server', id: 'files' } })],
    ['is in another protocol', tool('{}', { protocol: 'openai.chat' })],
    [
      'is no call of a tool',
      tool('{"method":"tools/call"}', { action: 'prompt.get', resource: { type: 'prompt', id: 'files/p' } }),
    ],
    ['is of a model, and in the protocol of tools', called({ protocol: 'mcp' })],
    ['is of an agent, and in the protocol of tools', { ...send(), data: { ...send().data, protocol: 'mcp' } }],
    ['is of no action at all', called({ action: '__proto__' })],
    ['is not JSON', tool('{')],
    ['is null', tool('null')],
    ['has a list of arguments', tool('{"arguments":[1]}')],
    ['has a text for its arguments', tool('{"arguments":"all"}')],
    ['is nested without end', tool(`{"arguments":{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}}`)],
  ])('that %s is refused', (_, call) => {
    expect(refusals(new Run(began()).take(call))).toEqual(['MALFORMED']);
  });

  test('that would be too large a request is refused, not lost: its agent waits for an answer', () => {
    const long = JSON.stringify({ arguments: { text: 'x'.repeat(9 << 20) } });
    const many = JSON.stringify({ arguments: { list: Array.from({ length: 700_000 }, () => 0) } });
    for (const message of [long, many]) expect(refusals(new Run(began()).take(tool(message)))).toEqual(['TOO_MANY']);
  });

  test('made again with the same id is the same call, also after another instance took over', () => {
    const run = new Run(began(), called());
    expect(run.take(called())).toEqual([]);
    run.restart(true);
    expect(run.take(called())).toEqual([]);
  });

  test('made again with the same id is the same call also where it is in the log and the record of its task is not', () => {
    const begins = began();
    const request = new Run(begins, called()).of('RequestReceived')[0]!;
    const other = new Run();
    other.recall(request);
    expect(types(other.take(begins))).toContain('TaskSnapshot');
    expect(other.take(called())).toEqual([]);
  });

  test.each([
    ['of a task of another agent', called({ agent: 'reader' }), 'NOT_ITS_TASK'],
    ['of no task', called({ taskId: 'none' }), 'UNKNOWN_TASK'],
    ['without an id', called({ callId: '' }), 'MALFORMED'],
    ['with an id of many lines', called({ callId: 'a\nb' }), 'MALFORMED'],
    ['with no message', called({ action: 'agent.send', message: Buffer.from('{}') }), 'MALFORMED'],
  ])('%s is refused, by its id', (_, call, reason) => {
    const said = new Run(began()).take(call);
    expect(refusals(said)).toEqual([reason]);
    expect(said[0]!.data).toMatchObject({ callId: call.data.callId });
  });

  test('after the end of the task, or of an agent that is not registered any more, is refused', () => {
    expect(refusals(new Run(began(), reported(status('COMPLETED'))).take(called()))).toEqual(['TASK_ENDED']);
    const stranger = new Run(began({ agent: 'stranger' }));
    expect(refusals(stranger.take(called({ agent: 'stranger' })))).toEqual(['NOT_REGISTERED']);
  });
});

describe('a sleep of an agent', () => {
  test('sets a timer', () => {
    expect(new Run(began()).take(slept())).toMatchObject([
      {
        type: 'TimerSet',
        key: `${CONTEXT}/task.nap`,
        data: { timerId: 'nap', taskId: 'task', agent: 'writer', purpose: 'SLEEP', at: 7_000 },
      },
    ]);
  });

  test.each([
    ['of a task of another agent', slept({ agent: 'reader' }), 'NOT_ITS_TASK'],
    ['of no task', slept({ taskId: 'none' }), 'UNKNOWN_TASK'],
    ["by the name of the mesh's own timer", slept({ timerId: 'deadline.request' }), 'MALFORMED'],
    ['by a name that would move it to another partition', slept({ timerId: 'a/b' }), 'MALFORMED'],
  ])('%s is refused', (_, event, reason) => {
    const said = new Run(began()).take(event);
    expect(refusals(said)).toEqual([reason]);
    expect(said[0]!.data).toMatchObject({ callId: event.data.timerId });
  });
});

describe('what an instance reads back', () => {
  const stateOf = (said: readonly { type: string }[]) =>
    said.reduce((state, one) => evolve(state, { ...one, partition: 0 } as Folded), initialState()).partitions.get(0)!;

  test('counts for nothing without the record that follows on it: it will be said again', () => {
    const run = new Run(began(), reported(status('WORKING')), reported(artifact('a', ['x'])));
    const [first] = run.of('TaskSnapshot');
    const known = stateOf([first!, ...run.of('TaskUpdated')]).open.get('task');
    expect(known).toEqual(first!.data);
  });

  test('of a task that has ended does not open it again', () => {
    const run = new Run(began(), reported(status('COMPLETED')));
    const [first, last] = run.of('TaskSnapshot');
    expect(stateOf([last!, first!]).open.size).toBe(0);
  });

  test.each([
    ['the agent', () => reported(status('COMPLETED'))],
    ['its deadline', () => fired('deadline.request')],
  ])('tells it what it had passed over, or done, when that comes again after %s ended the task', (_, end) => {
    const first = [began(), reported(status('WORKING'))];
    const again = [reported(status('WORKING')), slept()];
    const run = new Run(...first, ...again, end());
    run.restart(true);
    expect(again.flatMap((event) => run.take(event))).toEqual([]);
  });
});

test('statuses and refusals are counted', async () => {
  const metrics = createMetrics();
  const run = new Run(began(), reported(status('WORKING')), reported(artifact('a', ['x'])), reported('?'));
  for (const one of run.said) taskStateProcessor.observe?.({ ...one, partition: 0 } as Folded, metrics);
  const text = await metrics.registry.metrics();
  expect(text).toContain('parley_task_transitions_total{agent="writer",state="TASK_STATE_WORKING"} 1');
  expect(text).toContain('parley_task_transitions_total{agent="writer",state="TASK_STATE_SUBMITTED"} 1');
  expect(text).toContain('parley_reports_refused_total{agent="writer",reason="MALFORMED"} 1');
});
