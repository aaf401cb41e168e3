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

export const createFetcher = (kafka: Kafka, codec: Codec, logger: Logger): Fetcher => {
  const readings = new Map<PartitionReader, Reading>();
  let closed = false;

  /** Shows a reader what came. @returns whether any of it was new. */
  const show = (reading: Reading, messages: readonly FetchedMessage[], end: number): boolean => {
    const { reader } = reading;
    const last = messages.at(-1);
    const isNew = last !== undefined && Number(last.offset) >= reader.next();
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
    live.kick();
  };
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

  const kick = (reading: Reading) => (reading.live ? live : arriving).kick();

  const arriving: Poller = createPoller({
    cluster: clusterOf(kafka),
    logger,
    wanted: () => [...readings.values()].filter(({ live, busy }) => !live && !busy),
    asked: () => {},
    waitMs: (wanted) => (wanted.every(({ atEnd }) => atEnd) ? ARRIVING_WAIT_MS : 0),
    paceMs: 0,
    show,
    skip,
    misplaced,
  });
  const live: Poller = createPoller({
    cluster: clusterOf(kafka),
    logger,
    wanted: () => [...readings.values()].filter(({ atEnd, busy }) => atEnd && !busy),
    asked: (asked) => {
      for (const reading of asked) reading.live = true;
    },
    waitMs: () => LIVE_WAIT_MS,
    paceMs: PACE_MS,
    show,
    skip,
    misplaced,
  });

  return {
    add: (reader) => {
      readings.set(reader, { reader, atEnd: false, live: false, busy: false });
      arriving.kick();
    },
    remove: (reader) => {
      readings.delete(reader);
    },
    healthy: () => live.healthy() && arriving.healthy(),
    close: async () => {
      closed = true;
      readings.clear();
      await Promise.allSettled([live.close(), arriving.close()]);
    },
  };
};
