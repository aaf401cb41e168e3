/** What upstreams answer, whole and as a stream, read in their interface and handed on in the client's. */
import fc from 'fast-check';
import { isObject, type JsonObject, parseObject } from '../../services/edge-llm/openai/json.ts';
import { BrokenStream, createSseReader, type SseEvent } from '../../services/edge-llm/openai/sse.ts';
import { metersOf, textOfAnswer } from '../../services/edge-llm/openai/usage.ts';
import { type Reading, readStream, readWhole } from '../../services/edge-llm/outbound/answers.ts';
import { Stop } from '../../services/runtime/outbound/faults.ts';
import { holds, type Target } from '../target.ts';
import { piecesOf } from './pieces.ts';

const asked: JsonObject = { model: 'small', input: 'hi', tools: [{ type: 'custom', name: 'c' }] };
const reading = (protocol: Reading['protocol'], spoken: Reading['spoken'], addedUsage: boolean): Reading => ({
  protocol,
  spoken,
  addedUsage,
  request: () => asked,
  base: '0123456789abcdef',
  now: () => 1,
});
const readings = [
  reading('openai.chat', 'chat', false),
  reading('openai.chat', 'chat', true),
  reading('openai.responses', 'responses', false),
  reading('openai.responses', 'chat', true),
  reading('openai.embeddings', 'embeddings', false),
];

/** `perform` says BAD_RESPONSE of these. */
const isExpected = (error: unknown) =>
  error instanceof Stop || error instanceof BrokenStream || error instanceof RangeError;

const metered = (said: JsonObject) => {
  for (const amount of Object.values(metersOf(said.usage) ?? {}))
    holds(Number.isFinite(amount) && amount >= 0, 'a meter is a number that is not negative', () =>
      JSON.stringify(said.usage),
    );
  holds(typeof textOfAnswer(said) === 'string', 'the text of an answer is a string');
};

const checkWhole = (bytes: Buffer, how: Reading) => {
  try {
    const { message, said } = readWhole(bytes, how);
    holds(parseObject(message.toString()), 'a whole answer is handed on as a JSON object');
    metered(said);
  } catch (error) {
    if (!isExpected(error)) throw error;
  }
};

interface Streamed {
  written: string;
  whole: string;
  /** How it broke off; undefined: it came to its end. */
  broken: string | undefined;
}

const streamed = (pieces: readonly Buffer[], how: Reading): Streamed => {
  const sse = createSseReader(Number.MAX_SAFE_INTEGER);
  const stream = readStream(how);
  const written: Buffer[] = [];
  let broken: string | undefined;
  const add = (events: readonly SseEvent[]) => {
    for (const event of events) if (!stream.isOver()) written.push(stream.add(event));
  };
  try {
    // As `exchange.ts` does: what comes after the end is not looked at.
    for (const piece of pieces) if (!stream.isOver()) add(sse.feed(piece));
    if (!stream.isOver()) add(sse.end());
    written.push(stream.end());
  } catch (error) {
    if (!isExpected(error)) throw error;
    broken = error instanceof Stop ? error.reason : (error as Error).name;
  }
  if (broken === 'RangeError') return { written: '', whole: '', broken };
  // Of what broke off, too, the whole so far is what is metered.
  const { message, said } = stream.whole();
  metered(said);
  return { written: Buffer.concat(written).toString(), whole: message.toString(), broken };
};

const checkWritten = ({ written, whole, broken }: Streamed, { protocol, addedUsage }: Reading) => {
  const events = createSseReader(Number.MAX_SAFE_INTEGER).feed(Buffer.from(written));
  for (const { data, event } of events) {
    const said = parseObject(data);
    holds(said, 'what is handed on is JSON', () => data);
    if (protocol === 'openai.chat' && addedUsage)
      holds(
        !(isObject(said.usage) && Array.isArray(said.choices) && said.choices.length === 0),
        'usage that was not asked for is not handed on',
      );
    if (protocol === 'openai.responses' && addedUsage) holds(said.type === event, 'a translated event is of its type');
  }
  if (broken === undefined) holds(parseObject(whole), 'a stream comes to a JSON object');
};

