import { hash, randomUUID } from 'node:crypto';

const uuid = (hex: string, version: string) =>
  `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${version}${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;

/** The id that follows from these parts alone, UUIDv8 (RFC 9562): stated again, it is the same event. */
export const derivedId = (...parts: readonly (string | number)[]): string =>
  uuid(hash('sha256', JSON.stringify(parts), 'hex'), '8');

/** UUIDv7 (RFC 9562). */
export const newId = (now = Date.now()): string =>
  uuid(now.toString(16).padStart(12, '0') + randomUUID().replaceAll('-', '').slice(0, 20), '7');

/** When a UUIDv7 was made, milliseconds since the epoch; 0 for an id of another kind. */
export const timeOfId = (id: string): number =>
  /^[0-9a-f]{8}-[0-9a-f]{4}-7/.test(id) ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : 0;
