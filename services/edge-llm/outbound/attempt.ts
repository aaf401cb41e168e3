/** One dispatch from its call to what is said about it. */
import type * as mesh from '../../../schemas/generated.ts';
import type { Event } from '../../runtime/log.ts';
import type { Dispatchers } from '../../runtime/outbound/dispatchers.ts';
import { Abandoned } from '../../runtime/outbound/faults.ts';
import { logAttempt } from '../../runtime/outbound/log-attempt.ts';
import {
  attemptBegun,
  attemptFailed,
  type Dispatch,
  failedOf,
  responseCompleted,
  responseFailed,
  saying,
} from '../../runtime/outbound/outcomes.ts';
import { MAX_MESSAGE_BYTES, type Ready, readyFor } from '../../runtime/outbound/ready.ts';
import type { Tenure } from '../../runtime/outbound/tenures.ts';
import { traceIdOf } from '../../runtime/tracing.ts';
import { interfaceOf } from '../openai/protocol.ts';
import { type ChunkWriter, createChunkWriter } from './chunk-writer.ts';
import type { Completed, Failed } from './performed.ts';
import type { Unfinished } from './said.ts';
import { metersOfChunks } from './streamed-meters.ts';
import { perform } from './upstream.ts';

/** What calls are made with. */
interface Calling {
  dispatchers: Dispatchers;
  /** How long the parts of a stream are gathered. */
  coalesceMs: number;
}

/** Kafka measures what goes to one partition in one request as a whole: larger outcomes go by themselves. */
const MAX_TOGETHER_BYTES = 1024 * 1024;

/**
 * Ends a dispatch that another instance, or this one before a crash, began: whether the upstream acted is not known.
 * @param request its request, with the whole body where that is known.
 */
export const closeUnfinished = async (
  { context, persist }: Tenure,
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
  const say = saying('edge-llm', dispatch, dispatch.traceparent, context.now);
  await persist([responseFailed(say, dispatch.data, failed, unfinished.count)]);
};

const spanOf = ({ context }: Tenure, dispatch: Dispatch) => {
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

const sizeOf = (events: readonly Event[]) =>
  events.reduce(
    (sum, { data }) => sum + ('message' in data && Buffer.isBuffer(data.message) ? data.message.length : 0),
    0,
  );

/** Appends the last chunks and the outcome, together where they fit. */
const conclude = async ({ persist }: Tenure, chunks: readonly Event[], outcome: readonly Event[]) => {
  if (chunks.length > 0 && sizeOf(outcome) > MAX_TOGETHER_BYTES) {
    await persist(chunks);
    await persist(outcome);
  } else await persist([...chunks, ...outcome]);
};

const callUpstream = async (
  { dispatchers }: Calling,
  { context }: Tenure,
  dispatch: Dispatch,
  request: mesh.Request,
  ready: Ready | Failed,
  signal: AbortSignal,
  writer: ChunkWriter,
): Promise<Completed | Failed> => {
  if ('kind' in ready) return ready;
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
  calling: Calling,
  tenure: Tenure,
  dispatch: Dispatch,
  request: mesh.Request,
  signal: AbortSignal,
): Promise<void> => {
  const { context, persist } = tenure;
  const { data } = dispatch;
  const begunAt = context.now();
  const ready = readyFor(context, data);
  const span = spanOf(tenure, dispatch);
  const say = saying('edge-llm', dispatch, span.traceparent, context.now);
  const { target, attempt } = data;
  const writer = createChunkWriter(
    persist,
    (index, payload) => say(`chunk-${index}`, 'ResponseChunk', { index, attempt, payload }),
    calling.coalesceMs,
  );
  try {
    if (!request.repeatable && !('kind' in ready)) await persist([attemptBegun(say, data)]);
    // A process that was frozen up to here may have been given up, and the call be made by another.
    if (!tenure.owns()) throw new Abandoned('its partition may be another instance’s');
    const end = await callUpstream(calling, tenure, dispatch, request, ready, signal, writer);
    if (end.kind === 'failed' && signal.reason instanceof Abandoned) throw signal.reason;
    const rest = await writer.end();
    const chunks = writer.count();
    if (end.kind === 'completed') {
      const served = data.probe ? [say('probe-succeeded', 'ProbeSucceeded', { target, tool: '' })] : [];
      await conclude(tenure, rest, [responseCompleted(say, data, end, chunks), ...served]);
    } else {
      const failed = attemptFailed(say, data, end);
      await conclude(tenure, rest, end.retryable ? [failed] : [responseFailed(say, data, end, chunks), failed]);
      context.metrics.attemptsFailed.inc({ target: target.id, reason: end.failure.reason });
    }
    endSpan(span, end);
    const ids = { conversation: dispatch.key, request: dispatch.correlationId, trace: traceIdOf(span.traceparent) };
    logAttempt(context.logger.child(ids), data, end, chunks, context.now() - begunAt);
  } catch (error) {
    void writer.end().catch(() => {});
    span.end(error instanceof Error ? error.name : 'error');
    throw error;
  }
};
