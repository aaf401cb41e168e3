/** One dispatch from its call to what is said about it. */
import type * as mesh from '../../../schemas/generated.ts';
import { configuredAs, toolIn } from '../../runtime/configuration.ts';
import type { Definitions } from '../../runtime/mcp/definitions.ts';
import {
  clientOf,
  type McpOutcome,
  type McpRequest,
  readRequest,
  withdrawal,
  writeChunk,
  writeOutcome,
} from '../../runtime/mcp/message.ts';
import { toolMeters } from '../../runtime/mcp/meters.ts';
import { Abandoned } from '../../runtime/outbound/faults.ts';
import { logAttempt } from '../../runtime/outbound/log-attempt.ts';
import {
  attemptBegun,
  attemptFailed,
  type Completed,
  type Dispatch,
  type Failed,
  failedOf,
  responseCompleted,
  responseFailed,
  saying,
} from '../../runtime/outbound/outcomes.ts';
import { scrub } from '../../runtime/outbound/secrets.ts';
import type { Tenure } from '../../runtime/outbound/tenures.ts';
import { traceIdOf } from '../../runtime/tracing.ts';
import { CallFailed, failedInCall, faultOfCall } from './call-failed.ts';
import { type ChunkWriter, createChunkWriter } from './chunk-writer.ts';
import { AnsweredError, type Connections, type Reached } from './connections.ts';
import { converse } from './converse.ts';
import { fitting, hasOutputSchema } from './fitting.ts';
import { resultLimitsOf, timeoutsOf } from './limits.ts';
import { paramHeadersOf } from './param-headers.ts';
import { enter, type Places } from './places.ts';
import type { Questions } from './questions.ts';
import type { Unfinished } from './said.ts';

/** What calls are made with. */
export interface Calling {
  connections: Connections;
  questions: Questions;
  definitions: Definitions;
  places: Places;
}

/** Ends a dispatch that another instance, or this one before a crash, began: whether the server acted is not known. */
export const closeUnfinished = async (
  { context, persist }: Tenure,
  dispatch: Dispatch,
  _request: mesh.Request,
  { chunks, failure }: Unfinished,
): Promise<void> => {
  const unknown = failedOf('OUTCOME_UNKNOWN', 'The mesh was interrupted; whether the call took effect is not known.');
  const say = saying('edge-mcp', dispatch, dispatch.traceparent, context.now);
  const failed = { ...unknown, failure: failure ?? unknown.failure };
  await persist([responseFailed(say, dispatch.data, failed, chunks)]);
};

const failedBy = (error: CallFailed, repeatable: boolean): Failed => ({
  kind: 'failed',
  ...faultOfCall(error, repeatable),
  meters: {},
  estimated: false,
});

const nameOf = ({ params }: McpRequest): string | undefined =>
  typeof params.name === 'string' ? params.name : undefined;

const spanOf = ({ context }: Tenure, dispatch: Dispatch, asked: McpRequest) => {
  const { target, attempt } = dispatch.data;
  const name = nameOf(asked);
  return context.tracing.start(`${asked.method}${name ? ` ${name}` : ''}`, dispatch.traceparent, 'client', {
    'mcp.method.name': asked.method,
    'mcp.protocol.version': clientOf(asked).protocolVersion,
    ...(asked.method === 'tools/call' && name ? { 'gen_ai.tool.name': name } : {}),
    ...(asked.method === 'prompts/get' && name ? { 'gen_ai.prompt.name': name } : {}),
    'gen_ai.conversation.id': dispatch.key,
    'parley.target': target.id,
    'parley.attempt': attempt,
  });
};

/** What an exchange with a server is made of beside the server. */
interface Exchange {
  calling: Calling;
  tenure: Tenure;
  dispatch: Dispatch;
  request: mesh.Request;
  asked: McpRequest;
  writer: ChunkWriter;
  /** Aborted as the dispatch's own, or with what kept a chunk from being written. */
  signal: AbortSignal;
}

const subscribing: Readonly<Record<string, 'subscribe' | 'unsubscribe'>> = {
  'resources/subscribe': 'subscribe',
  'resources/unsubscribe': 'unsubscribe',
};

const changeSubscription = async (
  { calling, dispatch, asked, signal }: Exchange,
  change: 'subscribe' | 'unsubscribe',
): Promise<McpOutcome> => {
  const watch = calling.connections.watchOf(dispatch.data.target.name);
  try {
    await watch[change](String(asked.params.uri), dispatch.key, signal);
    return { result: {} };
  } catch (error) {
    if (error instanceof AnsweredError) return { error: { code: error.code, message: error.message } };
    throw error;
  }
};

const outcomeOf = async (exchange: Exchange, { upstream, ready, secrets }: Reached): Promise<McpOutcome> => {
  const { calling, tenure, dispatch, request, asked, writer, signal } = exchange;
  const change = subscribing[asked.method];
  if (change) return changeSubscription(exchange, change);
  const { target, attempt } = dispatch.data;
  const over = new AbortController();
  let questions = 0;
  try {
    return await converse(upstream, {
      conversation: request.contextId,
      request: asked,
      client: clientOf(asked),
      notify: (notification) => writer.write(scrub(writeChunk(notification), secrets())),
      ask: async (question, withdrawn) => {
        questions += 1;
        const id = `${attempt}-${questions}`;
        // It listens first.
        const answered = calling.questions.answerOf(request, id, AbortSignal.any([signal, over.signal, withdrawn]));
        writer.write(scrub(writeChunk({ id, ...question }), secrets()));
        const said = await answered;
        if (!said && withdrawn.aborted) writer.write(scrub(writeChunk(withdrawal(id, withdrawn.reason)), secrets()));
        return said ?? { error: { code: -32603, message: 'The call is over.' } };
      },
      headers:
        asked.method === 'tools/call'
          ? paramHeadersOf(calling.definitions, target.name, nameOf(asked) ?? '', asked.params.arguments)
          : {},
      limits: timeoutsOf(tenure.context.configuration(), ready.connection, toolIn(request.resource)),
      signal,
    });
  } finally {
    over.abort();
  }
};

