/** What ends tasks from outside: a cancellation, and a turn's deadline. */
import { TaskState } from '@a2a-js/sdk';
import type * as mesh from '../../schemas/generated.ts';
import { orderingKey } from '../../topics/index.ts';
import { readUpdate, type Update } from '../runtime/a2a/json.ts';
import { rewriteIds } from '../runtime/a2a/rewrite-ids.ts';
import type { Recorded } from '../runtime/log.ts';
import { Course, statusOfMesh } from './course.ts';
import { cancelRequested, deadlineReported, type Said } from './statements.ts';
import { openToCancel, type Tasks } from './tasks.ts';

const cancelBelow = (tasks: Tasks, taskId: string, subject: mesh.Subject, reason: string): Said[] =>
  openToCancel(tasks, taskId).map((task) => cancelRequested(task, subject, reason));

const STANDS: ReadonlySet<TaskState> = new Set([TaskState.TASK_STATE_COMPLETED, TaskState.TASK_STATE_REJECTED]);

/**
 * A cancelled task takes with it all that was begun in its course. Its own end may have been heard of first.
 * @param source of this service, whose own cancellations name each task already.
 */
export const decideCancellation = (event: Recorded<'TaskCancelRequested'>, tasks: Tasks, source: string): Said[] => {
  const { taskId, subject, reason } = event.data;
  const ended = tasks.ended.get(taskId);
  if (event.source === source || (ended && STANDS.has(ended.state))) return [];
  return cancelBelow(tasks, taskId, subject, reason);
};

const PASSED = 'The deadline passed.';

/**
 * That a turn's deadline passed is said as a report, and nothing else is decided here: a task's record changes by
 * `mesh.reports` only, in the order of its partition. Each topic is committed by itself. Were the record changed by events of
 * two, then after a crash the second could come first, or not come again although the first had never been said to the end,
 * and other things would be said under the same numbers. As it is, who decides again on a report decides on what it was
 * decided on before, and says the same.
 */
export const decideTimer = (event: Recorded<'TimerFired'>): Said[] => {
  const { taskId, purpose } = event.data;
  if (purpose !== 'DEADLINE') return [];
  const ids = { taskId, contextId: orderingKey(event.topic, event.key) };
  const status = statusOfMesh(event, TaskState.TASK_STATE_FAILED, PASSED);
  const update = rewriteIds({ $case: 'statusUpdate', value: { ...ids, status, metadata: undefined } }, ids);
  return [deadlineReported(event.data, ids.contextId, update)];
};

/** A turn that has not ended by its deadline fails, and with it the task. The agent is told to stop. */
export const decideDeadline = (event: Recorded<'TaskReported'>, tasks: Tasks): Said[] => {
  const { taskId, update } = event.data;
  const known = tasks.open.get(taskId);
  if (known?.turn?.requestId !== event.correlationId) return [];
  const { subject } = known.turn;
  const failed = readUpdate(update) as Extract<Update, { $case: 'statusUpdate' }>;
  // The task ended when its timer fired, whenever that was reported.
  const course = new Course({ id: event.id, time: Date.parse(failed.value.status!.timestamp!) }, known, false);
  course.announce();
  course.update(failed);
  course.change({ reported: event.offset });
  course.say(cancelRequested(known, subject, PASSED));
  for (const said of cancelBelow(tasks, taskId, subject, PASSED)) course.say(said);
  return course.statements();
};
