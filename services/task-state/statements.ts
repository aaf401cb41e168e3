/** What task-state says, each thing in one place. */
import type * as mesh from '../../schemas/generated.ts';
import { type Update, writeUpdate } from '../runtime/a2a/json.ts';
import type { Statement } from '../runtime/processor.ts';
import type { Snapshot } from './tasks.ts';

export type TaskStateOutput =
  | 'TaskUpdated'
  | 'ReportRefused'
  | 'TaskSnapshot'
  | 'ResponseCompleted'
  | 'ResponseFailed'
  | 'RequestReceived'
  | 'TimerSet'
  | 'TimerCleared'
  | 'TaskCancelRequested'
  | 'TaskReported';
export type Said = Statement<TaskStateOutput>;

/** Whose a timer is, and whose task. A timer's id has no slash: the key's partition follows from what is before the last one. */
const timerKey = (contextId: string, taskId: string, timerId: string) => `${contextId}/${taskId}.${timerId}`;

export const DEADLINE_PREFIX = 'deadline.';

/** Ids of nested calls have slashes. */
const deadlineTimerOf = ({ requestId }: mesh.Turn): string =>
  `${DEADLINE_PREFIX}${requestId.replaceAll('%', '%25').replaceAll('/', '%2F')}`;

/** The id of the request whose turn has this timer. */
const requestOfDeadline = (timerId: string): string =>
  timerId.slice(DEADLINE_PREFIX.length).replaceAll('%2F', '/').replaceAll('%25', '%');

export const taskSnapshot = (data: Snapshot): Said => ({
  type: 'TaskSnapshot',
  index: 'snapshot',
  key: `${data.contextId}/${data.taskId}`,
  data,
});

/** @param snapshot the task as it is with the update. */
export const taskUpdated = (snapshot: Snapshot, update: Update, index: number): Said => {
  const { taskId, agent, subject, requestId, sequence, state, parentTaskId } = snapshot;
  return {
    type: 'TaskUpdated',
    index: `update-${index}`,
    correlationId: requestId,
    data: { taskId, agent, subject, requestId, sequence, state, update: writeUpdate(update), parentTaskId },
  };
};

export const timerSet = (contextId: string, data: mesh.TimerSet): Said => ({
  type: 'TimerSet',
  index: `set ${data.timerId}`,
  key: timerKey(contextId, data.taskId, data.timerId),
  data,
});

export const deadlineSet = ({ contextId, taskId, agent }: Snapshot, turn: mesh.Turn): Said =>
  timerSet(contextId, { timerId: deadlineTimerOf(turn), taskId, agent, purpose: 'DEADLINE', at: turn.deadline });

export const deadlineCleared = ({ contextId, taskId, agent }: Snapshot, turn: mesh.Turn): Said => {
  const timerId = deadlineTimerOf(turn);
  return {
    type: 'TimerCleared',
    index: `clear ${timerId}`,
    key: timerKey(contextId, taskId, timerId),
    data: { timerId, taskId, agent, purpose: 'DEADLINE' },
  };
};

const asked = ({ subject, action, resource, target, attempt }: mesh.Turn) => ({
  subject,
  action,
  resource,
  target,
  attempt,
});

/**
 * The end of a turn.
 * @param updates how many the agent made in it, after the one with which it began.
 * @param time when the last came, milliseconds since the epoch.
 */
export const responseCompleted = (turn: mesh.Turn, last: Update, updates: number, time: number): Said => ({
  type: 'ResponseCompleted',
  index: `outcome ${turn.requestId}`,
  correlationId: turn.requestId,
  data: {
    ...asked(turn),
    status: 200,
    headers: {},
    message: writeUpdate(last),
    chunks: 0,
    meters: updates > 0 ? { agent_updates: updates } : {},
    estimated: false,
    startedAt: turn.startedAt,
    firstByteAt: time,
  },
});

/** The end of a turn that could not begin. */
export const responseFailed = (turn: mesh.Turn, message: string): Said => ({
  type: 'ResponseFailed',
  index: `outcome ${turn.requestId}`,
  correlationId: turn.requestId,
  data: {
    ...asked(turn),
    failure: { reason: 'REQUEST_REFUSED', message, status: null, retryAfterMs: null, headers: {}, body: null },
    chunks: 0,
    meters: {},
    estimated: false,
  },
});

/** @param contextId the task's. */
export const deadlineReported = (
  { timerId, taskId, agent }: mesh.TimerFired,
  contextId: string,
  update: Update,
): Said => ({
  type: 'TaskReported',
  index: 'deadline',
  key: contextId,
  correlationId: requestOfDeadline(timerId),
  data: { taskId, agent, update: writeUpdate(update), turn: null, parentTaskId: '', remote: null, announced: true },
});

export const cancelRequested = (
  { taskId, agent }: Pick<Snapshot, 'taskId' | 'agent'>,
  subject: mesh.Subject,
  reason: string,
): Said => ({
  type: 'TaskCancelRequested',
  index: `cancel ${taskId}`,
  data: { taskId, agent, subject, reason },
});

/** @param index tells it from other refusals of the same report. */
export const reportRefused = (
  { taskId, agent }: Pick<mesh.ReportRefused, 'taskId' | 'agent'>,
  reason: mesh.RefusalReason,
  message: string,
  { callId = '', index = 0 } = {},
): Said => ({
  type: 'ReportRefused',
  index: `refused-${index}`,
  data: { taskId, agent, reason, message, callId },
});
