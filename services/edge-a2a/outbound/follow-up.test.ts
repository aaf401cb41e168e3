/** Messages that continue a task. Of agents that do not say when they asked: how the task was before is no answer, unless nothing else comes. */
import { TaskState, type TaskStatus } from '@a2a-js/sdk';
import { describe, expect, test, vi } from 'vitest';
import { statusDigest } from '../../runtime/a2a/digests.ts';
import { nameOfState } from '../../runtime/a2a/states.ts';
import { type Acting, type AgentOptions, startAgent } from './agent-for-tests.ts';
import { mayBeAsBefore } from './reported.ts';
import { createWorld, until, type World } from './world-for-tests.ts';

const { TASK_STATE_WORKING, TASK_STATE_COMPLETED, TASK_STATE_INPUT_REQUIRED } = TaskState;

const untimed = (state: TaskState): TaskStatus => ({ state, message: undefined, timestamp: undefined });
const waiting = untimed(TASK_STATE_INPUT_REQUIRED);

test('a status may be as before where it waits without a time, and nothing else is known', () => {
  const known = (status: TaskStatus) => ({ state: nameOfState(status.state), status: `~${statusDigest(status)}` });
  expect(mayBeAsBefore(waiting)).toBe(true);
  expect(mayBeAsBefore(waiting, known(waiting))).toBe(true);
  expect(mayBeAsBefore(waiting, known(untimed(TaskState.TASK_STATE_AUTH_REQUIRED)))).toBe(false);
  expect(mayBeAsBefore(waiting, known(untimed(TASK_STATE_WORKING)))).toBe(true);
  expect(mayBeAsBefore(waiting, { ...known(waiting), status: '' })).toBe(true);
  expect(mayBeAsBefore({ ...waiting, timestamp: '2026-01-01T00:00:00Z' }, known(waiting))).toBe(false);
  expect(mayBeAsBefore(untimed(TASK_STATE_COMPLETED), known(waiting))).toBe(false);
  expect(mayBeAsBefore(undefined)).toBe(false);
});

/** First it asks; then it says how its task was, and does what it is told to do. */
const asking =
  (then: (acting: Acting) => Promise<void> | void) =>
  async (acting: Acting): Promise<void> => {
    acting.task({ ...(acting.context.task ?? {}), status: acting.context.task?.status ?? waiting });
    if (acting.context.task) await then(acting);
  };

const states = ({ tasks }: World) =>
  tasks.updates.flatMap(({ update }) =>
    update.$case === 'task' || update.$case === 'statusUpdate' ? [update.value.status!.state] : [],
  );

/** Until it was asked, and continued. */
const begin = async (then: (acting: Acting) => Promise<void> | void, options: AgentOptions = {}) => {
  const agent = await startAgent(asking(then), options);
  const world = await createWorld(agent);
  const edge = await world.edge();
  const { taskId, contextId } = await world.send('hello');
  await until(() => world.tasks.task(taskId) !== undefined && !world.tasks.isOpen(taskId));
  await world.send('go on', { contextId, continues: taskId });
  return { agent, world, edge, taskId };
};

const modes = [{ streaming: true }, { streaming: false }] as const;

describe.each(modes)('an agent that does not say when it asked: %o', (options) => {
  test('is followed to its answer', async () => {
    const heard = Promise.withResolvers<void>();
    const { world, taskId } = await begin(async (acting) => {
      await heard.promise;
      acting.artifact('a');
      acting.status(TASK_STATE_COMPLETED, 'done');
    }, options);
    await until(() => world.tasks.isOpen(taskId));
    heard.resolve();
    await until(() => states(world).includes(TASK_STATE_COMPLETED));
    expect(states(world)).toEqual([TASK_STATE_INPUT_REQUIRED, TASK_STATE_COMPLETED]);
    expect(world.tasks.updates.filter(({ update }) => update.$case === 'artifactUpdate')).toHaveLength(1);
  });

  test('and has nothing else to say has asked again', async () => {
    const { world, taskId } = await begin(() => {}, options);
    await until(() => states(world).length === 2);
    expect(states(world)).toEqual([TASK_STATE_INPUT_REQUIRED, TASK_STATE_INPUT_REQUIRED]);
    expect(world.tasks.isOpen(taskId)).toBe(false);
  });

  test('and says more without saying where it stands has asked again', async () => {
    const { world, taskId } = await begin((acting) => acting.artifact('a'), options);
    await until(() => states(world).length === 2);
    expect(world.tasks.isOpen(taskId)).toBe(false);
    expect(world.textOf({ taskId } as never)).toBe('a');
  });

  test('is followed to its answer by another instance', async () => {
    const gone = Promise.withResolvers<void>();
    const { world, edge, taskId } = await begin(async (acting) => {
      await gone.promise;
      acting.status(TASK_STATE_COMPLETED, 'done');
    }, options);
    await until(() => world.tasks.isOpen(taskId));
    await edge.crash();
    await world.edge({ maxAgainMs: 2_000 });
    gone.resolve();
    await until(() => states(world).includes(TASK_STATE_COMPLETED));
    expect(world.tasks.updates.filter((one) => one.taskId === taskId).map(({ update }) => update.$case)).toEqual([
      'task',
      'message',
      'statusUpdate',
    ]);
  });
});

test('another question in its first word is asked at once', async () => {
  const open = Promise.withResolvers<void>();
  const agent = await startAgent(async (acting) => {
    const { task } = acting.context;
    acting.task({ status: untimed(task ? TaskState.TASK_STATE_AUTH_REQUIRED : TASK_STATE_INPUT_REQUIRED) });
    if (task) await open.promise;
  });
  const world = await createWorld(agent);
  await world.edge();
  const { taskId, contextId } = await world.send('hello');
  await until(() => world.tasks.task(taskId) !== undefined && !world.tasks.isOpen(taskId));
  await world.send('go on', { contextId, continues: taskId });
  await until(() => states(world).includes(TaskState.TASK_STATE_AUTH_REQUIRED));
  expect(world.tasks.isOpen(taskId)).toBe(false);
  open.resolve();
});

test('a task that ends while a message to it is under way is not followed on', async () => {
  const answers = Promise.withResolvers<void>();
  const agent = await startAgent(
    async (acting) => {
      if (acting.context.task) await answers.promise;
      acting.task();
      if (acting.text !== 'other') acting.status(TASK_STATE_INPUT_REQUIRED, acting.text);
      if (acting.text !== 'hello') await new Promise(() => {});
    },
    { streaming: false, cancel: () => new Promise(() => {}) },
  );
  const asked = vi.spyOn(agent.store, 'load');
  const times = (id: string | undefined) => asked.mock.calls.filter(([task]) => task === id).length;
  const world = await createWorld(agent);
  await world.edge();
  const request = await world.send('hello');
  const { taskId, contextId } = request;
  await until(() => states(world).includes(TASK_STATE_INPUT_REQUIRED) && !world.tasks.isOpen(taskId));
  await world.send('go on', { contextId, continues: taskId });
  await until(() => agent.acted() === 2);
  await world.cancel(request);
  await until(() => states(world).includes(TaskState.TASK_STATE_CANCELED));
  answers.resolve();
  const turns = () => world.of('TaskReported').filter(({ data }) => data.turn !== null);
  const ended = await until(() => turns()[1]);
  const before = times(ended.data.remote?.taskId);
  await world.send('other');
  const other = await until(() => turns()[2]);
  await until(() => times(other.data.remote?.taskId) > 10);
  expect(times(ended.data.remote?.taskId) - before).toBeLessThan(3);
});
