import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';

const MAX_WAIT_MS = 5_000;

/** What was tried is not wanted any more. */
export class Unwanted extends Error {}

/** Tries until it succeeds. @param final errors that trying again does not mend. @throws those, or Unwanted */
export const patiently = async <T>(
  what: string,
  work: () => Promise<T>,
  {
    logger,
    wanted,
    final = () => false,
  }: { logger: Logger; wanted: () => boolean; final?: (error: unknown) => boolean },
): Promise<T> => {
  for (let wait = 100; wanted(); wait = Math.min(2 * wait, MAX_WAIT_MS)) {
    try {
      return await work();
    } catch (error) {
      if (final(error)) throw error;
      logger.warn({ err: error }, `${what}, trying again`);
      await sleep(wait);
    }
  }
  throw new Unwanted(what);
};
