import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Event, Log } from '../log.ts';

const RETRY_MS = 1_000;
const MAX_WAITING = 10_000;
const BATCH = 500;

/** That an answer is not wanted any more, or that a task is to end. */
export type Cancellation = Event<'CancelRequested'> | Event<'TaskCancelRequested'>;

export interface Cancellations {
  /**
   * @param until when nobody needs it any more, milliseconds since the epoch: of a request its deadline, after which nothing
   * is begun for it.
   */
  state(event: Cancellation, until: number): void;
  /** Gives up what could not be stated. */
  close(): Promise<void>;
}

/** States cancellations in the background, again and again while the log can't be reached: that is when they matter most. */
export const createCancellations = (log: Log, logger: Logger, now: () => number): Cancellations => {
  let waiting: { event: Cancellation; until: number }[] = [];
  let flushing: Promise<void> | undefined;
  const closed = new AbortController();

  const flush = async () => {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, BATCH);
      try {
        await log.append(batch.map(({ event }) => event));
      } catch (error) {
        waiting = [...batch, ...waiting].filter(({ until }) => until > now()).slice(-MAX_WAITING);
        logger.warn({ err: error, waiting: waiting.length }, 'cancellations could not be recorded');
        if (closed.signal.aborted) break;
        await sleep(RETRY_MS, undefined, { signal: closed.signal }).catch(() => {});
      }
    }
    flushing = undefined;
  };

  return {
    state: (event, until) => {
      waiting.push({ event, until });
      flushing ??= flush();
    },
    close: async () => {
      closed.abort();
      await flushing;
    },
  };
};
