/** Answers to `fetch` that are not endless. */
import { Response } from 'undici';

const LF = 10;
const CR = 13;

/** What is told of an answer while it comes. */
export interface Coming {
  /** Another piece came. */
  active?(): void;
  /** It is too large. @returns what it is broken off with */
  tooMuch(): Error;
}

/**
 * Lets bytes through until more than `maxBytes` come, of a stream of events until that many come without an empty line. What
 * is in one piece with the last of them does not get through either.
 */
const bounding = (maxBytes: number, isEventStream: boolean, { active, tooMuch }: Coming) => {
  let bytes = 0;
  let lineIsEmpty = false;
  /** @returns how many came at once, at most. */
  const count = (chunk: Uint8Array): number => {
    if (!isEventStream) {
      bytes += chunk.length;
      return bytes;
    }
    let most = 0;
    for (const byte of chunk) {
      bytes += 1;
      most = Math.max(most, bytes);
      if (byte === CR) continue;
      if (byte === LF && lineIsEmpty) bytes = 0;
      lineIsEmpty = byte === LF;
    }
    return most;
  };
  return new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) => {
      active?.();
      if (count(chunk) > maxBytes) controller.error(tooMuch());
      else controller.enqueue(chunk);
    },
  });
};

/** The same answer, of which no more than `maxBytes` are read; of a stream of events, no more in one of them. */
export const bounded = (answer: Response, maxBytes: number, coming: Coming): Response => {
  const { status, statusText, headers } = answer;
  const isEventStream = headers.get('content-type')?.startsWith('text/event-stream') ?? false;
  const body = answer.body?.pipeThrough(bounding(maxBytes, isEventStream, coming)) ?? null;
  return new Response(body, { status, statusText, headers });
};
