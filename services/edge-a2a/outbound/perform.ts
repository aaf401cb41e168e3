/** One message to an agent, from its dispatch to the first that is said about it. */
import { TaskNotFoundError, toJsonRpcError } from '@a2a-js/sdk/errors';
import type * as mesh from '../../../schemas/generated.ts';
import { readSendMessage } from '../../runtime/a2a/json.ts';
import { actorToken } from '../../runtime/edge/actor-token.ts';
import { Abandoned, faultOf, Stop } from '../../runtime/outbound/faults.ts';
import { attemptBegun, type Dispatch, failedOf, responseFailed } from '../../runtime/outbound/outcomes.ts';
import type { Tenure } from '../../runtime/outbound/tenures.ts';
import type { AgentClient } from './agent-client.ts';
import { CallFailed } from './call-failed.ts';
import {
  concludeFailed,
  concludeFound,
  concludeMessage,
  concludeTask,
  type Performing,
  sayingOf,
  type Turn,
  UNKNOWN,
} from './conclude.ts';
import { actorOf, outgoingHeaders, outgoingMessage } from './outgoing-message.ts';
import type { Unfinished } from './said.ts';

const turnOf = (
  { tasks, followers }: Performing,
  tenure: Tenure,
  dispatch: Dispatch,
  request: mesh.Request,
  traceparent: string,
): Turn => {
  const { message } = readSendMessage(request.message);
  const known = followers.of(request.taskId)?.remote ?? tasks.remoteOf(request.taskId)?.remote;
  const asked = { ...message!, taskId: request.taskId, contextId: request.contextId };
  const startedAt = tenure.context.now();
  // A client's message names the task that it continues; of a new one only the request does.
  const isNew = message!.taskId === '';
  return { dispatch, request, asked, isNew, remote: known ?? null, traceparent, startedAt, wasFollowed: false };
};

const probed = (tenure: Tenure, turn: Turn) => {
  const { probe, target } = turn.dispatch.data;
  return probe
    ? tenure.persist([sayingOf(tenure, turn)('probe-succeeded', 'ProbeSucceeded', { target, tool: '' })])
    : undefined;
};

/** @returns once the first of it is durable; @throws CallFailed. */
const exchange = async (
  performing: Performing,
  tenure: Tenure,
  turn: Turn,
  client: AgentClient,
  signal: AbortSignal,
): Promise<void> => {
  const { tasks, sign } = performing;
  const { dispatch, request } = turn;
  const agent = request.resource.id;
  const known = (id: string) => {
    const other = tasks.remoteOf(id);
    // Of others' tasks an agent is told nothing, not even that they are there.
    const isOwn = other?.subject.tenant === request.subject.tenant && other.subject.agent === request.subject.agent;
    return isOwn && other.agent === agent ? other.remote.taskId : undefined;
  };
  const message = readSendMessage(request.message);
  const outgoing = outgoingMessage(request, { ...message, message: turn.asked }, turn.remote, known);
  const until = { now: tenure.context.now(), expiresAt: request.deadline };
  const token = await actorToken(sign, actorOf(request), until);
  const headers = outgoingHeaders(dispatch.id, request, turn.traceparent, token);
  // The call goes on after its first answer for as long as its task is followed.
  const call = new AbortController();
  const lost = () => call.abort(tenure.signal.reason);
  const stopped = () => call.abort(signal.reason);
  tenure.signal.addEventListener('abort', lost, { once: true });
  signal.addEventListener('abort', stopped, { once: true });
  if (tenure.signal.aborted) lost();
  const stream = client.send(outgoing, headers, call.signal);
  try {
    const { value: first } = await stream.next();
    if (!first) throw new CallFailed(faultOf('BAD_RESPONSE', 'The agent answered with nothing.', false), '', true);
    const secrets = () => client.secrets;
    if (first.$case !== 'message')
      return await concludeTask(performing, tenure, turn, first, { stream, call }, secrets);
    await concludeMessage(tenure, turn, first, client.secrets);
    call.abort(new Abandoned('the answer is whole'));
  } catch (error) {
    call.abort(error);
    throw error;
  } finally {
    tenure.signal.removeEventListener('abort', lost);
    signal.removeEventListener('abort', stopped);
  }
};

