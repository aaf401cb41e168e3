/** Server-sent events (WHATWG HTML, 9.2) as bytes: read tolerantly, written so that each event's data stays as it was. */
import { isUtf8 } from 'node:buffer';
import { createParser, type EventSourceMessage } from 'eventsource-parser';

export type SseEvent = EventSourceMessage;

/** A stream that is not server-sent events, not UTF-8, or has an event beyond the bound. */
export class BrokenStream extends Error {
  override readonly name = 'BrokenStream';
}

export interface SseReader {
  /** The events that these bytes complete, also before something broken: then the next call throws. @throws BrokenStream */
  feed(bytes: Uint8Array): SseEvent[];
  /** The events that the end of the stream completes: many a server leaves the last blank line out. @throws BrokenStream */
  end(): SseEvent[];
  /** Throws what the next call would, for who does not want to wait for more bytes first. @throws BrokenStream */
  check(): void;
}

const noBytes = Buffer.alloc(0);

/** The bytes of a character that is begun at the end and not complete. */
const begunAtEnd = (bytes: Uint8Array): Buffer => {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if (byte < 0xc0) continue;
    const length = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    // A copy: who read the bytes may use their memory again.
    return length > back ? Buffer.from(bytes.subarray(-back)) : noBytes;
  }
  return noBytes;
};

/** The whole characters before the first byte that is not UTF-8. */
const validPart = (bytes: Buffer): Buffer => {
  const partOf = (length: number) => bytes.subarray(0, length - begunAtEnd(bytes.subarray(0, length)).length);
  let valid = 0;
  for (let beyond = bytes.length + 1; beyond - valid > 1; ) {
    const middle = (valid + beyond) >> 1;
    if (isUtf8(partOf(middle))) valid = middle;
    else beyond = middle;
  }
  return partOf(valid);
};

/** @param maxEventLength in characters, of one event before it is complete. */
export const createSseReader = (maxEventLength: number): SseReader => {
  // A byte order mark is the parser's.
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  /** What the decoder holds back: it loses it when it throws. */
  let begun: Buffer = noBytes;
  let events: SseEvent[] = [];
  let broken: BrokenStream | undefined;
  const parser = createParser({
    onEvent: (event) => events.push(event),
    onError: ({ type }) => {
      // An unknown field is to be ignored; a bound that was passed is not.
      if (type === 'max-buffer-size-exceeded') broken = new BrokenStream('an event is too large');
    },
    maxBufferSize: maxEventLength,
  });
  const decode = (bytes: Uint8Array, stream: boolean): string => {
    const all = () => Buffer.concat([begun, bytes]);
    try {
      const text = decoder.decode(bytes, { stream });
      begun = begunAtEnd(begun.length === 0 ? bytes : all());
      return text;
    } catch {
      broken = new BrokenStream('it is not valid UTF-8');
      return validPart(all()).toString();
    }
  };
  const check = () => {
    if (broken) throw broken;
  };
  const take = (read: () => string): SseEvent[] => {
    check();
    parser.feed(read());
    const taken = events;
    events = [];
    if (taken.length === 0) check();
    return taken;
  };
  return {
    feed: (bytes) => take(() => decode(bytes, true)),
    end: () =>
      take(() => {
        const text = decode(noBytes, false);
        return broken ? text : `${text}\n\n`;
      }),
    check,
  };
};

/** An event as it is written. */
export const serializeEvent = ({ event, id, data }: SseEvent): Buffer =>
  Buffer.from(
    `${id === undefined ? '' : `id: ${id}\n`}${event === undefined ? '' : `event: ${event}\n`}data: ${data.replaceAll('\n', '\ndata: ')}\n\n`,
  );

/** How a stream of a protocol ends once its last chunk is written: chat's with `[DONE]`, a responses stream with its last event. */
export const streamEnd = (protocol: string): Buffer =>
  Buffer.from(protocol === 'openai.chat' ? 'data: [DONE]\n\n' : '');
