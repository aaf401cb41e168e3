/** One dispatch from its call to what is said about it. */
import type { Logger } from 'pino';
import type * as mesh from '../../../schemas/generated.ts';
import type { Connection } from '../../runtime/configuration.ts';
import type { Event } from '../../runtime/log.ts';
import type { ServiceContext } from '../../runtime/service.ts';
import { traceIdOf } from '../../runtime/tracing.ts';
import { interfaceOf } from '../openai/protocol.ts';
import { type ChunkWriter, createChunkWriter } from './chunk-writer.ts';
import type { Dispatchers } from './dispatchers.ts';
import { attemptFailed, type Dispatch, failedOf, responseCompleted, responseFailed, saying } from './outcome-events.ts';
import type { Completed, Failed } from './performed.ts';
import type { Unfinished } from './recall.ts';
import { credentialsOf, MissingVariable } from './secrets.ts';
import { metersOfChunks } from './streamed-meters.ts';
import { perform } from './upstream.ts';

/** Thrown where a dispatch is left without an outcome, for the instance that is handed it next. */
export class Abandoned extends Error {
  override readonly name = 'Abandoned';
}

export interface Performing {
  context: ServiceContext;
  dispatchers: Dispatchers;
  /**
   * Appends what is said about the dispatch once it is sure that no other instance says it, and again and again while the log
   * can't be reached: what came of a call must not be lost with it.
   * @throws Abandoned where it is another's.
   */
  persist(events: readonly Event[]): Promise<void>;
  /** Whether the dispatch is this instance's and can be no other's just now. */
  owns(): boolean;
  /** How long the parts of a stream are gathered. */
  coalesceMs: number;
}

/** A record of the log holds 16 MiB, its envelope and framing included. */
const MAX_MESSAGE_BYTES = 15 * 1024 * 1024;
/** Kafka measures what goes to one partition in one request as a whole: larger outcomes go by themselves. */
const MAX_TOGETHER_BYTES = 1024 * 1024;

/** Ends a dispatch that is not to be performed. */
export const refuse = async (
  { context, persist }: Performing,
  dispatch: Dispatch,
  reason: mesh.FailureReason,
  message: string,
): Promise<void> => {
  const say = saying(dispatch, dispatch.traceparent, context.now);
  await persist([responseFailed(say, dispatch.data, failedOf(reason, message), 0)]);
};

/**
 * Ends a dispatch that another instance, or this one before a crash, began: whether the upstream acted is not known.
 * @param request its request, with the whole body where that is known.
 */
export const closeUnfinished = async (
  { context, persist }: Performing,
  dispatch: Dispatch,
  request: mesh.Request,
  unfinished: Unfinished,
): Promise<void> => {
  const payloads = unfinished.chunks.flatMap((chunk) => {
    try {
      return [chunk.data.payload];
    } catch {
      return [];
    }
  });
  const unknown = failedOf('OUTCOME_UNKNOWN', 'The mesh was interrupted; whether the call took effect is not known.');
  const failed = {
    ...unknown,
    failure: unfinished.failure ?? unknown.failure,
    ...(await metersOfChunks(request, payloads)),
  };
  const say = saying(dispatch, dispatch.traceparent, context.now);
  await persist([responseFailed(say, dispatch.data, failed, unfinished.count)]);
};

interface Ready {
  connection: Connection;
  secret: string | null;
  headers: Record<string, string>;
}

const misconfigured = (message: string): Failed => ({
  ...failedOf('MISCONFIGURED', message),
  targetAtFault: false,
  retryable: true,
});

/** What the call needs of the configuration and the environment, or what is missing there. */
const readyFor = ({ context }: Performing, { target }: mesh.RequestDispatched): Ready | Failed => {
  const connection = context.configuration()?.connections.find(({ id }) => id === target.connection);
  if (!connection) return misconfigured(`The connection ${target.connection} is not configured.`);
  const maxResponseBytes = Math.min(connection.maxResponseBytes, MAX_MESSAGE_BYTES);
  try {
    return { connection: { ...connection, maxResponseBytes }, ...credentialsOf(connection, context.environment) };
  } catch (error) {
    if (error instanceof MissingVariable) return misconfigured(`For ${target.connection}, ${error.message}.`);
    throw error;
  }
};

const spanOf = ({ context }: Performing, dispatch: Dispatch) => {
  const { request, target, attempt } = dispatch.data;
  const operation = interfaceOf(request.protocol)?.operation ?? 'chat';
  return context.tracing.start(`${operation} ${target.name}`, dispatch.traceparent, 'client', {
    'gen_ai.operation.name': operation,
    'gen_ai.provider.name': target.connection,
    'gen_ai.request.model': target.name,
    'gen_ai.conversation.id': dispatch.key,
    'parley.target': target.id,
    'parley.attempt': attempt,
  });
};

