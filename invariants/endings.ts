/** How tasks end although their agents do nothing about it, and the timers by which they do. */
import { about, compare, firstOfEach, invariant, ofTypes } from './reading.ts';
import { isEnded, lastSnapshots } from './tasks.ts';

/** As long as timers may be late. */
const LATE_MS = 30_000;

/** A task that was cancelled, or whose turn's deadline has passed, is over whatever its agent does. */
export const endedInTime = invariant('ended in time', function* ({ records, mayBeOpen, endedAt }) {
  if (mayBeOpen) return;
  const tasks = lastSnapshots(records);
  for (const { data, key } of ofTypes(firstOfEach(records), 'TaskCancelRequested')) {
    const task = tasks.get(data.taskId);
    if (task && !isEnded(task))
      yield { ...about(task, `task ${data.taskId} was cancelled and is in ${task.data.state}`), contextId: key };
  }
  for (const task of tasks.values()) {
    const { turn, taskId, contextId } = task.data;
    if (turn && !isEnded(task) && endedAt !== undefined && turn.deadline + LATE_MS < endedAt)
      yield {
        contextId,
        requestId: turn.requestId,
        message: `the deadline of task ${taskId} passed, and its turn is open`,
      };
  }
});

/** A cancelled task leaves none open that was begun in its course. */
export const subTasksCancelled = invariant('sub-tasks cancelled', function* ({ records, mayBeOpen }) {
  if (mayBeOpen) return;
  const tasks = lastSnapshots(records);
  for (const task of tasks.values()) {
    const parent = tasks.get(task.data.parentTaskId);
    if (parent?.data.state !== 'TASK_STATE_CANCELED' || isEnded(task)) continue;
    const { taskId, contextId, state, requestId } = task.data;
    yield {
      contextId,
      requestId: requestId ?? '',
      message: `task ${taskId} is in ${state}, and that it is for was cancelled`,
    };
  }
});

/** A timer fires once, not before its instant, and in the end: unless it is cleared before. */
export const timersOnce = invariant('timers once', function* ({ records, mayBeOpen, endedAt }) {
  const events = firstOfEach(records);
  const set = new Map(ofTypes(events, 'TimerSet').map((event) => [event.id, event]));
  const fired = new Set<string>();
  for (const event of ofTypes(events, 'TimerFired')) {
    const timer = set.get(event.causationId);
    if (!timer) yield about(event, 'a timer fired that was never set');
    else if (event.time < timer.data.at) yield about(event, `a timer fired ${timer.data.at - event.time} ms too early`);
    if (fired.has(event.causationId)) yield about(event, 'a timer fired twice');
    fired.add(event.causationId);
  }
  if (mayBeOpen || endedAt === undefined) return;
  const last = new Map(
    ofTypes(records, 'TimerSet', 'TimerFired', 'TimerCleared')
      .toSorted(compare)
      .map((event) => [event.key, event]),
  );
  for (const event of last.values())
    if (event.type === 'TimerSet' && event.data.at + LATE_MS < endedAt) yield about(event, 'a timer never fired');
});
