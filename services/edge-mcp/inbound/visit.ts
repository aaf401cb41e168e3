import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Configuration } from '../../runtime/configuration.ts';
import type { Caller } from '../../runtime/edge/callers.ts';
import { newId } from '../../runtime/event.ts';

/** How long a client that does not read may keep an answer waiting. */
const PATIENCE_MS = 30_000;

/** One HTTP request of a caller that was let in. */
export interface Visit {
  caller: Caller;
  /** The name below /mcp; empty: /mcp itself. */
  endpoint: string;
  inForce: Configuration;
  request: IncomingMessage;
  response: ServerResponse;
  traceparent: string;
  /** The conversation that it belongs to where it has no session. */
  contextId: string;
  /** Of what it asks. */
  requestId: string;
  /** When what it asks is to be answered, milliseconds since the epoch. */
  deadline: number;
  /** For its line in the log. */
  said: { method: string; name: string; session: string; ended: string };
}

/** The same visit, for one more thing that is asked in its course. @param now milliseconds since the epoch */
export const anotherOf = (visit: Visit, now: number): Visit => ({
  ...visit,
  requestId: newId(now),
  deadline: now + visit.inForce.limits.deadlineMs,
  said: { ...visit.said },
});

/** Resolves when what was written so far is on its way. A client that does not read is let go. */
export const drained = async ({ response }: Visit, signal: AbortSignal): Promise<void> => {
  if (!response.writableNeedDrain || response.destroyed) return;
  const timer = setTimeout(() => response.destroy(), PATIENCE_MS);
  const over = new AbortController();
  response.once('close', () => over.abort());
  await once(response, 'drain', { signal: AbortSignal.any([signal, over.signal]) }).catch(() => {});
  clearTimeout(timer);
};
