/** A call of an agent as a tool: a message in the log, and what the agent does with it, up to where it ends or asks. */
import type { Task } from '@a2a-js/sdk';
import type { Update } from '../../../runtime/a2a/json.ts';
import { isLogUnavailable, RuntimeError } from '../../../runtime/errors.ts';
import { MAX_TIMER_MS } from '../../../runtime/times.ts';
import type { HeardEvent } from '../events.ts';
import { createPulse, type Pulse } from '../keep-alive.ts';
import { denied, internal, logUnavailable, McpProblem, tooLarge, unknown } from '../problems.ts';
import { type Exchange, type Mesh, type StopReason, stopped } from '../relay.ts';
import { drained, type Visit } from '../visit.ts';
import { openWaiting, sealWaiting, takeUp } from './continuation.ts';
import { received } from './message.ts';
import { askingResult, asksIn, resultOfMessage, resultOfTask, textOf } from './result.ts';
import { type AgentTool, messageIn } from './tool.ts';
import { answerIn, followTurn, type Turn } from './turn.ts';
import type { Updates } from './updates.ts';

/** How long what an agent said may be behind the outcome of its turn. */
const LATE_MS = 5_000;

export interface Agents extends Mesh {
  updates: Updates;
}

type Result = Record<string, unknown>;

/** What the client is told of an update; undefined: nothing. */
const newsIn = (update: Update): string | undefined => {
  if (update.$case === 'artifactUpdate') return update.value.artifact?.name || undefined;
  return update.$case === 'statusUpdate' ? textOf(update.value.status?.message?.parts) : undefined;
};

const teller = ({ speaker }: Exchange, pulse: Pulse, visit: Visit, signal: AbortSignal) => {
  const { progressToken } = speaker.meta;
  let progress = 0;
  return async (update: Update) => {
    const message = newsIn(update);
    if (progressToken === undefined || message === undefined) return;
    progress += 1;
    const params = { progressToken, progress, ...(message && { message }) };
    await pulse.tell({ method: 'notifications/progress', params });
    await drained(visit, signal);
  };
};

/** @throws what the events throw */
const endIn = async (events: AsyncIterable<HeardEvent>): Promise<HeardEvent> => {
  for await (const event of events) if (event.type !== 'RequestPermitted') return event;
  throw internal();
};

/** Undefined: there is no more time. */
const problemOf = (error: unknown, signal: AbortSignal): McpProblem | undefined => {
  if (error instanceof McpProblem) return error;
  if (signal.aborted) {
    const reason = signal.reason as StopReason | 'LATE';
    return reason === 'DEADLINE' || reason === 'LATE' ? undefined : stopped(reason);
  }
  if (isLogUnavailable(error)) return logUnavailable();
  return error instanceof RuntimeError && error.code === 'PARLEY_TOO_LARGE' ? tooLarge() : internal();
};

/** What is to be said to the agent, and of which task; or what is wrong, for the model that made the call. */
const readCall = async (
  { context, log }: Agents,
  { caller }: Visit,
  agent: string,
  args: unknown,
): Promise<{ message: string; task: Task | undefined } | { problem: string }> => {
  const asked = messageIn(args);
  if ('problem' in asked) return asked;
  const { message, continuation } = asked;
  if (continuation === undefined) return { message, task: undefined };
  const waiting = await openWaiting(context.signing, continuation, caller, agent);
  if (!waiting) return { problem: 'Invalid arguments: continuation: it is none that this tool gave you.' };
  const task = await takeUp(log, waiting);
  if (task) return { message, task };
  return { problem: 'The agent waits for no answer any more. Without a continuation a new task begins.' };
};

/**
 * What the agent said, as the result of a tool. Whoever leaves, or has no more time, leaves the agent at work, as with A2A: its
 * task is in the log, and any A2A client of the same caller finds it there.
 * @throws McpProblem
 */
export const sendToAgent = async (
  mesh: Agents,
  visit: Visit,
  { agent, name }: AgentTool,
  args: unknown,
  exchange: Exchange,
): Promise<Result> => {
  const { context, asker, updates, visibility } = mesh;
  const { now, tracing, logger, signing } = context;
  const sees = () => visibility.seesAgent(context.configuration() ?? visit.inForce, visit.caller, agent);
  const over = new AbortController();
  const signal = AbortSignal.any([exchange.signal, over.signal]);
  const until = Math.max(0, Math.min(visit.deadline - now(), MAX_TIMER_MS));
  const timers = [setTimeout(() => over.abort('DEADLINE'), until)];
  const late = () => timers.push(setTimeout(() => over.abort('LATE'), LATE_MS));
  const pulse = createPulse(exchange, visit, mesh.keepAliveMs);
  const span = tracing.start(`tools/call ${name}`, visit.traceparent, 'server', {
    'mcp.method.name': 'tools/call',
    'mcp.protocol.version': exchange.speaker.protocolVersion,
    'gen_ai.operation.name': 'invoke_agent',
    'gen_ai.agent.name': agent,
    'gen_ai.conversation.id': exchange.contextId,
  });
  const turn: Turn = { task: undefined, sequence: 0 };
  let failure: string | undefined;
  visit.said.ended = '';
  try {
    const call = await readCall(mesh, visit, agent, args);
    if ('problem' in call) {
      if (!sees()) throw unknown('tool', name, true);
      visit.said.ended = 'REFUSED';
      return { content: [{ type: 'text', text: call.problem }], isError: true };
    }
    turn.task = call.task;
    const ids = call.task
      ? { contextId: call.task.contextId, taskId: call.task.id }
      : { contextId: exchange.contextId };
    const request = received(visit, { agent, message: call.message, ...ids }, span.traceparent, now());
    const changes = updates.hear(visit.requestId, signal);
    const outcomes = asker.ask([request], visit.requestId, signal);
    const outcome = endIn(outcomes).then((end) => {
      visit.said.ended = end.type;
      return answerIn(end, (denial) =>
        sees() && denial.reason !== 'RESOURCE_UNKNOWN' ? denied(denial) : unknown('tool', name, true),
      );
    });
    const end = await followTurn(turn, changes, outcome, teller(exchange, pulse, visit, signal), late);
    if ('message' in end) return resultOfMessage(end.message, ids.contextId);
    const { task, at: since } = end;
    if (!asksIn(task)) return resultOfTask(task);
    const waiting = { taskId: task.id, contextId: task.contextId, since };
    return askingResult(task, await sealWaiting(signing, waiting, visit.caller, agent));
  } catch (error) {
    const problem = problemOf(error, signal);
    visit.said.ended = signal.aborted ? String(signal.reason) : visit.said.ended || 'FAILED';
    if (!problem && turn.task) return resultOfTask(turn.task);
    failure = visit.said.ended;
    if (!(error instanceof McpProblem) && !signal.aborted)
      logger[isLogUnavailable(error) ? 'warn' : 'error']({ err: error, request: visit.requestId }, 'a call failed');
    throw problem ?? stopped('DEADLINE');
  } finally {
    span.end(failure, failure === undefined ? {} : { 'error.type': failure });
    for (const timer of timers) clearTimeout(timer);
    pulse.end();
    // What is still waited for lets go.
    over.abort('DEADLINE');
  }
};
