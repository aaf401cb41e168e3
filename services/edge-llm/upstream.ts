/** Performs one call to an upstream. All that can go wrong with it ends as a value, never as an exception. */
import { type Dispatcher, request as send } from 'undici';
import type * as mesh from '../../schemas/generated.ts';
import { type Reading, readStream, readWhole, type StreamedAnswer, type Whole } from './answers.ts';
import { Aborted, type Fault, faultOf, faultOfError, faultOfStatus, Stop } from './faults.ts';
import { returningHeaders } from './headers.ts';
import { arrayOf, type JsonObject, objectOf, parseObject, stringOf } from './json.ts';
import { type Caller, type Outgoing, outgoingFor } from './outgoing.ts';
import { scrub, scrubText, secretsOf } from './secrets.ts';
import { BrokenStream, createSseReader } from './sse.ts';
import { type BodyReader, createBodyReader } from './upstream-body.ts';
import { estimateMeters, type Meters, metersOf, textOfAnswer } from './usage.ts';

export interface Call extends Caller {
  /** Aborted with an `Aborted` whose reason the failure takes; with anything else it is CANCELLED. */
  signal: AbortSignal;
  /** Where its connections are kept; has the connection's connect timeout. */
  dispatcher: Dispatcher;
  /** Milliseconds since the epoch. */
  now(): number;
}

export type Performed =
  /** A part of a streamed answer: server-sent events in the client's protocol, ready to be written to it. */
  { kind: 'chunk'; payload: Buffer } | Completed | Failed;

export interface Completed {
  kind: 'completed';
  status: number;
  headers: Record<string, string>;
  /** The whole answer in the client's protocol, of a stream too. */
  message: Buffer;
  meters: Meters;
  estimated: boolean;
  startedAt: number;
  firstByteAt: number;
  /** For traces: what the upstream says it was. */
  response: { id: string; model: string; finishReasons: string[] };
}

export interface Failed {
  kind: 'failed';
  failure: mesh.Failure;
  targetAtFault: boolean;
  retryable: boolean;
  meters: Meters;
  estimated: boolean;
}

const MAX_ERROR_BYTES = 256 * 1024;

/** Sets `sent` when the request is put on a connection: before that nothing of it can have reached the upstream. */
const noticing =
  (sent: () => void): Dispatcher.DispatcherComposeInterceptor =>
  (dispatch) =>
  (options, handler) =>
    dispatch(options, {
      onRequestStart: (controller, context) => {
        sent();
        handler.onRequestStart?.(controller, context);
      },
      onRequestUpgrade: (...given) => handler.onRequestUpgrade?.(...given),
      onResponseStart: (...given) => handler.onResponseStart?.(...given),
      onResponseData: (...given) => handler.onResponseData?.(...given),
      onResponseEnd: (...given) => handler.onResponseEnd?.(...given),
      onResponseError: (...given) => handler.onResponseError?.(...given),
    });

/** One call as it goes on. */
interface Exchange {
  call: Call;
  outgoing: Outgoing;
  reading: Reading;
  secrets: readonly string[];
  controller: AbortController;
  startedAt: number;
  sent: boolean;
  /** What a stream has said so far. */
  streamed?: StreamedAnswer;
  chunks: number;
}

const parsedOnce = (message: Buffer): (() => JsonObject) => {
  let parsed: JsonObject | undefined;
  return () => {
    parsed ??= parseObject(message.toString()) ?? {};
    return parsed;
  };
};

const begin = (call: Call, outgoing: Outgoing): Exchange => ({
  call,
  outgoing,
  reading: {
    protocol: outgoing.protocol,
    spoken: outgoing.spoken,
    addedUsage: outgoing.addedUsage,
    request: parsedOnce(call.request.message),
    base: call.request.id.replaceAll('-', ''),
    now: () => Math.floor(call.now() / 1000),
  },
  secrets: secretsOf(call.connection, call),
  controller: new AbortController(),
  startedAt: call.now(),
  sent: false,
  chunks: 0,
});

const meterOf = async (exchange: Exchange, said: JsonObject): Promise<{ meters: Meters; estimated: boolean }> => {
  const meters = metersOf(said.usage);
  if (meters) return { meters, estimated: false };
  const { reading } = exchange;
  return {
    meters: await estimateMeters(reading.request(), reading.protocol, textOfAnswer(said)),
    estimated: true,
  };
};

const describe = (said: JsonObject): Completed['response'] => ({
  id: stringOf(said.id) ?? '',
  model: stringOf(said.model) ?? '',
  finishReasons: arrayOf(said.choices).flatMap((c) => stringOf(objectOf(c).finish_reason) ?? []),
});

const completed = async (
  exchange: Exchange,
  answer: Dispatcher.ResponseData,
  firstByteAt: number,
  { message, said }: Whole,
): Promise<Completed> => ({
  kind: 'completed',
  status: answer.statusCode,
  headers: Object.fromEntries(
    Object.entries(returningHeaders(answer.headers)).map(([n, v]) => [n, scrubText(v, exchange.secrets)]),
  ),
  message,
  ...(await meterOf(exchange, said)),
  startedAt: exchange.startedAt,
  firstByteAt,
  response: describe(said),
});

/** What an upstream is paid for although the client gets no whole answer: what it has streamed. */
const failed = async (exchange: Exchange | undefined, fault: Fault): Promise<Failed> => {
  const unused = { meters: {}, estimated: false };
  if (!exchange?.streamed || exchange.chunks === 0) return { kind: 'failed', ...fault, ...unused };
  try {
    const used = await meterOf(exchange, exchange.streamed.whole().said);
    return { kind: 'failed', ...fault, retryable: false, ...used };
  } catch {
    // What broke the stream may be what can't be read either.
    return { kind: 'failed', ...fault, retryable: false, ...unused };
  }
};