const checkStream = (bytes: Buffer, how: Reading, cut: number) => {
  const atOnce = streamed([bytes], how);
  checkWritten(atOnce, how);
  const inPieces = streamed(piecesOf(bytes, cut), how);
  holds(
    atOnce.broken === inPieces.broken,
    'a stream breaks alike however it is cut',
    () => `${atOnce.broken} ${inPieces.broken}`,
  );
  holds(
    atOnce.written === inPieces.written && atOnce.whole === inPieces.whole,
    'a stream is the same however it is cut, also one that breaks',
  );
};

const toolCall = fc.record(
  {
    index: fc.nat(2),
    id: fc.string(),
    type: fc.constantFrom('function', 'custom'),
    function: fc.record({ name: fc.string(), arguments: fc.string() }),
  },
  { requiredKeys: [] },
);
const delta = fc.record(
  {
    role: fc.constant('assistant'),
    content: fc.oneof(fc.string(), fc.jsonValue()),
    refusal: fc.jsonValue(),
    tool_calls: fc.oneof(fc.array(toolCall), fc.jsonValue()),
  },
  { requiredKeys: [] },
);
const choice = fc.record(
  {
    index: fc.oneof(fc.nat(2), fc.jsonValue()),
    delta,
    message: delta,
    finish_reason: fc.constantFrom(null, 'stop', 'length', 'tool_calls', 7),
    logprobs: fc.jsonValue(),
  },
  { requiredKeys: [] },
);
const chunk = fc.record(
  {
    id: fc.string(),
    choices: fc.oneof(fc.array(choice, { maxLength: 3 }), fc.jsonValue()),
    usage: fc.oneof(fc.jsonValue(), fc.record({ prompt_tokens: fc.jsonValue(), completion_tokens: fc.nat() })),
    type: fc.constantFrom('response.completed', 'response.output_text.delta', 'error'),
    response: fc.jsonValue(),
    output: fc.jsonValue(),
    delta: fc.jsonValue(),
    error: fc.jsonValue(),
  },
  { requiredKeys: [] },
);

/** The first byte says in which interfaces, the second how it is cut. */
export const target: Target = {
  name: 'stream',
  dictionary: [
    ...[
      'data: {"choices":[{"index":0,"delta":{',
      '"content":"a"',
      '"tool_calls":[{"index":0,',
      '"function":{"name":"f","arguments":"{"}',
    ],
    ...[
      '"finish_reason":"stop"',
      '"usage":{"prompt_tokens":1,"completion_tokens":2}',
      '"refusal":',
      '}}]}\n\n',
      'data: [DONE]\n\n',
    ],
    ...[
      '"type":"response.completed","response":{',
      '"type":"response.output_text.delta","delta":',
      'event: error\n',
      '"error":{',
      '"index":-1',
    ],
    ...[
      '"logprobs":{"content":[',
      '"type":"custom"',
      '"choices":[]',
      '"output":[',
      '"data":[',
      '"annotations":',
      '"reasoning_content":',
    ],
  ],
  libraries: ['eventsource-parser'],
  structured: fc
    .tuple(fc.nat(4), fc.nat(255), fc.array(chunk, { maxLength: 5 }), fc.boolean(), fc.boolean())
    .map(([how, cut, chunks, done, whole]) =>
      Buffer.concat([
        Buffer.from([how, cut]),
        Buffer.from(
          whole
            ? JSON.stringify(chunks[0] ?? {})
            : `${chunks.map((one) => `data: ${JSON.stringify(one)}\n\n`).join('')}${done ? 'data: [DONE]\n\n' : ''}`,
        ),
      ]),
    ),
  run: (input) => {
    const how = readings[(input[0] ?? 0) % readings.length]!;
    const bytes = input.subarray(2);
    checkWhole(bytes, how);
    if (how.spoken !== 'embeddings') checkStream(bytes, how, input[1] ?? 0);
  },
};
