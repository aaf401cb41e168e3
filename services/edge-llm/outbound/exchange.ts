/** A call that is under way: its answer read, metered and handed on. */
import type { Dispatcher } from 'undici';
import { Aborted, type Fault, Stop } from '../../runtime/outbound/faults.ts';
import { scrub, scrubText, secretsOf } from '../../runtime/outbound/secrets.ts';
import { returningHeaders } from '../openai/headers.ts';
import { arrayOf, type JsonObject, objectOf, parseObject, stringOf } from '../openai/json.ts';
import { createSseReader } from '../openai/sse.ts';
import { estimateMeters, type Meters, metersOf, textOfAnswer } from '../openai/usage.ts';
import { type Reading, readStream, readWhole, type StreamedAnswer, type Whole } from './answers.ts';
import { faultOfStatus } from './faults.ts';
import type { Outgoing } from './outgoing.ts';
import type { Call, Completed, Failed, Performed } from './performed.ts';
import type { BodyReader } from './upstream-body.ts';
import { post } from './upstream-http.ts';

const MAX_ERROR_BYTES = 256 * 1024;

/** One call as it goes on. */
export interface Exchange {
  call: Call;
  outgoing: Outgoing;
  reading: Reading;
  secrets: readonly string[];
  controller: AbortController;
  startedAt: number;
  /** Whether any of the request may have reached the upstream. */
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

export const begin = (call: Call, outgoing: Outgoing): Exchange => ({
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

/** A failed call. What it used is what was streamed of it: for that the upstream is paid although the client gets no whole answer. */
export const failed = async (exchange: Exchange | undefined, fault: Fault): Promise<Failed> => {
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
      if (!stream.isOver()) sse.check();
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

/** From the request sent to the end of a good answer, or of a refusal. @throws what broke it. */
export async function* exchanged(exchange: Exchange, body: BodyReader): AsyncGenerator<Performed> {
  const { call, reading, secrets } = exchange;
  const { request } = call;
  const sent = () => {
    exchange.sent = true;
  };
  const answer = await post(exchange.outgoing, call.dispatcher, exchange.controller.signal, sent);
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
