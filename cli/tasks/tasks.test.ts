import { expect, test } from 'vitest';
import type { TaskSnapshot } from '../../schemas/generated.ts';
import { newId } from '../../services/runtime/event.ts';
import type { Event, Log } from '../../services/runtime/log.ts';
import { createMemoryLog } from '../../services/runtime/memory-log.ts';
import type { EventData, EventType } from '../../topics/index.ts';
import { cancel, cancellation } from './cancel.ts';
import { select, taskTable } from './list.ts';
import { taskText } from './show.ts';
import { findTask, readSnapshots, taskOfId } from './snapshots.ts';
import { readUpdates, taskOf } from './updates.ts';

process.env.TZ = 'UTC';
const BEGUN = Date.parse('2026-11-21T15:06:33.120Z');

const snapshot = (taskId: string, changes: Partial<TaskSnapshot> = {}): TaskSnapshot => ({
  taskId,
  contextId: 'acme/c1',
  agent: 'planner',
  subject: {
    tenant: 'acme',
    unit: 'travel',
    agent: 'desk',
    person: 'lead@acme.example',
    credential: 'log',
    actors: ['bot'],
  },
  state: 'TASK_STATE_WORKING',
  sequence: 2,
  createdAt: BEGUN,
  updatedAt: BEGUN + 2_000,
  parentTaskId: '',
  turn: null,
  remote: null,
  status: '',
  artifacts: {},
  messages: [],
  requestId: 'r1',
  turnSequence: 1,
  reported: 0,
  pending: null,
  ...changes,
});

const event = <T extends EventType>(type: T, key: string, data: EventData[T]): Event => ({
  id: newId(),
  type,
  source: 'task-state',
  key,
  time: BEGUN,
  correlationId: 'r1',
  causationId: '',
  traceparent: '',
  data,
});
const stands = (data: TaskSnapshot) => event('TaskSnapshot', `${data.contextId}/${data.taskId}`, data);
const logOf = async (...snapshots: TaskSnapshot[]): Promise<Log> => {
  const log = await createMemoryLog();
  await log.append(snapshots.map(stands));
  return log;
};

test('tasks are as the log has them last; what was answered with a message was none', async () => {
  const completed = { sequence: 0, state: 'TASK_STATE_COMPLETED' };
  const log = await logOf(
    snapshot('t1', { sequence: 3 }),
    snapshot('t1', { sequence: 2, agent: 'an instance that lost its partition' }),
    snapshot('t2', { sequence: 0, pending: Buffer.from('{}') }),
    snapshot('t3', { sequence: 0, pending: Buffer.from('{}') }),
    snapshot('t3', completed),
  );
  const tasks = await readSnapshots(log);
  expect(tasks.map(({ taskId, sequence, agent }) => [taskId, sequence, agent])).toEqual([
    ['t1', 3, 'planner'],
    ['t2', 0, 'planner'],
  ]);
  await expect(findTask(log, 't3')).rejects.toThrow('there is no task t3');
});

test('a task is found by a part of its id that no other has', () => {
  const tasks = ['0199-a1', '0199-b2', 'b2'].map((id) => snapshot(id));
  expect(['-a1', '0199-b', 'b2'].map((id) => taskOfId(tasks, id).taskId)).toEqual(['0199-a1', '0199-b2', 'b2']);
  expect(() => taskOfId(tasks, '0199')).toThrow('2 tasks have an id like 0199');
});

test('a list has what is wanted, newest first, and how long a task took', () => {
  const tasks = [
    snapshot('t1', { state: 'TASK_STATE_COMPLETED' }),
    snapshot('t2', { createdAt: BEGUN + 1, state: 'TASK_STATE_INPUT_REQUIRED' }),
    snapshot('t3', { agent: 'hotels', contextId: 'c2' }),
  ];
  const ids = (wanted: Parameters<typeof select>[1]) => select(tasks, wanted).map(({ taskId }) => taskId);
  expect(ids({})).toEqual(['t2', 't3', 't1']);
  expect(ids({ open: true })).toEqual(['t2', 't3']);
  expect(ids({ state: 'input-required' })).toEqual(['t2']);
  expect(ids({ agent: 'hotels' })).toEqual(['t3']);
  expect(ids({ conversation: 'acme/c1', open: true })).toEqual(['t2']);
  expect(taskTable(tasks.slice(0, 2), BEGUN + 60_001)).toEqual([
    'task  agent    state           asked by                          begun                    for',
    't1    planner  completed       bot → desk for lead@acme.example  2026-11-21 15:06:33.120  2.00 s',
    't2    planner  input-required  bot → desk for lead@acme.example  2026-11-21 15:06:33.121  1 min 0 s',
  ]);
});

test('a task is shown with what was said and made, from its updates', async () => {
  const task = snapshot('t1', { state: 'TASK_STATE_COMPLETED' });
  const { taskId, agent, subject } = task;
  const updates = [
    { task: { id: taskId, status: { state: 'TASK_STATE_SUBMITTED' }, history: [said('USER', 'Plan \u001b[2Jit.')] } },
    { artifactUpdate: { taskId, artifact: { artifactId: 'a1', name: 'plan', parts: [{ text: 'Day 1' }] } } },
    { statusUpdate: { taskId, status: { state: 'TASK_STATE_COMPLETED', message: said('AGENT', 'Done.') } } },
  ].map((update, i) =>
    event('TaskUpdated', 'acme/c1', {
      ...{ taskId, agent, subject, requestId: 'r1', sequence: i + 1, state: '', parentTaskId: '' },
      update: Buffer.from(JSON.stringify(update)),
    }),
  );
  const log = await logOf(task);
  await log.append([...updates, updates[1]!]);
  expect(taskText(task, taskOf(await readUpdates(log, task))).join('\n')).toBe(`\
Task t1 of planner: completed
  conversation  acme/c1
  asked by      bot → desk for lead@acme.example (travel, acme)
  begun         2026-11-21 15:06:33.120
  user: “Plan [2Jit.”
  agent: “Done.”
  artifact plan: “Day 1”`);
});

const said = (role: string, text: string) => ({ messageId: text, role: `ROLE_${role}`, parts: [{ text }] });

test('who cancels a task is told when it has ended', async () => {
  const task = snapshot('t1');
  const log = await logOf(task);
  const tail = await log.tail(
    ['mesh.cancellations'],
    ({ data }) => {
      const { agent, subject, reason } = data as EventData['TaskCancelRequested'];
      expect([agent, subject.agent, subject.person, reason]).toEqual(['planner', 'operator', 'ops@acme.example', 'no']);
      void log.append([
        stands(snapshot('another', { state: 'TASK_STATE_FAILED' })),
        stands(snapshot('t1', { sequence: 3, state: 'TASK_STATE_CANCELED' })),
      ]);
    },
    { from: 'end' },
  );
  const event = cancellation(task, 'ops@acme.example', 'no', BEGUN);
  expect(event).toMatchObject({ key: 'acme/c1', correlationId: 't1' });
  expect(await cancel(log, task, event, 60_000)).toBe('TASK_STATE_CANCELED');
  await tail.close();
});

test('who cancels a task that goes on is told so', async () => {
  const task = snapshot('t1');
  const log = await logOf(task);
  expect(await cancel(log, task, cancellation(task, 'ops@acme.example', 'no', BEGUN), 1)).toBe('TASK_STATE_WORKING');
});
