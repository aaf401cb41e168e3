import type { Logger } from 'pino';
import type * as mesh from '../../../schemas/generated.ts';
import type { Log } from '../log.ts';
import { Aborted } from './faults.ts';

/** The requests whose answer nobody waits for any more. */
export interface CancelledRequests {
  /** Why a request is not to be performed; undefined while it is. */
  of(requestId: string): Aborted | undefined;
  close(): Promise<void>;
}

/** Longer than any request lives; and so many of them at most. */
const WINDOW_MS = 600_000;
const MAX_KNOWN = 20_000;

const abortedBy = (reason: mesh.CancelReason): Aborted =>
  reason === 'DEADLINE'
    ? new Aborted('DEADLINE_EXCEEDED', 'The deadline of the request passed.')
    : new Aborted('CANCELLED', `The request was cancelled (${reason}).`);

/** Follows cancellations. Resolves once those in the log are known. @param cancel told of each one as it comes. */
export const followCancelledRequests = async (
  log: Log,
  now: number,
  logger: Logger,
  cancel: (requestId: string, aborted: Aborted) => void,
): Promise<CancelledRequests> => {
  const known = new Map<string, Aborted>();
  const tail = await log.tail(
    ['mesh.cancellations'],
    (record) => {
      if (record.type !== 'CancelRequested') return;
      try {
        const aborted = abortedBy(record.data.reason);
        known.set(record.correlationId, aborted);
        // A Map keeps the order in which they came.
        if (known.size > MAX_KNOWN) known.delete(known.keys().next().value ?? '');
        cancel(record.correlationId, aborted);
      } catch (error) {
        logger.error({ err: error, topic: record.topic, offset: record.offset }, 'a cancellation was passed over');
      }
    },
    { from: { time: now - WINDOW_MS }, types: ['CancelRequested'] },
  );
  await tail.caughtUp;
  return { of: (requestId) => known.get(requestId), close: () => tail.close() };
};