const fittingOf = ({ calling, tenure, dispatch, request }: Exchange, message: Buffer): Buffer | Failed => {
  const tool = toolIn(request.resource);
  const limits = resultLimitsOf(tenure.context.configuration(), dispatch.data.target.connection, tool);
  // Its client knows the tool as the server has it that was asked for, also where a twin answers.
  const { id } = configuredAs(request.resource);
  const ofTool = tool === '' ? undefined : { hasOutputSchema: hasOutputSchema(calling.definitions, id, tool) };
  return fitting(message, limits, ofTool);
};

const callServer = async (exchange: Exchange, reached: Reached): Promise<Completed | Failed> => {
  const { tenure, request, asked, signal } = exchange;
  const { now } = tenure.context;
  const tool = toolIn(request.resource);
  const startedAt = now();
  try {
    const outcome = await outcomeOf(exchange, reached);
    const message = fittingOf(exchange, scrub(writeOutcome(outcome), reached.secrets()));
    if (!Buffer.isBuffer(message)) return { ...message, tool };
    const bytes = { requestBytes: request.message.length, responseBytes: message.length };
    const meters =
      asked.method === 'tools/call'
        ? toolMeters(outcome, { ms: now() - startedAt, ...bytes }, tenure.context.configuration()?.currency)
        : { request_bytes: bytes.requestBytes, response_bytes: bytes.responseBytes };
    const times = { startedAt, firstByteAt: now() };
    return { kind: 'completed', status: 200, headers: {}, message, meters, estimated: false, ...times };
  } catch (error) {
    if (error instanceof CallFailed)
      return { ...failedBy(error, request.repeatable), ...(failedInCall(error) && { tool }) };
    if (signal.aborted) throw signal.reason;
    throw error;
  }
};

const reachOf = ({ connections }: Calling, { target }: mesh.RequestDispatched): Reached | Failed => {
  try {
    return connections.reach(target.connection);
  } catch (error) {
    if (error instanceof CallFailed) return { ...failedBy(error, false), targetAtFault: false };
    throw error;
  }
};

/**
 * Performs a dispatch and says what came of it: chunks, then exactly one of ResponseCompleted, ResponseFailed, or a
 * retryable AttemptFailed on which routing acts.
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
  const { target, attempt } = data;
  const begunAt = context.now();
  const asked = readRequest(request.message);
  const span = spanOf(tenure, dispatch, asked);
  const say = saying('edge-mcp', dispatch, span.traceparent, context.now);
  const unwritten = new AbortController();
  const writer = createChunkWriter(
    persist,
    (index, payload) => say(`chunk-${index}`, 'ResponseChunk', { index, attempt, payload }),
    (error) => unwritten.abort(error),
  );
  const place = enter(calling.places, context, data, toolIn(request.resource));
  const reached = place.refused ?? reachOf(calling, data);
  try {
    if (!request.repeatable && !('kind' in reached)) await persist([attemptBegun(say, data)]);
    // A process that was frozen up to here may have been given up, and the call be made by another.
    if (!tenure.owns()) throw new Abandoned('its partition may be another instance’s');
    const exchange = { calling, tenure, dispatch, request, asked, writer };
    const ending = AbortSignal.any([signal, unwritten.signal]);
    const end = 'kind' in reached ? reached : await callServer({ ...exchange, signal: ending }, reached);
    if (end.kind === 'failed' && signal.reason instanceof Abandoned) throw signal.reason;
    await writer.written();
    const chunks = writer.count();
    if (end.kind === 'completed') {
      const served = data.probe
        ? [say('probe-succeeded', 'ProbeSucceeded', { target, tool: toolIn(data.request.resource) })]
        : [];
      await persist([responseCompleted(say, data, end, chunks), ...served]);
      span.end(undefined, { 'mcp.response.bytes': end.message.length });
    } else {
      // Progress must increase, and a question be asked once: what its client has seen a part of is not begun again.
      const final = { ...end, retryable: end.retryable && chunks === 0 };
      const failed = attemptFailed(say, data, final);
      await persist(final.retryable ? [failed] : [responseFailed(say, data, final, chunks), failed]);
      context.metrics.attemptsFailed.inc({ target: target.id, reason: end.failure.reason });
      span.end(end.failure.message, { 'error.type': end.failure.reason });
    }
    const ids = { conversation: dispatch.key, request: dispatch.correlationId, trace: traceIdOf(span.traceparent) };
    logAttempt(context.logger.child(ids), data, end, chunks, context.now() - begunAt);
  } catch (error) {
    span.end(error instanceof Error ? error.name : 'error');
    throw error;
  } finally {
    place.leave();
    if (!('kind' in reached)) reached.release();
  }
};
