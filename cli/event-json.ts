import { isUtf8 } from 'node:buffer';
import type { AnyRecorded } from '../services/runtime/log.ts';

/** Bytes as text where they are text, else as `{"base64": …}`. */
export const readable = (value: unknown): unknown => {
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return isUtf8(bytes) ? bytes.toString() : { base64: bytes.toString('base64') };
  }
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, readable(one)]));
};

/** JSON on one line, safe for a terminal too. */
export const jsonLine = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

const dataOf = (event: AnyRecorded) => {
  try {
    return { data: readable(event.data) };
  } catch (error) {
    return { data: null, unreadable: (error as Error).message };
  }
};

/** An event with where it is, its attributes and its data; instants of its own as ISO 8601. */
export const eventJson = (event: AnyRecorded): string => {
  const { topic, partition, offset, id, type, source, key, time, correlationId, causationId, traceparent } = event;
  return jsonLine({
    topic,
    partition,
    offset,
    id,
    type,
    source,
    key,
    time: Number.isNaN(time) ? null : new Date(time).toISOString(),
    correlationId,
    causationId,
    traceparent,
    ...dataOf(event),
  });
};
