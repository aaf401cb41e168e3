/** What a server says without being asked: that its lists, or resources that somebody subscribed to, changed. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JSONRPCNotification, McpSubscription } from '@modelcontextprotocol/client';
import type { Logger } from 'pino';
import type * as mesh from '../../../schemas/generated.ts';
import { AnsweredError, ask } from './ask.ts';
import type { Limits } from './call.ts';
import { inLivingSession } from './http-line.ts';
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

/** Makes a call at once, and of those of the same name that come soon after it one more, later. */
const createSeldom = () => {
  /** By name: whether it was called again meanwhile. */
  const resting = new Map<string, boolean>();
  const seldom = (name: string, call: () => void): void => {
    if (resting.has(name)) {
      resting.set(name, true);
      return;
    }
    resting.set(name, false);
    call();
    const wake = () => {
      const again = resting.get(name);
      resting.delete(name);
      if (again) seldom(name, call);
    };
    setTimeout(wake, EVERY_MS).unref();
  };
  return seldom;
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
  const seldom = createSeldom();
  const listsChanged = () =>
    seldom('lists', () => {
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

  const turns = new Map<string, Promise<void>>();
  /** Whether somebody wants to hear of it, as that is when its turn comes: the server hears the last of it last. */
  const tell = (uri: string, signal: AbortSignal): Promise<void> => {
    const before = (turns.get(uri) ?? Promise.resolve()).catch(() => {});
    const turn = before.then(async () => {
      await inLivingSession(async () => {
        const { standing: own, limits } = await standing(signal);
        if (own.channel.isModern) return relisten(own);
        const method = subscribed.has(uri) ? 'resources/subscribe' : 'resources/unsubscribe';
        await ask(own.channel, method, { uri }, limits, signal);
      });
    });
    const forget = () => {
      if (turns.get(uri) === turn) turns.delete(uri);
    };
    turn.then(forget, forget);
    turns.set(uri, turn);
    return turn;
  };

  const once = async (isFirst: boolean) => {
    const { standing: own } = await standing(closed);
    if (own.channel.isModern) await relisten(own);
    else for (const uri of [...subscribed.keys()]) await tell(uri, closed).catch(ignoringAnswers);
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
    return subscribed.delete(uri);
  };

  const unsubscribe: Watch['unsubscribe'] = async (uri, who, signal) => {
    if (leave(uri, who)) await tell(uri, signal);
  };

  return {
    heard: ({ method, params }) => {
      const kind = kinds[method];
      if (kind) {
        listsChanged();
        seldom(method, () => changed.list(kind));
      }
      const uri = params?.uri;
      if (method !== 'notifications/resources/updated' || typeof uri !== 'string' || !subscribed.has(uri)) return;
      seldom(`${method} ${uri}`, () => changed.resource(uri));
    },
    listen: (listener) => {
      listeners.add(listener);
      start();
      return () => listeners.delete(listener);
    },
    subscribe: async (uri, who, signal) => {
      const known = subscribed.get(uri);
      if (known) known.add(who);
      else if (subscribed.size >= MAX_URIS) throw new AnsweredError(-32603, 'Too many resources are subscribed to.');
      else subscribed.set(uri, new Set([who]));
      try {
        // Whoever was first may be refused yet, or not wait any more.
        await (known ? turns.get(uri)?.catch(() => tell(uri, signal)) : tell(uri, signal));
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
        if (isGoing) tell(uri, closed).catch(() => {});
        else start();
      }
      return () => void unsubscribe(uri, who, closed).catch(() => {});
    },
    close: () => closing.abort(new Error('closed')),
  };
};
