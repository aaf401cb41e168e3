import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { isOutage } from './errors.ts';

/** A broker or the registry may be just starting, or a leader being elected. */
const PATIENCE_MS = 60_000;
const RETRY_MS = 2_000;

/**
 * Tries again while the cluster does not answer.
 * @throws what the attempt throws, once it is no outage, or lasts for longer than a minute; the signal's reason
 */
export const patiently = async <T>(attempt: () => Promise<T>, logger: Logger, signal?: AbortSignal): Promise<T> => {
  for (const until = performance.now() + PATIENCE_MS; ; ) {
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (!isOutage(error) || performance.now() > until) throw error;
      logger.warn({ err: error }, 'the cluster does not answer, trying again');
      await sleep(RETRY_MS, undefined, { signal });
    }
  }
};
