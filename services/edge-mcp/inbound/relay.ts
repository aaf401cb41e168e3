/** Asks over the log: what is asked is stated, and what follows from it is told to the client as it comes. */

import type { CancelReason } from '../../../schemas/generated.ts';
import type { Asker } from '../../runtime/ask.ts';
import type { Cancellations } from '../../runtime/edge/cancellations.ts';
import type { KeyedCall } from '../../runtime/edge/idempotency-asking.ts';
import { isLogUnavailable, RuntimeError } from '../../runtime/errors.ts';
import type { Log, Recorded } from '../../runtime/log.ts';
import {
  isModern,
  isQuestion,
  type McpNotification,
  type McpQuestion,
  readChunk,
  readOutcome,
  withdrawnBy,
} from '../../runtime/mcp/message.ts';
import type { ServiceContext } from '../../runtime/service.ts';
import { MAX_TIMER_MS } from '../../runtime/times.ts';
import type { Asked } from './asked.ts';
import type { HeardEvent, heardTypes } from './events.ts';
import { createPulse, type Pulse } from './keep-alive.ts';
import { type AskUnderKey, type Key, replayedResult, settledResult } from './keyed.ts';
import {
  deadline,
  denied,
  failed,
  internal,
  logUnavailable,
  McpProblem,
  stopping,
  tooLarge,
  unroutable,
} from './problems.ts';
import { cancelled, received, type Speaker } from './request.ts';
import { type Round, sinceRound } from './rounds.ts';
import type { Visibility } from './visible.ts';
import { drained, type Visit } from './visit.ts';

export interface Mesh {
  context: ServiceContext;
  /** With bounded appends. */
  log: Log;
  asker: Asker<(typeof heardTypes)[number]>;
  askUnderKey: AskUnderKey;
  cancellations: Cancellations;
  visibility: Visibility;
  /** After how long without a word a client that wants to hear of progress is told that its call goes on, milliseconds. */
  keepAliveMs: number;
  /** After how long a call of a client that takes tasks becomes one, milliseconds. */
  taskMs: number;
}

/** Why nobody waits for an answer any more. */
export type StopReason = 'CLIENT_GONE' | 'DEADLINE' | 'STOPPING';
/** It becomes a task. */
type Reason = StopReason | 'TOO_LONG';

export interface Exchange {
  /** The conversation. */
  contextId: string;
  speaker: Speaker;
  /** Aborted, with a StopReason, when nobody waits any more. */
  signal: AbortSignal;
  /** Tells the client that the server waits for an answer to this question no more. */
  withdraw?(inputId: string, reason: unknown): Promise<void>;
  /** What it is under, where it is. */
  key?: Key | undefined;
  tell(notification: McpNotification): Promise<void>;
  /** Puts a question of the server to the client. @returns what ends the exchange; undefined: it goes on. */
  question(question: McpQuestion, chunk: Recorded<'ResponseChunk'>): Promise<Record<string, unknown> | undefined>;
  /** What a call that has not ended some time after it was stated is answered with: it goes on without its client. */
  instead?: { afterMs: number; result(): Promise<Record<string, unknown>> } | undefined;
}

/** Severities of RFC 5424, the least severe first. */
const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'];

/** What of a notification the client is told; undefined: nothing. */
const toldOf = ({ method, params }: McpNotification, { meta, protocolVersion, logLevel }: Speaker) => {
  if (method === 'notifications/progress') {
    const { progressToken } = meta;
    return progressToken === undefined ? undefined : { method, params: { ...params, progressToken } };
  }
  if (method === 'notifications/message') {
    // Since 2026-07-28 who names no level wants none; before, it is the server's to choose.
    if (logLevel === undefined || logLevel === '') return isModern(protocolVersion) ? undefined : { method, params };
    return LEVELS.indexOf(String(params?.level)) < LEVELS.indexOf(logLevel) ? undefined : { method, params };
  }
  return isModern(protocolVersion) ? undefined : { method, params };
};

export const stopped = (reason: Reason): McpProblem => {
  if (reason === 'DEADLINE') return deadline();
  return reason === 'STOPPING' ? stopping() : new McpProblem(499, 'The request was cancelled.');
};

/** Denials that say that there is no such thing, or none for this caller. */
const hiding: ReadonlySet<string> = new Set(['RESOURCE_UNKNOWN', 'NOT_APPROVED', 'UNDECLARED']);

/** Denials are worded by whether the caller may know of what it asked for. */
export const denialsOf =
  ({ context, visibility }: Pick<Mesh, 'context' | 'visibility'>, visit: Visit, ask: Asked, modern: boolean) =>
  (denial: Recorded<'RequestDenied'>['data']): Error => {
    const isSeen = visibility.sees(context.configuration() ?? visit.inForce, visit.caller, ask.type, ask);
    return hiding.has(denial.reason) || !isSeen ? ask.missing(modern) : denied(denial);
  };

/**
 * Asks, and returns the result as the server gave it.
 * @param round where the request was stated before and waits for its client.
 * @throws McpProblem
 */