const endSpan = (span: ReturnType<typeof spanOf>, end: Completed | Failed) => {
  const usage = {
    'gen_ai.usage.input_tokens': end.meters.input_tokens ?? 0,
    'gen_ai.usage.output_tokens': end.meters.output_tokens ?? 0,
  };
  if (end.kind === 'failed') return span.end(end.failure.message, { ...usage, 'error.type': end.failure.reason });
  span.end(undefined, {
    ...usage,
    'gen_ai.response.id': end.response.id,
    'gen_ai.response.model': end.response.model,
    'gen_ai.response.finish_reasons': end.response.finishReasons,
    'http.response.status_code': end.status,
  });
};

const log = (logger: Logger, data: mesh.RequestDispatched, end: Completed | Failed, chunks: number, ms: number) => {
  const line = { target: data.target.id, attempt: data.attempt, chunks, ms, meters: end.meters };
  if (end.kind === 'completed') return logger.debug(line, 'attempt completed');
  const { reason, message, status } = end.failure;
  const level = end.targetAtFault || reason === 'MISCONFIGURED' ? 'warn' : 'info';
  logger[level]({ ...line, reason, status, failure: message, retryable: end.retryable }, 'attempt failed');
};

const sizeOf = (events: readonly Event[]) =>
  events.reduce(
    (sum, { data }) => sum + ('message' in data && Buffer.isBuffer(data.message) ? data.message.length : 0),
    0,
  );

/** Appends the last chunks and the outcome, together where they fit. */
const conclude = async ({ persist }: Performing, chunks: readonly Event[], outcome: readonly Event[]) => {
  if (chunks.length > 0 && sizeOf(outcome) > MAX_TOGETHER_BYTES) {
    await persist(chunks);
    await persist(outcome);
  } else await persist([...chunks, ...outcome]);
};

const callUpstream = async (
  performing: Performing,
  dispatch: Dispatch,
  request: mesh.Request,
  ready: Ready | Failed,
  signal: AbortSignal,
  writer: ChunkWriter,
): Promise<Completed | Failed> => {
  if ('kind' in ready) return ready;
  const { context, dispatchers } = performing;
  const { target } = dispatch.data;
  const dispatcher = dispatchers.of(ready.connection);
  const caller = { request, target, ...ready, dispatchId: dispatch.id };
  for await (const performed of perform({ ...caller, signal, dispatcher, now: context.now })) {
    if (performed.kind === 'chunk') await writer.write(performed.payload);
    else if (performed.kind === 'completed' && performed.message.length > MAX_MESSAGE_BYTES)
      return failedOf('RESPONSE_TOO_LARGE', 'The answer is larger than the log can hold.');
    else return performed;
  }
  throw new Error('a call ended without an outcome');
};

/**
 * Performs a dispatch and says what came of it: chunks, then exactly one of ResponseCompleted, ResponseFailed, or a
 * retryable AttemptFailed on which routing acts.
 * @param request its request, with the whole body; what is said of it names the one in the dispatch.
 * @param signal aborted with `Aborted`: the call is ended, and that is its outcome; with `Abandoned`: nothing more is said.
 * @throws Abandoned; what `persist` throws.
 */
export const performDispatch = async (
  performing: Performing,
  dispatch: Dispatch,
  request: mesh.Request,
  signal: AbortSignal,
): Promise<void> => {
  const { context, persist, coalesceMs } = performing;
  const { data } = dispatch;
  const begunAt = context.now();
  const ready = readyFor(performing, data);
  const span = spanOf(performing, dispatch);
  const say = saying(dispatch, span.traceparent, context.now);
  const { target, attempt } = data;
  const writer = createChunkWriter(
    persist,
    (index, payload) => say(`chunk-${index}`, 'ResponseChunk', { index, attempt, payload }),
    coalesceMs,
  );
  try {
    if (!request.repeatable && !('kind' in ready)) await persist([say('begun', 'AttemptBegun', { target, attempt })]);
    // A process that was frozen up to here may have been given up, and the call be made by another.
    if (!performing.owns()) throw new Abandoned('its partition may be another instance’s');
    const end = await callUpstream(performing, dispatch, request, ready, signal, writer);
    if (end.kind === 'failed' && signal.reason instanceof Abandoned) throw signal.reason;
    const rest = await writer.end();
    const chunks = writer.count();
    if (end.kind === 'completed') {
      const served = data.probe ? [say('probe-succeeded', 'ProbeSucceeded', { target })] : [];
      await conclude(performing, rest, [responseCompleted(say, data, end, chunks), ...served]);
    } else {
      const failed = attemptFailed(say, data, end);
      await conclude(performing, rest, end.retryable ? [failed] : [responseFailed(say, data, end, chunks), failed]);
      context.metrics.attemptsFailed.inc({ target: target.id, reason: end.failure.reason });
    }
    endSpan(span, end);
    const ids = { conversation: dispatch.key, request: dispatch.correlationId, trace: traceIdOf(span.traceparent) };
    log(context.logger.child(ids), data, end, chunks, context.now() - begunAt);
  } catch (error) {
    void writer.end().catch(() => {});
    span.end(error instanceof Error ? error.name : 'error');
    throw error;
  }
};
