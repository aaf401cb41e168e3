import { z } from 'zod';

/** Where a page ends: the task that was its last. */
export interface Cursor {
  /** Time of its status, milliseconds since the epoch. */
  updated: number;
  id: string;
}

const cursor = z.tuple([z.number().int(), z.string().max(64)]);

export const pageTokenOf = ({ updated, id }: Cursor): string =>
  Buffer.from(JSON.stringify([updated, id])).toString('base64url');

/** Undefined where the token is none of ours. */
export const readPageToken = (token: string): Cursor | undefined => {
  try {
    const [updated, id] = cursor.parse(JSON.parse(Buffer.from(token, 'base64url').toString()));
    return { updated, id };
  } catch {
    return undefined;
  }
};
