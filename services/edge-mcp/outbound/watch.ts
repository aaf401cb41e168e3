/** What a server says without being asked: that its lists, or resources that somebody subscribed to, changed. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JSONRPCNotification, McpSubscription } from '@modelcontextprotocol/client';
import type { Logger } from 'pino';
import type * as mesh from '../../../schemas/generated.ts';
import { AnsweredError, ask } from './ask.ts';
import type { Limits } from './call.ts';
import type { Standing } from './upstream.ts';

export interface Watch {
  /** Told of the server's notifications, of whatever connection. */
  heard(notification: JSONRPCNotification): void;
  listen(listener: () => void): () => void;
  /** @throws AnsweredError; CallFailed */
  subscribe(uri: string, who: string, signal: AbortSignal): Promise<void>;
  /** @throws as subscribe */
  unsubscribe(uri: string, who: string, signal: AbortSignal): Promise<void>;
  /** Subscribes, at every connection anew, until what it returns is called. What the server refuses is not told of. */
  hold(uri: string): () => void;
  close(): void;
}

export interface Changed {
  resource(uri: string): void;
  list(kind: mesh.DefinitionKind): void;
}

const kinds: Readonly<Record<string, mesh.DefinitionKind>> = {
  'notifications/tools/list_changed': 'TOOL',
  'notifications/prompts/list_changed': 'PROMPT',
  'notifications/resources/list_changed': 'RESOURCE',
};

/** Between two attempts to have a connection; it doubles. */
const FIRST_WAIT_MS = 1_000;
const MAX_WAIT_MS = 30_000;
/** How often something is told at most. */
const EVERY_MS = 1_000;
const MAX_URIS = 10_000;

/** What the server refuses of what it granted before is its own affair. */
const ignoringAnswers = (error: unknown) => {
  if (!(error instanceof AnsweredError)) throw error;
};

/** Calls at once, and once more after a while where it was called again meanwhile. */
const seldom = (call: () => void): (() => void) => {
  let timer: NodeJS.Timeout | undefined;
  let again = false;
  const run = () => {
    call();
    timer = setTimeout(() => {
      timer = undefined;
      if (!again) return;
      again = false;
      run();
    }, EVERY_MS);
    timer.unref();
  };
  return () => {
    if (timer) again = true;
    else run();
  };
};

/**
 * @param standing the mesh's own connection to it
 * @param changed told of a resource, and of a list
 */
export const createWatch = (
  standing: (signal: AbortSignal) => Promise<{ standing: Standing; limits: Limits }>,
  changed: Changed,
  logger: Logger,
): Watch => {
  const closing = new AbortController();
  const { signal: closed } = closing;
  const listeners = new Set<() => void>();
  const subscribed = new Map<string, Set<string>>();
  const telling = new Map<string, () => void>();
  const listsChanged = seldom(() => {
    for (const listener of listeners) listener();
  });
  let isGoing = false;
  let filtered: McpSubscription | undefined;

  let relistened: Promise<void> = Promise.resolve();
  const relistenNow = async ({ client }: Standing) => {
    const before = filtered;
    filtered = await client.listen({
      toolsListChanged: true,
      promptsListChanged: true,
      resourcesListChanged: true,
      ...(subscribed.size > 0 ? { resourceSubscriptions: [...subscribed.keys()] } : {}),
    });
    void before?.close().catch(() => {});
  };
  /** One after the other, so that the last of them names all. */
  const relisten = (own: Standing): Promise<void> => {
    const turn = relistened.then(() => relistenNow(own));
    relistened = turn.catch(() => {});
    return turn;
  };

  const once = async (isFirst: boolean) => {
    const {
      standing: { channel, ...rest },
      limits,
    } = await standing(closed);
    const own: Standing = { channel, ...rest };
    if (channel.isModern) await relisten(own);
    else
      for (const uri of subscribed.keys())
        await ask(channel, 'resources/subscribe', { uri }, limits, closed).catch(ignoringAnswers);
    if (!isFirst) listsChanged();
    let current = filtered;
    // A new filter ends the old subscription.
    do {
      current = filtered;
      await Promise.race([own.closed, ...(current ? [current.closed] : [])]);
    } while (current !== filtered);
    filtered = undefined;
  };

  const go = async () => {
    let wait = FIRST_WAIT_MS;
    for (let isFirst = true; !closed.aborted && listeners.size + subscribed.size > 0; isFirst = false) {
      const began = Date.now();
      try {
        await once(isFirst);
      } catch (error) {
        if (closed.aborted) break;
        logger.debug({ why: error instanceof Error ? error.message : '' }, 'an MCP server is not listened to');
      }
      if (Date.now() - began > MAX_WAIT_MS) wait = FIRST_WAIT_MS;
      await sleep(wait, undefined, { signal: closed, ref: false }).catch(() => {});
      wait = Math.min(wait * 2, MAX_WAIT_MS);
    }
    isGoing = false;
  };
  const start = () => {
    if (isGoing) return;
    isGoing = true;
    void go();
  };

  /** Whether nobody is left. */
  const leave = (uri: string, who: string): boolean => {
    const known = subscribed.get(uri);
    if (!known?.delete(who) || known.size > 0) return false;
    telling.delete(uri);
    return subscribed.delete(uri);
  };

  /** At the connection that there is; at the next one all are subscribed to. */
  const takeUp = async (uri: string): Promise<void> => {
    const { standing: own, limits } = await standing(closed);
    if (own.channel.isModern) await relisten(own);
    else await ask(own.channel, 'resources/subscribe', { uri }, limits, closed);
  };

  const unsubscribe: Watch['unsubscribe'] = async (uri, who, signal) => {
    if (!leave(uri, who)) return;
    const { standing: own, limits } = await standing(signal);
    if (!own.channel.isModern) await ask(own.channel, 'resources/unsubscribe', { uri }, limits, signal);
    else await relisten(own);
  };

  return {
    heard: ({ method, params }) => {
      const kind = kinds[method];
      if (kind) {
        listsChanged();
        const tell = telling.get(method) ?? seldom(() => changed.list(kind));
        telling.set(method, tell);
        tell();
      }
      const uri = params?.uri;
      if (method !== 'notifications/resources/updated' || typeof uri !== 'string' || !subscribed.has(uri)) return;
      const tell = telling.get(uri) ?? seldom(() => changed.resource(uri));
      telling.set(uri, tell);
      tell();
    },
    listen: (listener) => {
      listeners.add(listener);
      start();
      return () => listeners.delete(listener);
    },
    subscribe: async (uri, who, signal) => {
      const known = subscribed.get(uri);
      if (known) {
        known.add(who);
        return;
      }
      if (subscribed.size >= MAX_URIS) throw new AnsweredError(-32603, 'Too many resources are subscribed to.');
      const { standing: own, limits } = await standing(signal);
      subscribed.set(uri, new Set([who]));
      try {
        if (!own.channel.isModern) await ask(own.channel, 'resources/subscribe', { uri }, limits, signal);
        else await relisten(own);
        start();
      } catch (error) {
        leave(uri, who);
        throw error;
      }
    },
    unsubscribe,
    hold: (uri) => {
      const who = randomUUID();
      const known = subscribed.get(uri);
      if (known) known.add(who);
      else if (subscribed.size < MAX_URIS) {
        subscribed.set(uri, new Set([who]));
        if (isGoing) takeUp(uri).catch(() => {});
        else start();
      }
      return () => void unsubscribe(uri, who, closed).catch(() => {});
    },
    close: () => closing.abort(new Error('closed')),
  };
};
