/**
 * Idempotency keys (draft-ietf-httpapi-idempotency-key-header): which request a caller's key names. Every edge follows
 * mesh.idempotency-keys, so each knows the keys that any of them has seen in the last day.
 */
import { hash } from 'node:crypto';
import type { Logger } from 'pino';
import { derivedId, newId } from '../event.ts';
import type { Event, Log, Recorded } from '../log.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;
/** About 100 MB. Where more keys than that are used in a day, the oldest are forgotten first. */
const MAX_KEYS = 200_000;
const KEY = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/;

/** What a key names. */
export interface KeyedRequest {
  requestId: string;
  contextId: string;
  /** sha256 of what was asked. */
  fingerprint: string;
  /** When the key was used for it, milliseconds since the epoch. */
  usedAt: number;
}

interface Entry extends KeyedRequest {
  eventId: string;
  /** Requests that the scope named before. */
  earlier: readonly string[];
  /** Set while this instance's use has not been seen in the log. */
  pending?: { contested(): void; before: Entry | undefined };
}

export type KeyUse = Event<'IdempotencyKeyUsed'>;

/** Whether a header's value can be a key: 1 to 255 printable ASCII characters. */
export const isIdempotencyKey = (value: string): boolean => KEY.test(value);

/** Within which a key names one request: the callers of one agent share them, nobody else does. */
export const scopeOf = ({ tenant, agent }: { tenant: string; agent: string }, key: string): string =>
  hash('sha256', JSON.stringify([tenant, agent, key]), 'hex');

/**
 * The conversation and the request that follow from a key, so that edges that are handed the same call at the same time state
 * the same request. The request from the day as well: a key is forgotten after one, and its next use is another request.
 */
export const conversationUnder = (scope: string): string => derivedId(scope, 'conversation');
/** @param now milliseconds since the epoch. */
export const requestUnder = (scope: string, contextId: string, now: number): string =>
  derivedId(scope, contextId, Math.floor(now / DAY_MS));

/** The event that a key names this request. Each use has an id of its own: two edges' can be told apart. */
export const keyUse = (
  source: string,
  { scope, contextId, fingerprint, traceparent }: Omit<KeyUse['data'], 'requestId'> & { traceparent: string },
  requestId: string,
  time: number,
): KeyUse => ({
  id: newId(time),
  type: 'IdempotencyKeyUsed',
  source,
  key: scope,
  time,
  correlationId: requestId,
  causationId: requestId,
  traceparent,
  data: { scope, requestId, contextId, fingerprint },
});

export interface IdempotencyKeys {
  get(scope: string): KeyedRequest | undefined;
  /**
   * Notes a use that is about to be appended.
   * @param contested called once if another instance's use for the same request precedes it in the log.
   */
  note(use: KeyUse, contested: () => void): void;
  /** Takes back a note whose append failed, unless the log has it after all. */
  forget(use: KeyUse): void;
  close(): Promise<void>;
}

/**
 * Follows the keys of one service's callers. Resolves once every use of the last day is known. @throws what `Log.tail` throws.
 */
export const followIdempotencyKeys = async (
  log: Log,
  source: string,
  logger: Logger,
  now: () => number,
): Promise<IdempotencyKeys> => {
  const entries = new Map<string, Entry>();

  const put = (entry: Entry, scope: string) => {
    // Put in again at the end: the map's order is the order of use.
    entries.delete(scope);
    entries.set(scope, entry);
    for (const [oldest, { usedAt }] of entries) {
      if (entries.size <= MAX_KEYS && usedAt > now() - DAY_MS) break;
      entries.delete(oldest);
    }
  };

  const entryOf = ({ id, time, data }: KeyUse, known: Entry | undefined): Entry => {
    const earlier = known?.earlier ?? [];
    const isNext = known !== undefined && known.requestId !== data.requestId;
    return {
      requestId: data.requestId,
      contextId: data.contextId,
      fingerprint: data.fingerprint,
      usedAt: time,
      eventId: id,
      earlier: isNext ? [...earlier, known.requestId] : earlier,
    };
  };

  // For one request the first use in the log stands. A use for another request comes after it and replaces it.
  const see = (use: Recorded<'IdempotencyKeyUsed'>) => {
    if (use.source !== source) return;
    const { scope, requestId } = use.data;
    const known = entries.get(scope);
    if (known?.earlier.includes(requestId)) return;
    if (known?.pending && known.requestId !== requestId) {
      known.pending.before = entryOf(use, known.pending.before);
      known.earlier = [...known.earlier, requestId];
      return;
    }
    if (known?.requestId === requestId && !known.pending) return;
    put(entryOf(use, known), scope);
    if (known?.pending && known.eventId !== use.id) known.pending.contested();
  };

  const tail = await log.tail(
    ['mesh.idempotency-keys'],
    (record) => {
      try {
        see(record as Recorded<'IdempotencyKeyUsed'>);
      } catch (error) {
        logger.error({ err: error, topic: record.topic, offset: record.offset }, 'an idempotency key was passed over');
      }
    },
    { from: { time: now() - DAY_MS }, types: ['IdempotencyKeyUsed'] },
  );
  await tail.caughtUp;

  return {
    get: (scope) => {
      const known = entries.get(scope);
      return known && known.usedAt > now() - DAY_MS ? known : undefined;
    },
    note: (use, contested) => {
      const known = entries.get(use.data.scope);
      put({ ...entryOf(use, known), pending: { contested, before: known } }, use.data.scope);
    },
    forget: (use) => {
      const { scope } = use.data;
      const known = entries.get(scope);
      if (!known?.pending || known.eventId !== use.id) return;
      entries.delete(scope);
      if (known.pending.before) put(known.pending.before, scope);
    },
    close: () => tail.close(),
  };
};
