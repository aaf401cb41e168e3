/** `fetch` as the A2A SDK's transports are given it: bounded, without redirects, and telling what became of each call. */
import { type Dispatcher, fetch, Response } from 'undici';
import { Stop } from '../../runtime/outbound/faults.ts';
import { noticing } from '../../runtime/outbound/noticing.ts';

/** One call, as far as HTTP knows of it. It is found again by its signal, which the SDK passes on. */
export interface Exchange {
  signal: AbortSignal;
  /** Whether any of the request may have reached the agent. */
  sent: boolean;
  status: number | undefined;
  /** As it came. */
  retryAfter: string | undefined;
}

const LF = 10;
const CR = 13;

/**
 * Lets bytes through until more than `maxBytes` come, of a stream of events until that many come without an empty line. What
 * is in one piece with the last of them does not get through either.
 */
const bounding = (maxBytes: number, isEventStream: boolean): TransformStream<Uint8Array, Uint8Array> => {
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
  return new TransformStream({
    transform: (chunk, controller) => {
      if (count(chunk) > maxBytes)
        controller.error(
          new Stop('RESPONSE_TOO_LARGE', `The agent's server sent more than ${maxBytes} bytes at once.`),
        );
      else controller.enqueue(chunk);
    },
  });
};

/** Time is the caller's: undici's own timers are off. @param exchangeOf finds a call by its signal. */
export const boundedFetch = (
  dispatcher: Dispatcher,
  maxBytes: number,
  exchangeOf: (signal: AbortSignal) => Exchange | undefined,
): typeof globalThis.fetch => {
  const bounded = async (input: string | URL, init: RequestInit = {}) => {
    const exchange = init.signal ? exchangeOf(init.signal) : undefined;
    const sent = () => {
      if (exchange) exchange.sent = true;
    };
    const answer = await fetch(input, {
      ...(init as Parameters<typeof fetch>[1]),
      dispatcher: dispatcher.compose(noticing(sent)),
      // A redirect is an answer like any other that is no good: where it leads was not configured.
      redirect: 'manual',
    });
    if (exchange) {
      exchange.status = answer.status;
      exchange.retryAfter = answer.headers.get('retry-after') ?? undefined;
    }
    const isEventStream = answer.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
    const body = answer.body?.pipeThrough(bounding(maxBytes, isEventStream)) ?? null;
    return new Response(body, { status: answer.status, statusText: answer.statusText, headers: answer.headers });
  };
  return bounded as unknown as typeof globalThis.fetch;
};
