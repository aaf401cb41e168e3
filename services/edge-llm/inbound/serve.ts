import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Configuration } from '../../runtime/configuration.ts';
import type { Caller } from '../../runtime/edge/callers.ts';
import type { Cancellations } from '../../runtime/edge/cancellations.ts';
import { headerOf } from '../../runtime/edge/headers.ts';
import type { Listening } from '../../runtime/edge/idempotency-asking.ts';
import { isLogUnavailable } from '../../runtime/errors.ts';
import type { ServiceContext } from '../../runtime/service.ts';
import { MAX_TIMER_MS } from '../../runtime/times.ts';
import { acceptTraceparent, traceIdOf } from '../../runtime/tracing.ts';
import { answerOf, edgeProblems, type Problem } from '../openai/errors.ts';
import type { Interface } from '../openai/protocol.ts';
import { type ReadRequest, readRequest } from '../openai/read-request.ts';
import { answer } from './answer.ts';
import { type Call, callOf, cancelled } from './call.ts';
import type { AnswerEvent } from './events.ts';
import { createExchange, type Exchange, type StopReason } from './exchange.ts';
import type { CallHeaders } from './headers.ts';
import { type KnownParts, stateWhole } from './known-parts.ts';
import { CallRefused, type createListener } from './listening.ts';
import { inboundProblems } from './problems.ts';
import type { StreamBuffer } from './stream-writer.ts';

/** What all calls of an edge share. */
export interface Edge {
  context: ServiceContext;
  listener: ReturnType<typeof createListener>;
  cancellations: Cancellations;
  known: KnownParts;
  buffer: StreamBuffer;
  stopping(): boolean;
}

/** One call, as far as it is known before its body is read. */
export interface Arrived {
  request: IncomingMessage;
  response: ServerResponse;
  via: Interface;
  caller: Caller;
  limits: Configuration['limits'];
  headers: Partial<CallHeaders>;
}

export interface Serving {
  exchange: Exchange;
  /** Answers the call with what is wrong with it. */
  refuse(problem: Problem): void;
  /** Serves the call with this body. Never rejects. */
  serve(body: Buffer): Promise<void>;
}

/** OpenTelemetry's GenAI conventions: what a span says of a call. */
const attributesOf = ({ path, operation }: Interface, { model, body }: ReadRequest, contextId: string) => {
  const number = (value: unknown) => (typeof value === 'number' ? value : undefined);
  return {
    'http.request.method': 'POST',
    'http.route': path,
    'gen_ai.operation.name': operation,
    'gen_ai.request.model': model,
    'gen_ai.conversation.id': contextId,
    'gen_ai.request.max_tokens': number(body.max_completion_tokens ?? body.max_tokens ?? body.max_output_tokens),
    'gen_ai.request.temperature': number(body.temperature),
    'gen_ai.request.top_p': number(body.top_p),
  };
};

const usageOf = (event: AnswerEvent | undefined) =>
  event?.type === 'ResponseCompleted'
    ? {
        'gen_ai.usage.input_tokens': event.data.meters.input_tokens,
        'gen_ai.usage.output_tokens': event.data.meters.output_tokens,
      }
    : {};

/**
 * Begins to serve an authenticated call: from here on it is answered, counted and logged, whatever becomes of it.
 * @param over called when its connection is done with it.
 */
