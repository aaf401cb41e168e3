import { RuntimeError } from '../errors.ts';
import type { Log } from '../log.ts';

/** A client waits for an append no longer than this. */
export const APPEND_MS = 5_000;

/**
 * The log, with appends that settle within a time whatever becomes of them: an edge has a client waiting.
 * @returns a log whose `append` throws PARLEY_LOG_UNAVAILABLE when the time has passed, the signal's reason when it is
 * aborted. Either way the events may be in the log all the same.
 */
export const withBoundedAppend = (log: Log, ms = APPEND_MS): Log => ({
  append: (events, signal) =>
    new Promise<readonly number[]>((resolve, reject) => {
      const bound = new AbortController();
      const give = (error: unknown) => {
        bound.abort(error);
        reject(error);
      };
      const abort = () => give(signal?.reason);
      const late = () => give(new RuntimeError('PARLEY_LOG_UNAVAILABLE', `an append was not confirmed in ${ms} ms`));
      const timer = setTimeout(late, ms);
      if (signal?.aborted) abort();
      else signal?.addEventListener('abort', abort);
      log
        .append(events, bound.signal)
        .then(resolve, reject)
        .finally(() => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', abort);
        });
    }),
  consume: (...given) => log.consume(...given),
  tail: (...given) => log.tail(...given),
  read: (...given) => log.read(...given),
  healthy: () => log.healthy(),
  partitionOf: (key) => log.partitionOf(key),
  close: () => log.close(),
});
