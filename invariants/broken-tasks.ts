/** Test support: stories of tasks that break one promise each. */
import type { Evidence, LoggedRecord } from './evidence.ts';
import { fire, good, goodTask, task, timer, without } from './good-story.ts';
import { endTask, statusOf } from './task-story.ts';

const isDelivered = ({ type }: LoggedRecord) => type === 'MessageDelivered';

export const brokenTasks: [invariant: string, how: string, evidence: () => Evidence][] = [
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