export const beginService = (edge: Edge, arrived: Arrived, over: () => void): Serving => {
  const { context, listener, cancellations } = edge;
  const { logger, metrics, tracing, now } = context;
  const { request, response, via, caller, limits, headers } = arrived;
  const { protocol } = via;
  const cameAt = now();
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1_000;
  const traceparent = acceptTraceparent(headerOf(request.headers, 'traceparent'));
  const listening: Listening = { requestId: headers.requestId ?? '', replayed: false };
  let model = '';
  let streaming = false;
  /** What ended it: an event's type, a stop's reason, or a problem's code. */
  let ended = '';

  const own = (): Record<string, string> => ({
    ...(headers.contextId === undefined ? {} : { 'x-conversation-id': headers.contextId }),
    ...(listening.requestId === '' ? {} : { 'x-request-id': listening.requestId }),
    ...(listening.replayed ? { 'idempotency-replayed': 'true' } : {}),
    ...(edge.stopping() ? { connection: 'close' } : {}),
  });
  const labels = () => ({ protocol, streaming: String(streaming) });
  const begun = () => metrics.timeToFirstByte.observe(labels(), seconds());
  const exchange = createExchange(request, response, { protocol, buffer: edge.buffer, own, begun });

  metrics.requestsInFlight.inc({ protocol });
  /** 499 where nobody was told anything, as nginx has it. */
  const statusOf = () => (response.headersSent ? response.statusCode : 499);
  response.on('close', () => {
    over();
    const status = statusOf();
    metrics.requestsInFlight.dec({ protocol });
    metrics.requests.inc({ protocol, status });
    metrics.requestDuration.observe(labels(), seconds());
    logger.info(
      {
        conversation: headers.contextId,
        request: listening.requestId,
        trace: traceIdOf(traceparent),
        credential: caller.credential.id,
        protocol,
        model,
        streaming,
        status,
        ended: ended || exchange.signal.reason,
        ms: Math.round(seconds() * 1_000),
      },
      'call',
    );
  });

  const cancel = (call: Call, reason: Parameters<typeof cancelled>[1]) => {
    if (listening.stated) cancellations.state(cancelled(listening.stated, reason, now()), call.asked.deadline);
  };

  const refuse = (problem: Problem): void => {
    ended = problem.code ?? problem.type;
    exchange.fail(answerOf(problem));
  };

  const giveUp = (call: Call, reason: StopReason): void => {
    if (reason === 'STOPPING') refuse(edgeProblems.stopping());
    else cancel(call, reason);
    if (reason === 'DEADLINE') refuse(inboundProblems.deadline());
    if (reason === 'CLIENT_TOO_SLOW') response.destroy();
    ended = reason;
  };

  /** Tells the client what kept its call from being answered, and the mesh that nobody waits any more. */
  const recover = (call: Call, error: unknown) => {
    if (exchange.signal.aborted) return giveUp(call, exchange.signal.reason);
    if (error instanceof CallRefused) return refuse(error.problem);
    const unavailable = isLogUnavailable(error);
    // The append may have gone through after all.
    cancel(call, unavailable ? 'APPEND_UNCONFIRMED' : 'UNSPECIFIED');
    refuse(unavailable ? edgeProblems.logUnavailable() : edgeProblems.internal());
    logger[unavailable ? 'warn' : 'error']({ err: error, request: listening.requestId }, 'a call failed');
  };

  const answerCall = async (call: Call, read: ReadRequest): Promise<void> => {
    const span = tracing.start(
      `${via.operation} ${read.model}`,
      traceparent,
      'server',
      attributesOf(via, read, call.contextId),
    );
    const traced = { ...call, traceparent: span.traceparent };
    const timer = setTimeout(() => exchange.stop('DEADLINE'), Math.min(call.asked.deadline - now(), MAX_TIMER_MS));
    let last: AnswerEvent | undefined;
    try {
      last = await answer(listener.listen(traced, listening, exchange.signal), streaming, exchange);
      ended = last?.type ?? '';
      // A part that it refers to may no longer be in the log: sent again, the request refers to nothing.
      const failed = last?.type === 'ResponseFailed' && last.data.failure.reason === 'UNSPECIFIED';
      if (failed && call.asked.spans.length > 0) edge.known.forget(call.contextId);
    } catch (error) {
      recover(call, error);
    } finally {
      clearTimeout(timer);
      const failed = last?.type === 'ResponseCompleted' ? undefined : ended;
      span.end(failed, {
        'http.response.status_code': statusOf(),
        ...usageOf(last),
        ...(failed === undefined ? {} : { 'error.type': failed }),
      });
    }
  };

  return {
    exchange,
    refuse,
    serve: async (body) => {
      if (body.length > limits.bodyBytes) return refuse(edgeProblems.bodyTooLarge(limits.bodyBytes));
      const { request: read, problem } = readRequest(body, protocol);
      if (problem) return refuse(problem);
      ({ model, streaming } = read);
      const { contextId, named } = headers as CallHeaders;
      const cut = named ? edge.known.cut(contextId, body, read.parts) : stateWhole(body);
      const call = callOf(
        request.headers,
        headers as CallHeaders,
        { whole: body, cut, request: read },
        via,
        caller,
        traceparent,
        cameAt,
      );
      await answerCall(call, read);
    },
  };
};
