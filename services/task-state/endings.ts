/** What ends tasks from outside: a cancellation, and a turn's deadline. */
import { TaskState } from '@a2a-js/sdk';
import type * as mesh from '../../schemas/generated.ts';
import type { Recorded } from '../runtime/log.ts';
import { Course, statusOfMesh } from './course.ts';
import { cancelRequested, deadlineTimerOf, type Said } from './statements.ts';
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

/** A turn that has not ended by its deadline fails, and with it the task. The agent is told to stop. */
export const decideTimer = (event: Recorded<'TimerFired'>, tasks: Tasks): Said[] => {
  const { timerId, taskId, purpose } = event.data;
  const known = tasks.open.get(taskId);
  if (purpose !== 'DEADLINE' || !known?.turn || deadlineTimerOf(known.turn) !== timerId) return [];
  const { subject } = known.turn;
  const course = new Course(event, known, false);
  course.announce();
  course.status(statusOfMesh(event, TaskState.TASK_STATE_FAILED, PASSED));
  course.change({ reported: Math.max(known.reported, tasks.reported) });
  course.say(cancelRequested(known, subject, PASSED));
  for (const said of cancelBelow(tasks, taskId, subject, PASSED)) course.say(said);
  // The event's own key is the timer's.
  return course.statements().map((said) => ({ key: known.contextId, ...said }));
};
