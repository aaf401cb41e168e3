import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Configuration } from '../../runtime/configuration.ts';
import type { Caller } from '../../runtime/edge/callers.ts';
import { newId } from '../../runtime/event.ts';

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

/** Resolves when what was written so far is on its way, its client has left, or the signal is aborted. */
export const drained = async ({ response }: Visit, signal?: AbortSignal): Promise<void> => {
  if (!response.writableNeedDrain || response.destroyed) return;
  const over = new AbortController();
  const end = () => over.abort();
  response.once('close', end);
  await once(response, 'drain', { signal: AbortSignal.any([over.signal, ...(signal ? [signal] : [])]) }).catch(
    () => {},
  );
  response.off('close', end);
};
