/**
 * One fetch for all that a process reads, over each broker: kafkajs would fetch for every consumer by itself, and fetching
 * is most of what consuming costs.
 */
import type { Kafka } from 'kafkajs';
import type { Logger } from 'pino';
import type { Codec } from '../codec.ts';
import { clusterOf, type FetchedMessage } from './cluster.ts';
import { createPoller, type Poller } from './poller.ts';
import { learn } from './shared.ts';

/** Who reads one partition of one topic. */
export interface PartitionReader {
  topic: string;
  partition: number;
  /** The offset of the record that it wants next. What it has had already may come again. */
  next(): number;
  /** Shown records in order. @param end the offset after the last record that there is. */
  see(messages: readonly FetchedMessage[], end: number): void;
  /** There are no records before this offset. */
  skip(offset: number): void;
  /** What it wants has expired, or was never there; it goes to where records are. */
  outOfRange(): Promise<void>;
}

/** A reader, and how it is being read for. */
export interface Reading {
  reader: PartitionReader;
  /** Has been at the end, so that it can be waited for with all others. */
  atEnd: boolean;
  /** Is waited for with all others. */
  live: boolean;
  /** When it last got something new, milliseconds since the epoch; undefined: it is quiet, and waited for with all quiet ones. */
  heardAt: number | undefined;
  /** Gets nothing for now. */
  busy: boolean;
}

export interface Fetcher {
  add(reader: PartitionReader): void;
  remove(reader: PartitionReader): void;
  /** Whether brokers answer. */
  healthy(): boolean;
  close(): Promise<void>;
}

/** How long a fetch waits for the first byte. */
const LIVE_WAIT_MS = 250;
/** The same, of readers that wait to be taken up by the fetch in which all wait. */
const ARRIVING_WAIT_MS = 10;
/**
 * What this process appends is handed on without being fetched, yet it ends a waiting fetch. After one that brought nothing
 * else, the next waits this long, so that many such records pass by in one.
 */
const PACE_MS = 20;
/** How long one is not taken for quiet after it got something, and how often that is looked for. */
const HEARD_MS = 60_000;
const SWEEP_MS = 5_000;
/** How long fetches wait where brokers look through very many partitions for each. */
const QUIET_WAIT_MS = 2_000;
const MANY_ARRIVING_WAIT_MS = 50;

export interface FetcherOptions {
  /**
   * Of very many partitions few have anything new at a time. Brokers look through all that one fetch is about, so those that
   * are quiet have a fetch of their own; and brokers are told only once which partitions that one is about.
   */
  manyQuiet?: boolean;
}

export const createFetcher = (
  kafka: Kafka,
  codec: Codec,
  logger: Logger,
  { manyQuiet = false }: FetcherOptions = {},
): Fetcher => {
  const readings = new Map<PartitionReader, Reading>();
  let closed = false;

  /** Shows a reader what came. @returns whether any of it was new. */
  const show = (reading: Reading, messages: readonly FetchedMessage[], end: number): boolean => {
    const { reader } = reading;
    const last = messages.at(-1);
    const isNew = last !== undefined && Number(last.offset) >= reader.next();
    if (isNew) heard(reading);
    const deliver = () => {
      if (readings.get(reader) !== reading) return;
      if (messages.length > 0) reader.see(messages, end);
      reached(reading, end);
    };
    if (messages.every(({ value }) => codec.knows(value))) deliver();
    else {
      reading.busy = true;
      void learn({ codec, logger }, messages, () => closed || readings.get(reader) !== reading).then(() => {
        reading.busy = false;
        deliver();
        kick(reading);
      });
    }
    return isNew;
  };

  const reached = (reading: Reading, end: number) => {
    if (reading.reader.next() < end || reading.atEnd) return;
    reading.atEnd = true;
    waiting(reading).kick();
  };
  /** It is waited for with others from now on; until it is, it is read with those that arrive. */
  const move = (reading: Reading, heardAt: number | undefined) => {
    reading.heardAt = heardAt;
    reading.live = false;
    arriving.kick();
    if (reading.atEnd) waiting(reading).kick();
  };
  const heard = (reading: Reading) => {
    if (reading.heardAt === undefined) move(reading, Date.now());
    else if (manyQuiet) reading.heardAt = Date.now();
  };
  const sweep = () => {
    const before = Date.now() - HEARD_MS;
    for (const reading of readings.values()) if ((reading.heardAt ?? before) < before) move(reading, undefined);
  };
  const sweeping = manyQuiet ? setInterval(sweep, SWEEP_MS) : undefined;
  const skip = (reading: Reading, end: number) => {
    if (readings.get(reading.reader) !== reading) return;
    reading.reader.skip(end);
    reached(reading, end);
  };

  const misplaced = (reading: Reading) => {
    reading.busy = true;
    const ask = async (): Promise<void> => {
      try {
        await reading.reader.outOfRange();
      } catch (error) {
        logger.warn({ err: error, topic: reading.reader.topic }, 'where a partition begins could not be asked');
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        if (!closed && readings.get(reading.reader) === reading) return ask();
      }
    };
    void ask().then(() => {
      reading.busy = false;
      kick(reading);
    });
  };

  const waiting = (reading: Reading) => (reading.heardAt === undefined ? quiet : live);
  const kick = (reading: Reading) => (reading.live ? waiting(reading) : arriving).kick();

  const arrivingWaitMs = manyQuiet ? MANY_ARRIVING_WAIT_MS : ARRIVING_WAIT_MS;
  const arriving: Poller = createPoller({
    cluster: clusterOf(kafka),
    logger,
    wanted: () => [...readings.values()].filter(({ live, busy }) => !live && !busy),
    asked: () => {},
    waitMs: (wanted) => (wanted.every(({ atEnd }) => atEnd) ? arrivingWaitMs : 0),
    incremental: false,
    restMs: () => 0,
    show,
    skip,
    misplaced,
  });
  const pollerOf = (isIn: (reading: Reading) => boolean, waitMs: number): Poller =>
    createPoller({
      cluster: clusterOf(kafka),
      logger,
      wanted: () => [...readings.values()].filter((reading) => reading.atEnd && !reading.busy && isIn(reading)),
      asked: (asked) => {
        for (const reading of asked) if (isIn(reading)) reading.live = true;
      },
      waitMs: () => waitMs,
      incremental: manyQuiet,
      restMs: (brought) => (brought === 'known' ? PACE_MS : 0),
      show,
      skip,
      misplaced,
    });
  const live = pollerOf(({ heardAt }) => heardAt !== undefined, LIVE_WAIT_MS);
  /** Where none are quiet it has nothing to do, and no connection. */
  const quiet = pollerOf(({ heardAt }) => heardAt === undefined, QUIET_WAIT_MS);

  return {
    add: (reader) => {
      readings.set(reader, {
        reader,
        atEnd: false,
        live: false,
        busy: false,
        heardAt: manyQuiet ? undefined : Number.POSITIVE_INFINITY,
      });
      arriving.kick();
    },
    remove: (reader) => {
      readings.delete(reader);
    },
    healthy: () => [live, quiet, arriving].every((poller) => poller.healthy()),
    close: async () => {
      closed = true;
      clearInterval(sweeping);
      readings.clear();
      await Promise.allSettled([live, quiet, arriving].map((poller) => poller.close()));
    },
  };
};