const isEventStream = (answer: Dispatcher.ResponseData) =>
  String(answer.headers['content-type'] ?? '')
    .toLowerCase()
    .startsWith('text/event-stream');

const refuseEncoded = ({ headers }: Dispatcher.ResponseData) => {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity')
    throw new Stop('BAD_RESPONSE', "The model's server compressed its answer although it was asked not to.");
};

const open = (exchange: Exchange): Promise<Dispatcher.ResponseData> => {
  const { call, outgoing, controller } = exchange;
  const sent = noticing(() => {
    exchange.sent = true;
  });
  return send(outgoing.url, {
    dispatcher: call.dispatcher.compose(sent),
    method: 'POST',
    headers: outgoing.headers,
    body: outgoing.body,
    signal: controller.signal,
    // The body reader's timers are exact, and know a slow consumer from an idle upstream.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
};

async function* streamed(
  exchange: Exchange,
  answer: Dispatcher.ResponseData,
  body: BodyReader,
): AsyncGenerator<Performed> {
  const { reading, secrets, call } = exchange;
  if (!isEventStream(answer))
    throw new Stop('BAD_RESPONSE', "The model's server did not answer with a stream although it was asked to.");
  const sse = createSseReader(call.connection.maxResponseBytes);
  const stream = readStream(reading);
  exchange.streamed = stream;
  const clean = (data: string) => (secrets.some((s) => data.includes(s)) ? scrubText(data, secrets) : data);
  for (let bytes = await body.next(); ; bytes = await body.next()) {
    const parts: Buffer[] = [];
    let stop: unknown;
    try {
      for (const event of bytes ? sse.feed(bytes) : sse.end()) {
        if (!stream.isOver()) parts.push(stream.add({ ...event, data: clean(event.data) }));
      }
      if (!bytes || stream.isOver()) parts.push(stream.end());
    } catch (error) {
      stop = error;
    }
    // What came whole before something broken is the client's.
    const payload = Buffer.concat(parts);
    if (payload.length > 0) {
      exchange.chunks += 1;
      yield { kind: 'chunk', payload };
    }
    if (stop) throw stop;
    if (!bytes || stream.isOver()) break;
  }
  body.release();
  yield await completed(exchange, answer, body.firstByteAt(), stream.whole());
}

async function* exchanged(exchange: Exchange, body: BodyReader): AsyncGenerator<Performed> {
  const { call, reading, secrets } = exchange;
  const { request } = call;
  const answer = await open(exchange);
  const { statusCode: status, headers } = answer;
  body.attach(answer.body);
  if (status < 200 || status > 299) {
    const said = await body.all(MAX_ERROR_BYTES).catch((error) => {
      if (exchange.controller.signal.reason instanceof Aborted) throw error;
      return null;
    });
    yield await failed(
      exchange,
      faultOfStatus({ status, headers, body: said }, request.repeatable, secrets, call.now()),
    );
    return;
  }
  refuseEncoded(answer);
  if (request.streaming) yield* streamed(exchange, answer, body);
  else {
    const bytes = scrub(await body.all(), secrets);
    yield await completed(exchange, answer, body.firstByteAt(), readWhole(bytes, reading));
  }
}

const faultOfAny = (exchange: Exchange, error: unknown): Fault => {
  const { signal } = exchange.controller;
  const { repeatable } = exchange.call.request;
  // Whatever undici made of it: where the call was ended here, that is why.
  if (signal.aborted && signal.reason instanceof Stop) return faultOfError(signal.reason, true, repeatable);
  if (error instanceof BrokenStream)
    return faultOf('BAD_RESPONSE', `The model's server sent a broken stream: ${error.message}.`, repeatable);
  // A RangeError of a JSON nested beyond the stack, and whatever else an answer may do to those who read it.
  if (exchange.sent && (error instanceof RangeError || error instanceof TypeError || error instanceof SyntaxError))
    return faultOf('BAD_RESPONSE', "The answer of the model's server could not be read.", repeatable);
  return faultOfError(error, exchange.sent, repeatable);
};

const abortedAs = (reason: unknown): Aborted =>
  reason instanceof Aborted ? reason : new Aborted('CANCELLED', 'The call was ended.');

/**
 * Calls the target. Yields the chunks of a stream as they come, then exactly one `completed` or `failed`; never throws.
 * The consumer's pace is the upstream's: nothing is read while it does not ask for more.
 */
export async function* perform(call: Call): AsyncGenerator<Performed> {
  let exchange: Exchange | undefined;
  try {
    const outgoing = outgoingFor(call);
    if ('failure' in outgoing) return yield await failed(undefined, outgoing);
    exchange = begin(call, outgoing);
  } catch (error) {
    const unreadable = error instanceof SyntaxError || error instanceof RangeError;
    const fault = unreadable
      ? faultOf('REQUEST_REFUSED', 'The request is not valid JSON.', false, { status: 400 })
      : faultOfError(error, false, call.request.repeatable);
    return yield await failed(undefined, fault);
  }
  const { controller } = exchange;
  const abort = () => controller.abort(abortedAs(call.signal.reason));
  call.signal.addEventListener('abort', abort, { once: true });
  const body = createBodyReader(call.connection, controller, call.now);
  try {
    if (call.signal.aborted) abort();
    controller.signal.throwIfAborted();
    yield* exchanged(exchange, body);
  } catch (error) {
    yield await failed(exchange, faultOfAny(exchange, error));
  } finally {
    
    body.close();
  }
}
