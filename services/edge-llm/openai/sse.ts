/** Server-sent events (WHATWG HTML, 9.2) as bytes: read tolerantly, written so that each event's data stays as it was. */
import { createParser, type EventSourceMessage } from 'eventsource-parser';

export type SseEvent = EventSourceMessage;

/** A stream that is not server-sent events, not UTF-8, or has an event beyond the bound. */
export class BrokenStream extends Error {
  override readonly name = 'BrokenStream';
}

export interface SseReader {
  /** The events that these bytes complete. @throws BrokenStream */
  feed(bytes: Uint8Array): SseEvent[];
  /** The events that the end of the stream completes: many a server leaves the last blank line out. @throws BrokenStream */
  end(): SseEvent[];
}

/** @param maxEventLength in characters, of one event before it is complete. */
export const createSseReader = (maxEventLength: number): SseReader => {
  const decoder = new TextDecoder('utf-8', { fatal: true });
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
  const take = (read: () => string): SseEvent[] => {
    if (broken) throw broken;
    let text: string;
    try {
      text = read();
    } catch {
      broken = new BrokenStream('it is not valid UTF-8');
      throw broken;
    }
    parser.feed(text);
    if (broken) throw broken;
    const taken = events;
    events = [];
    return taken;
  };
  return {
    feed: (bytes) => take(() => decoder.decode(bytes, { stream: true })),
    end: () => take(() => `${decoder.decode()}\n\n`),
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
