/** What is said of a message to an agent: how it failed, its answer, or the first of its task, which is then followed. */
import type { Message } from '@a2a-js/sdk';
import type * as mesh from '../../../schemas/generated.ts';
import type { Update } from '../../runtime/a2a/json.ts';
import { rewriteTaskIds } from '../../runtime/a2a/rewrite-ids.ts';
import type { SignJwt } from '../../runtime/edge/actor-token.ts';
import { Abandoned, Aborted, faultOf, Stop } from '../../runtime/outbound/faults.ts';
import {
  attemptFailed,
  type Dispatch,
  type Failed,
  responseCompleted,
  responseFailed,
  saying,
} from '../../runtime/outbound/outcomes.ts';
import type { Tenure } from '../../runtime/outbound/tenures.ts';
import type { AgentClient } from './agent-client.ts';
import type { Agents } from './agents.ts';
import { CallFailed } from './call-failed.ts';
import { findTask } from './find-task.ts';
import type { Followers, From } from './followers.ts';
import { createReporter, type Followed } from './following.ts';
import type { OpenTasks } from './open-tasks.ts';
import { remoteContextId } from './outgoing-message.ts';
import { firstUpdates, mayBeAsBefore, remoteOf, reportBytes } from './reported.ts';

export interface Performing {
  agents: Agents;
  followers: Followers;
  tasks: OpenTasks;
  sign: SignJwt;
  /** The first wait before an agent is asked again. */
  againMs: number;
}

export const SERVICE = 'edge-a2a';
export const NO_METERS = { meters: {}, estimated: false };
export const UNKNOWN = 'Whether the agent got the message is not known.';

/** All that one dispatch is about. */
export interface Turn {
  dispatch: Dispatch;
  request: mesh.Request;
  /** The user's message, with the mesh's ids. */
  asked: Message;
  /** Whether the message begins a task. */
  isNew: boolean;
  /** How the agent names the task; null where it does not yet. */
  remote: mesh.RemoteTask | null;
  traceparent: string;
  startedAt: number;
  /** Whether the task was followed until the message was sent. */
  wasFollowed: boolean;
}

export const sayingOf = (tenure: Tenure, { dispatch, traceparent }: Pick<Turn, 'dispatch' | 'traceparent'>) =>
  saying(SERVICE, dispatch, traceparent, tenure.context.now);

const meshTurn = ({ dispatch, request, startedAt }: Turn): mesh.Turn => ({
  requestId: request.id,
  subject: request.subject,
  action: request.action,
  resource: request.resource,
  target: dispatch.data.target,
  attempt: dispatch.data.attempt,
  deadline: request.deadline,
  startedAt,
});

/** Says how it failed: retryable for routing, else as the end of the request too. */
export const concludeFailed = async (
  tenure: Tenure,
  turn: Turn,
  { fault, isUnknown }: CallFailed,
  signal: AbortSignal,
) => {
  const say = sayingOf(tenure, turn);
  const { data } = turn.dispatch;
  const attempt = attemptFailed(say, data, fault);
  tenure.context.metrics.attemptsFailed.inc({ target: data.target.id, reason: fault.failure.reason });
  if (fault.retryable) return tenure.persist([attempt]);
  // Where it was ended on purpose, that is its end; else what is not known is said to be so.
  const failure: mesh.Failure =
    isUnknown && !(signal.reason instanceof Aborted)
      ? { ...fault.failure, reason: 'OUTCOME_UNKNOWN', message: `${fault.failure.message} ${UNKNOWN}` }
      : fault.failure;
  const failed: Failed = { kind: 'failed', ...fault, failure, ...NO_METERS };
  await tenure.persist([responseFailed(say, data, failed, 0), attempt]);
};

/** The agent answered without a task. */
export const concludeMessage = async (tenure: Tenure, turn: Turn, update: Update, secrets: readonly string[]) => {
  const say = sayingOf(tenure, turn);
  const { contextId, taskId } = turn.request;
  const message = reportBytes(update, { taskId: turn.isNew ? '' : taskId, contextId }, secrets);
  const { startedAt } = turn;
  const answered = { status: 200, headers: {}, message, startedAt, firstByteAt: tenure.context.now() };
  await tenure.persist([
    responseCompleted(say, turn.dispatch.data, { kind: 'completed', ...answered, ...NO_METERS }, 0),
  ]);
};

/** Reports the first of what the agent says, and follows the task from there. @throws CallFailed where it can't be reported. */
export const concludeTask = async (
  { followers, tasks }: Performing,
  tenure: Tenure,
  turn: Turn,
  first: Update,
  going: Pick<From, 'stream' | 'call'>,
  secrets: () => readonly string[],
): Promise<void> => {
  const { dispatch, request, asked } = turn;
  const { taskId, contextId, parentTaskId, resource } = request;
  const named = remoteOf(first);
  if (!named || (turn.remote && named.taskId !== turn.remote.taskId))
    throw new CallFailed(
      faultOf('BAD_RESPONSE', 'The agent answered with a task that is not the one asked.', false),
      '',
      true,
    );
  const remote = turn.remote ?? named;
  const followed: Followed = {
    taskId,
    contextId,
    agent: resource.id,
    parentTaskId,
    remote,
    turn: { requestId: request.id, deadline: request.deadline },
    isNew: turn.isNew,
    causationId: dispatch.id,
    traceparent: turn.traceparent,
  };
  const { logger } = tenure.context;
  const reporter = createReporter(followed, tenure, secrets, logger, request.id);
  const ids = { taskId, contextId };
  const isAsBefore =
    !turn.isNew && first.$case === 'task' && mayBeAsBefore(rewriteTaskIds(first.value, ids).status, tasks.of(taskId));
  const updates = firstUpdates(asked, first, remote, { isNew: turn.isNew, isAsBefore }, ids);
  try {
    await reporter.report(updates, meshTurn(turn));
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    throw new CallFailed(faultOf(error.reason, error.message, false), '', true);
  }
  // It may have ended while the message was under way: no record will come of it that ends the following.
  if (tasks.hasEnded(taskId)) {
    going.call?.abort(new Abandoned('the task has ended'));
    return;
  }
  const joinedLate = turn.wasFollowed;
  followers.begin(followed, tenure, { reporter, ...going, last: first, isUnanswered: isAsBefore, joinedLate });
};

/** Where the message may have arrived all the same, its task is looked for. @returns whether it was found. */
export const concludeFound = async (
  performing: Performing,
  tenure: Tenure,
  turn: Turn,
  client: AgentClient,
): Promise<boolean> => {
  const { request, asked, remote } = turn;
  const sent = { messageId: asked.messageId, contextId: remote?.contextId || remoteContextId(request), remote };
  const task = await findTask(client, sent, tenure.signal, performing.againMs);
  if (!task) return false;
  const found: Update = { $case: 'task', value: task };
  await concludeTask(performing, tenure, turn, found, { stream: undefined }, () => client.secrets);
  return true;
};