/** As an agent would say it. */
const notKnown = () => {
  const body = Buffer.from(JSON.stringify(toJsonRpcError(new TaskNotFoundError())));
  return faultOf('REQUEST_REFUSED', 'The task that the message continues is not known.', false, { status: 404, body });
};

const unreadable = (error: unknown): CallFailed => {
  if (error instanceof CallFailed) return error;
  if (error instanceof Stop) return new CallFailed(faultOf(error.reason, error.message, false), '', true);
  throw error;
};

/**
 * Sends a message and says what came of it: the first report of a turn, ResponseCompleted where the agent answered with a
 * message, ResponseFailed, or an AttemptFailed on which routing acts. The task is followed on after that.
 * @throws Abandoned; what `persist` throws.
 */
export const performDispatch = async (
  performing: Performing,
  tenure: Tenure,
  dispatch: Dispatch,
  request: mesh.Request,
  signal: AbortSignal,
): Promise<void> => {
  const { agents, followers } = performing;
  const { context } = tenure;
  const agent = request.resource.id;
  const span = context.tracing.start(`agent.send ${agent}`, dispatch.traceparent, 'client', {
    'gen_ai.operation.name': 'invoke_agent',
    'gen_ai.agent.name': agent,
    'gen_ai.conversation.id': dispatch.key,
    'parley.target': dispatch.data.target.id,
    'parley.attempt': dispatch.data.attempt,
  });
  let turn = turnOf(performing, tenure, dispatch, request, span.traceparent);
  const held = await followers.hold(request.taskId);
  turn = { ...turn, wasFollowed: held !== undefined };
  let client: AgentClient | undefined;
  try {
    client = await agents.readyClientOf(agent, signal);
    if (!turn.isNew && !turn.remote) throw new CallFailed(notKnown(), 'TASK_NOT_FOUND', false);
    await tenure.persist([attemptBegun(sayingOf(tenure, turn), dispatch.data)]);
    // A process that was frozen up to here may have been given up, and the call be made by another.
    if (!tenure.owns()) throw new Abandoned('its partition may be another instance’s');
    await exchange(performing, tenure, turn, client, signal);
    await probed(tenure, turn);
    span.end();
  } catch (error) {
    if (error instanceof Abandoned || signal.reason instanceof Abandoned) {
      span.end('Abandoned');
      throw signal.reason instanceof Abandoned ? signal.reason : error;
    }
    const failed = unreadable(error);
    span.end(failed.message, { 'error.type': failed.fault.failure.reason });
    context.logger.info({ agent, request: request.id, why: failed.message }, 'an attempt failed');
    if (failed.isUnknown && client && (await concludeFound(performing, tenure, turn, client).catch(() => false)))
      return;
    await concludeFailed(tenure, turn, failed, signal);
  } finally {
    followers.release(request.taskId);
    const task = performing.tasks.of(request.taskId);
    if (task) followers.ensure(task, tenure);
    // The agent may go on by itself although it was to be told something first.
    if (task && held) followers.resume(held, tenure, !task.turn);
  }
};

/** Deals with a message that was about to be sent when another instance, or this one before a crash, ended. */
export const closeUnfinished = async (
  performing: Performing,
  tenure: Tenure,
  dispatch: Dispatch,
  request: mesh.Request,
  { failure }: Unfinished,
): Promise<void> => {
  const say = sayingOf(tenure, { dispatch, traceparent: dispatch.traceparent });
  if (!failure) {
    const turn = turnOf(performing, tenure, dispatch, request, dispatch.traceparent);
    try {
      const client = await performing.agents.readyClientOf(request.resource.id, tenure.signal);
      if (await concludeFound(performing, tenure, turn, client)) return;
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
    }
  }
  const unknown = failedOf('OUTCOME_UNKNOWN', `The mesh was interrupted. ${UNKNOWN}`);
  await tenure.persist([responseFailed(say, dispatch.data, { ...unknown, failure: failure ?? unknown.failure }, 0)]);
};