export const relay = async (
  mesh: Mesh,
  visit: Visit,
  ask: Asked,
  exchange: Exchange,
  round?: Round,
): Promise<Record<string, unknown>> => {
  const { context, log, asker, askUnderKey, cancellations } = mesh;
  const { now, tracing } = context;
  const { speaker, instead, key } = exchange;
  const modern = isModern(speaker.protocolVersion);
  const span = tracing.start(`${ask.method} ${ask.name}`, visit.traceparent, 'server', {
    'mcp.method.name': ask.method,
    'mcp.protocol.version': speaker.protocolVersion,
    'mcp.session.id': visit.said.session || undefined,
    'gen_ai.operation.name': ask.method === 'tools/call' ? 'execute_tool' : undefined,
    'gen_ai.tool.name': ask.method === 'tools/call' ? ask.name : undefined,
    'gen_ai.conversation.id': exchange.contextId,
  });
  const over = new AbortController();
  const until = round?.deadline ?? visit.deadline;
  const timer = setTimeout(() => over.abort('DEADLINE'), Math.max(0, Math.min(until - now(), MAX_TIMER_MS)));
  const signal = AbortSignal.any([exchange.signal, over.signal]);
  const id = round?.mcpRequest ?? visit.requestId;
  const at = { id, contextId: exchange.contextId, traceparent: span.traceparent };
  const cause = { id, key: exchange.contextId, correlationId: id, traceparent: span.traceparent };
  /** Under a key only what this call itself stated is its to cancel. */
  const cancel = (reason: CancelReason) => {
    const stated = key ? key.listening.stated : cause;
    if (stated) cancellations.state(cancelled(stated, reason, now()), until);
  };
  visit.said.ended = '';
  let problem: unknown;
  let handOver: NodeJS.Timeout | undefined;
  const stated = () => {
    if (instead) handOver = setTimeout(() => over.abort('TOO_LONG'), instead.afterMs);
  };
  const pulse = createPulse(exchange, visit, mesh.keepAliveMs);
  try {
    const request: KeyedCall['received'] = (id, time) => received(visit, ask, speaker, { ...at, id }, time);
    const asked = () =>
      key
        ? askUnderKey(visit, speaker, key, request, stated, signal)
        : asker.ask([request(id, now())], id, signal, stated);
    const events = round ? sinceRound(log, round, signal) : asked();
    return await follow(events, { ...exchange, ...pulse }, visit, signal, round, denialsOf(mesh, visit, ask, modern));
  } catch (error) {
    problem = error;
    if (signal.aborted) {
      const reason = signal.reason as Reason;
      visit.said.ended = reason;
      if (instead && handOver && (reason === 'TOO_LONG' || reason === 'STOPPING')) {
        problem = undefined;
        return instead.result();
      }
      // Where the mesh stops, the call goes on: its outcome is in the log.
      if (reason !== 'STOPPING' && reason !== 'TOO_LONG') cancel(reason);
      throw stopped(reason);
    }
    if (error instanceof McpProblem) throw error;
    visit.said.ended = 'FAILED';
    const unavailable = isLogUnavailable(error);
    cancel(unavailable ? 'APPEND_UNCONFIRMED' : 'UNSPECIFIED');
    context.logger[unavailable ? 'warn' : 'error']({ err: error, request: id }, 'a call failed');
    if (unavailable) throw logUnavailable();
    throw error instanceof RuntimeError && error.code === 'PARLEY_TOO_LARGE' ? tooLarge() : internal();
  } finally {
    clearTimeout(timer);
    clearTimeout(handOver);
    pulse.end();
    const failure = problem === undefined ? undefined : visit.said.ended || 'REFUSED';
    span.end(failure, failure === undefined ? {} : { 'error.type': failure });
  }
};

const follow = async (
  events: AsyncGenerator<HeardEvent>,
  exchange: Exchange & Pick<Pulse, 'another'>,
  visit: Visit,
  signal: AbortSignal,
  round: Round | undefined,
  wordDenial: (denial: Recorded<'RequestDenied'>['data']) => Error,
): Promise<Record<string, unknown>> => {
  /** The last part that was passed on: a part that comes again is passed by. */
  let last = { of: '', attempt: round?.attempt ?? 0, index: (round?.index ?? 0) - 1 };
  const { listening } = exchange.key ?? {};
  for await (const event of events) {
    if (event.type === 'InputProvided' || event.type === 'RequestPermitted') continue;
    if (listening?.settlement) return settledResult(listening.settlement);
    visit.said.ended = event.type;
    switch (event.type) {
      case 'ResponseChunk': {
        const { attempt, index, payload } = event.data;
        const isOfLast = last.of === '' || last.of === event.correlationId;
        if (isOfLast && (attempt < last.attempt || (attempt === last.attempt && index <= last.index))) break;
        if (!isOfLast) exchange.another();
        last = { of: event.correlationId, attempt, index };
        const chunk = readChunk(payload);
        if (isQuestion(chunk)) {
          // Under a key it may be another conversation's, whose client alone can answer.
          if (event.key !== exchange.contextId) break;
          const end = await exchange.question(chunk, event);
          if (end) return end;
          break;
        }
        const withdrawn = withdrawnBy(chunk);
        if (withdrawn !== undefined) {
          if (event.key === exchange.contextId) await exchange.withdraw?.(withdrawn, chunk.params?.reason);
          break;
        }
        const told = toldOf(chunk, exchange.speaker);
        if (!told) break;
        await exchange.tell(told);
        await drained(visit, signal);
        break;
      }
      case 'ResponseCompleted': {
        const outcome = readOutcome(event.data.message);
        if ('result' in outcome) return listening?.replayed ? replayedResult(outcome.result) : outcome.result;
        throw new McpProblem(outcome.error.code, outcome.error.message, outcome.error.data);
      }
      case 'RequestDenied':
        throw wordDenial(event.data);
      case 'RequestUnroutable':
        throw unroutable(event.data);
      default:
        throw failed(event.data);
    }
  }
  throw internal();
};
