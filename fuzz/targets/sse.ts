/** Server-sent events from upstreams. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { BrokenStream, createSseReader, type SseEvent, serializeEvent } from '../../services/edge-llm/openai/sse.ts';
import { holds, type Target } from '../target.ts';
import { piecesOf } from './pieces.ts';

/** What came before a stream broke, and that it did. */
interface Read {
  events: SseEvent[];
  broken: boolean;
}

const MAX_EVENT = 200;

const read = (pieces: readonly Buffer[], maxEventLength: number): Read => {
  const reader = createSseReader(maxEventLength);
  const events: SseEvent[] = [];
  try {
    for (const piece of pieces) events.push(...reader.feed(piece));
    events.push(...reader.end());
    return { events, broken: false };
  } catch (error) {
    if (error instanceof BrokenStream) return { events, broken: true };
    throw error;
  }
};

const line = fc.oneof(
  fc.string().map((text) => `data: ${text}`),
  fc.constantFrom('data', 'data:', 'event: error', 'event:', 'id: 7', 'retry: 10', ': comment', '', ''),
  fc.string(),
);

const checkAgain = (event: SseEvent) => {
  const again = read([serializeEvent(event)], Number.MAX_SAFE_INTEGER);
  const isSame = again.events.length === 1 && isDeepStrictEqual(again.events[0], event);
  holds(isSame, 'an event that is written is read as it was', () => JSON.stringify([event, again]));
};

/** An event that is complete in what is read at once needs no memory of its own, and is not bound. */
const checkBound = (bytes: Buffer) => {
  const pieces = piecesOf(bytes, 0);
  const bound = read(pieces, MAX_EVENT);
  const unbound = read(pieces, Number.MAX_SAFE_INTEGER);
  if (bytes.length <= MAX_EVENT) holds(isDeepStrictEqual(bound, unbound), 'a bound is only for what is beyond it');
  const isWithin = bound.events.every(({ data }) => data.length <= MAX_EVENT);
  holds(isWithin, 'an event beyond the bound breaks the stream', () => JSON.stringify(bound));
};

/** The first byte says how the rest is cut. */
export const target: Target = {
  name: 'sse',
  dictionary: [
    'data: ',
    'data:',
    'event: ',
    'id: ',
    'retry: ',
    ': ',
    '\n\n',
    '\r\n\r\n',
    '\r\r',
    '[DONE]',
    '{"choices":[',
    '}',
    '\ufeff',
  ],
  libraries: ['eventsource-parser'],
  structured: fc
    .tuple(fc.nat(255), fc.array(line), fc.constantFrom('\n', '\r\n', '\r'))
    .map(([cut, lines, end]) => Buffer.concat([Buffer.from([cut]), Buffer.from(lines.join(end))])),
  run: (input) => {
    const bytes = input.subarray(1);
    const whole = read([bytes], Number.MAX_SAFE_INTEGER);
    const inPieces = read(piecesOf(bytes, input[0] ?? 0), Number.MAX_SAFE_INTEGER);
    const both = () => JSON.stringify([whole, inPieces]);
    holds(whole.broken === inPieces.broken, 'a stream is broken however it is cut', both);
    const isSame = isDeepStrictEqual(whole, inPieces);
    holds(isSame || whole.broken, 'the events are the same however a stream is cut', both);
    holds(isSame, 'what came whole before something broken is the same however a stream is cut', both);
    for (const event of whole.events) checkAgain(event);
    checkBound(bytes);
  },
};
