/** `fetch` as the A2A SDK's transports are given it: bounded, without redirects, and telling what became of each call. */
import { type Dispatcher, fetch } from 'undici';
import { bounded } from '../../runtime/outbound/bounded.ts';
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

/** Time is the caller's: undici's own timers are off. @param exchangeOf finds a call by its signal. */
export const boundedFetch = (
  dispatcher: Dispatcher,
  maxBytes: number,
  exchangeOf: (signal: AbortSignal) => Exchange | undefined,
): typeof globalThis.fetch => {
  const fetching = async (input: string | URL, init: RequestInit = {}) => {
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
    return bounded(answer, maxBytes, {
      tooMuch: () => new Stop('RESPONSE_TOO_LARGE', `The agent's server sent more than ${maxBytes} bytes at once.`),
    });
  };
  return fetching as unknown as typeof globalThis.fetch;
};
