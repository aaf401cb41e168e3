import { hash, randomFillSync } from 'node:crypto';
import type { EventData, EventType } from '../../topics/index.ts';
import type { Event } from './log.ts';

const uuid = (hex: string, version: string) =>
  `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${version}${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;

// One call to the system's randomness for many ids: it costs more than all else about an id.
const pool = Buffer.alloc(8 * 1024);
let used = pool.length;

/** Random bytes, hexadecimal. @param bytes at most a few hundred. */
export const randomHex = (bytes: number): string => {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString('hex', used - bytes, used);
};

/** A new id, UUIDv7 (RFC 9562): ids sort by the time they were made. */
export const newId = (now = Date.now()): string => uuid(now.toString(16).padStart(12, '0') + randomHex(10), '7');

/** The id that follows from these parts and from nothing else, UUIDv8 (RFC 9562): stated again, it is the same event. */
export const derivedId = (...parts: readonly (string | number)[]): string =>
  uuid(hash('sha1', parts.join('\n'), 'hex'), '8');

const ends: ReadonlySet<EventType> = new Set(['RequestUnroutable', 'ResponseCompleted', 'ResponseFailed']);

/** Whether it is the end of a request that was permitted. */
export const isEnd = (type: EventType): boolean => ends.has(type);

/** What an event follows from: another event, or the request that an edge is about to state. */
export type Cause = Pick<Event, 'id' | 'key' | 'correlationId' | 'traceparent'>;

/**
 * An event of `source` that follows from `cause`: in its conversation, of its request, in its trace. All ends of a request have
 * one id, whoever states them and of whichever attempt: they are in one partition, and all who read it count the first.
 * @param index which of the events that this source derives from the cause; makes the id.
 * @param time when it is stated, milliseconds since the epoch.
 */
export const follow = <T extends EventType>(
  source: string,
  cause: Cause,
  index: number | string,
  type: T,
  data: EventData[T],
  time: number,
): Event<T> => ({
  id: isEnd(type) ? derivedId(cause.correlationId, 'outcome') : derivedId(cause.id, source, index),
  type,
  source,
  key: cause.key,
  time,
  correlationId: cause.correlationId,
  causationId: cause.id,
  traceparent: cause.traceparent,
  data,
});
