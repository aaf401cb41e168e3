/** `fetch` as the SDK's transport is given it: bounded, without redirects, and telling what became of the call. */
import type { FetchLike } from '@modelcontextprotocol/client';
import { type Dispatcher, fetch, Response } from 'undici';
import { bounded } from '../../runtime/outbound/bounded.ts';
import type { Stop } from '../../runtime/outbound/faults.ts';
import { noticing } from '../../runtime/outbound/noticing.ts';
import { tooLarge } from './call-failed.ts';
import { type Login, loggedIn } from './login/login.ts';

/** One call, as far as HTTP knows of it. */
export interface Exchange {
  /** Whether any of the request may have reached the server. */
  sent: boolean;
  status: number | undefined;
  /** As it came. */
  retryAfter: string | undefined;
}

export const noExchange = (): Exchange => ({ sent: false, status: undefined, retryAfter: undefined });

/** What is told of an exchange while it goes on. */
export interface Watcher {
  /** Something came: headers, or bytes. */
  active(): void;
  /** It was cut off. */
  stopped(why: Stop): void;
}

const unwatched: Watcher = { active: () => {}, stopped: () => {} };

/** How requests are sent. */
export interface Sent {
  dispatcher: Dispatcher;
  maxBytes: number;
  /** What they show, beside what is configured. */
  login?: Login | undefined;
}

/**
 * Time is the caller's: undici's own timers are off.
 * @param to whom: maxBytes is of one answer, or of one event of a stream.
 * @param exchange filled with what becomes of the first request, once the server lets it in.
 * @param mayListen whether a stream without a request of its own (GET) may be opened; resuming one always may.
 */
export const boundedFetch = (
  { dispatcher, maxBytes, login }: Sent,
  exchange: Exchange,
  watcher: Watcher = unwatched,
  mayListen = false,
): FetchLike => {
  let begun = false;
  const fetching = async (input: string | URL, init: RequestInit = {}) => {
    const isGet = init.method === 'GET';
    if (isGet && !mayListen && !new Headers(init.headers).has('last-event-id'))
      return new Response(null, { status: 405 });
    const isFirst = !begun;
    begun = true;
    const sent = () => {
      if (isFirst) exchange.sent = true;
    };
    const once = (token?: string) => {
      const headers = new Headers(init.headers);
      if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
      return fetch(input, {
        ...({ ...init, headers } as Parameters<typeof fetch>[1]),
        dispatcher: dispatcher.compose(noticing(sent)),
        // A redirect is an answer like any other that is no good: where it leads was not configured.
        redirect: 'manual',
      });
    };
    // Who is not let in has asked for nothing.
    const renew: Login['renew'] = (refusal) => {
      if (isFirst) exchange.sent = false;
      return login!.renew(refusal);
    };
    const answer = login ? await loggedIn({ ...login, renew }, once) : await once();
    watcher.active();
    if (isFirst) {
      exchange.status = answer.status;
      exchange.retryAfter = answer.headers.get('retry-after') ?? undefined;
    }
    return bounded(answer, maxBytes, {
      active: watcher.active,
      tooMuch: () => {
        const why = tooLarge(maxBytes);
        watcher.stopped(why);
        return why;
      },
    });
  };
  return fetching as unknown as FetchLike;
};
