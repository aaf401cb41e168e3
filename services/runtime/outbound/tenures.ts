/** For how long a partition is this instance's to speak of. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isLogUnavailable } from '../errors.ts';
import type { Consuming, Event } from '../log.ts';
import type { ServiceContext } from '../service.ts';
import type { Abandoned } from './faults.ts';

/** A partition of this instance's, from being assigned to being lost. Assigned once more it is another tenure. */
export interface Tenure {
  /** The process, with the edge's own logger. */
  context: ServiceContext;
  partition: number;
  /** Aborted, with `Abandoned`, when it is over: the partition is, or may be, another instance's, or the edge has stopped. */
  signal: AbortSignal;
  /**
   * Appends what is said once it is sure that no other instance says it, and again and again while the log can't be reached:
   * what came of a call must not be lost with it.
   * @throws Abandoned where it is another's.
   */
  persist(events: readonly Event[]): Promise<void>;
  /** Whether the partition is this instance's and can be no other's just now. */
  owns(): boolean;
  /** Waits until it is known whose the partition is. @throws Abandoned where it is, or was meanwhile, another's. */
  untilOurs(): Promise<void>;
}

const MAX_RETRY_MS = 5_000;
/** How often it is asked again whose a partition is. */
const UNSURE_MS = 50;

/**
 * @param retryMs the first wait before something is appended again.
 * @param appended told what is in the log.
 */
export const createTenures = (
  context: ServiceContext,
  retryMs: number,
  appended: (events: readonly Event[]) => void = () => {},
) => {
  const { log, logger } = context;
  const halted = new AbortController();
  const open = new Map<number, { tenure: Tenure; over: AbortController }>();
  let consuming: Consuming | undefined;

  // While it is only about to be handed its first records nothing can be another's.
  const owns = (partition: number) => consuming?.owns(partition) ?? true;

  const append = async (events: readonly Event[], before = async () => {}): Promise<void> => {
    for (let wait = retryMs; ; wait = Math.min(wait * 2, MAX_RETRY_MS)) {
      await before();
      try {
        await log.append(events);
        appended(events);
        return;
      } catch (error) {
        if (halted.signal.aborted || !isLogUnavailable(error)) throw error;
        logger.warn({ err: error, waitMs: wait }, 'an outcome could not be recorded, trying again');
        await sleep(wait, undefined, { signal: halted.signal }).catch(() => {});
      }
    }
  };

  const create = (partition: number): { tenure: Tenure; over: AbortController } => {
    const over = new AbortController();
    const { signal } = over;
    const untilOurs = async () => {
      for (;;) {
        signal.throwIfAborted();
        if (owns(partition)) return;
        await sleep(UNSURE_MS);
      }
    };
    const tenure: Tenure = {
      context,
      partition,
      signal,
      persist: (events) => append(events, untilOurs),
      owns: () => !signal.aborted && owns(partition),
      untilOurs,
    };
    return { tenure, over };
  };

  return {
    /** The tenure that goes on, else a new one. */
    begin: (partition: number): Tenure => {
      const known = open.get(partition) ?? create(partition);
      open.set(partition, known);
      return known.tenure;
    },
    of: (partition: number): Tenure | undefined => open.get(partition)?.tenure,
    partitions: (): number[] => [...open.keys()],
    end: (partitions: readonly number[], why: Abandoned): void => {
      for (const partition of partitions) {
        const known = open.get(partition);
        open.delete(partition);
        known?.over.abort(why);
      }
    },
    /** Appends what is any instance's to say, again and again. */
    append: (events: readonly Event[]): Promise<void> => append(events),
    /** Told the place in the group, once there is one. */
    consuming: (place: Consuming): void => {
      consuming = place;
    },
    /** From here on nothing is appended a second time. */
    halt: (): void => halted.abort(),
  };
};
