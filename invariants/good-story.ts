/** Test support: stories in which every promise is kept. */
import type { Evidence, LoggedRecord } from './evidence.ts';
import { createStory, failure, type Story } from './story.ts';
import { artifactOf, beginTask, endTask, statusOf } from './task-story.ts';

export const dispatched = (story: Story, id = 'r1', more: Parameters<Story['request']>[2] = {}) => {
  const request = story.request(id, 'c1', more);
  const permitted = story.permit(request);
  return { request, permitted, dispatch: story.dispatch(permitted, request) };
};

/** Completed, denied, failed over, streamed and not repeatable ones, with some events twice. */
export const good = (): Story => {
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

export const without = (evidence: Evidence, gone: (record: LoggedRecord) => boolean): Evidence => ({
  ...evidence,
  records: evidence.records.filter((record) => !gone(record)),
});

/** A task with an artifact, a call of a model, a step, a timer, and one that was begun in its course. */
export const task = (story: Story) => {
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
export const timer = (story: Story, cause: LoggedRecord, at: number) => {
  const data = { timerId: 'nap', taskId: 'task', agent: 'clerk', purpose: 'SLEEP' as const, at };
  return story.say({ ...cause, key: 'c1/task.nap' } as LoggedRecord, 'TimerSet', data, `nap until ${at}`);
};
export const fire = (story: Story, set: ReturnType<typeof timer>, index = 'fired') => {
  const { timerId, taskId, agent, purpose } = set.data;
  const fired = story.say(set, 'TimerFired', { timerId, taskId, agent, purpose }, index);
  story.say({ ...fired, key: 'c1' } as LoggedRecord, 'TimerElapsed', { agent, taskId, timerId });
  return fired;
};
export const goodTask = (story = good()) => {
  const own = task(story);
  own.report(artifactOf('task', 'text'));
  own.keep();
  fire(story, timer(story, own.dispatch, 0));
  endTask(story, own.child, 'COMPLETED');
  endTask(story, own, 'COMPLETED');
  return { story, ...own };
};
