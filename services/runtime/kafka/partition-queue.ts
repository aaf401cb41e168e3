import type { EventType, TopicName } from '../../../topics/index.ts';
import { FinishedPrefix } from '../finished-prefix.ts';
import type { AnyRecorded } from '../log.ts';
import type { Turns } from '../turns.ts';
import type { FetchedMessage } from './cluster.ts';
import type { Committed } from './committed.ts';
import type { PartitionReader } from './fetcher.ts';
import { type KafkaLogContext, recordOf } from './shared.ts';

const MAX_OUTSTANDING = 5_000;

export interface QueueOptions {
  groupId: string;
  topic: TopicName;
  partition: number;
  /** Types that are handed over; others are passed by. */
  wanted: ReadonlySet<string>;
  /** For how long records are held back, so that many are handed over at once, milliseconds. */
  patienceMs: number;
  /** Of all partitions together. */
  turns: Turns;
  /** Whether records may be handed over just now. */
  mayHand(): boolean;
  handle(record: AnyRecorded): Promise<void>;
  /** A record could not be dealt with for now. */
  failed(error: unknown): void;
  /** How many records lie behind. */
  lag(records: number): void;
}

/** One partition of one topic, from its assignment to its loss: what is handed over of it, and what is done with. */
export interface PartitionQueue {
  topic: TopicName;
  /** What may be committed. */
  committable(): { offset: number; time: number };
  /** Reads on, if it may. */
  read(): void;
  /** Reads no further for now. */
  pause(): void;
  /** Ends it: nothing more is handed over. */
  end(): void;
  /** A record that this process appended. After a gap of others' records it must come in their order, by the fetch. */
  appended(record: AnyRecorded, time: number): void;
}

export const createPartitionQueue = (
  { fetcherOf, codec, offsets, logger, prefix }: KafkaLogContext,
  options: QueueOptions,
  from: Pick<Committed, 'offset' | 'time'>,
): PartitionQueue => {
  const { groupId, topic, partition, wanted, patienceMs, turns, mayHand, handle, failed } = options;
  const name = prefix + topic;
  const fetcher = fetcherOf(topic);
  let finished = new FinishedPrefix(from.offset, from.time);
  let reading = false;
  let over = false;
  let held: (() => void)[] = [];
  let timer: NodeJS.Timeout | undefined;

  const read = () => {
    if (reading || over || !mayHand() || finished.size > MAX_OUTSTANDING) return;
    reading = true;
    fetcher.add(reader);
  };
  const pause = () => {
    reading = false;
    fetcher.remove(reader);
  };

  const release = () => {
    timer = mayHand() ? undefined : setTimeout(release, patienceMs);
    if (!timer) for (const give of held.splice(0)) turns.take(give);
  };
  const hand = (record: AnyRecorded, time: number) => {
    // One without a readable envelope has no type, and is handed over.
    if (record.type && !wanted.has(record.type as EventType)) return finished.skip(record.offset, time);
    const finish = finished.hand(record.offset, time);
    // Waiting for it would keep every other partition waiting too.
    if (finished.size > MAX_OUTSTANDING) pause();
    const give = () => {
      if (over) return turns.done();
      handle(record)
        .then(() => {
          finish();
          if (!reading && finished.size <= MAX_OUTSTANDING / 2) read();
        }, failed)
        .finally(turns.done);
    };
    if (patienceMs === 0) return turns.take(give);
    held.push(give);
    timer ??= setTimeout(release, patienceMs);
  };

  const see = (messages: readonly FetchedMessage[], end: number) => {
    for (const message of messages) {
      if (!reading) return;
      const offset = Number(message.offset);
      if (offset < finished.next) continue;
      if (!mayHand()) return pause();
      const time = Number(message.timestamp);
      if (message.isControlRecord) finished.skip(offset, time);
      else hand(recordOf(codec, topic, partition, message), time);
    }
    options.lag(Math.max(0, end - finished.next));
  };

  const outOfRange = async () => {
    const bound = (await offsets.bounds([name])).get(name)?.find((b) => b.partition === partition);
    const from = finished.next;
    if (!bound || over || (bound.low <= from && from <= bound.high)) return;
    // Beyond the end the log has lost its end, and who reads it from the beginning would do all of it twice.
    const to = from < bound.low ? bound.low : bound.high;
    logger.error({ groupId, topic, partition, from, to }, 'records are gone from the log, and passed over');
    finished = new FinishedPrefix(to, Date.now());
  };

  const reader: PartitionReader = {
    topic: name,
    partition,
    next: () => finished.next,
    see,
    skip: (offset) => {
      if (offset > finished.next) finished.skip(offset - 1, Date.now());
    },
    outOfRange,
  };

  return {
    topic,
    committable: () => finished.committable,
    read,
    pause,
    end: () => {
      over = true;
      clearTimeout(timer);
      held = [];
      pause();
    },
    appended: (record, time) => {
      if (!over && reading && record.offset === finished.next && mayHand()) hand(record, time);
    },
  };
};
