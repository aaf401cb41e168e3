import type { TopicName } from '../../../topics/index.ts';
import type { AnyRecorded, Tail, TailOptions } from '../log.ts';
import type { FetchedMessage } from './cluster.ts';
import type { PartitionReader } from './fetcher.ts';
import { type Range, rangesOf } from './partition-offsets.ts';
import { type KafkaLogContext, type OpenConsumer, recordOf } from './shared.ts';

interface Position extends Range {
  next: number;
  reader: PartitionReader;
}

/** Reads partitions from where it says, in no consumer group. */
export const startTail = async (
  context: KafkaLogContext,
  topics: readonly TopicName[],
  see: (record: AnyRecorded) => void,
  options: TailOptions,
): Promise<Tail & OpenConsumer> => {
  const { codec, prefix, logger, fetcherOf, offsets } = context;
  const { patienceMs = 0 } = options;
  const wanted = options.types && new Set<string>(options.types);
  const ranges = await rangesOf(context, topics, options);
  const total = ranges.reduce((sum, range) => sum + range.end - range.start, 0);
  let behind = ranges.filter(({ start, end }) => start < end).length;
  let seen = 0;
  let closed = false;
  const held: AnyRecorded[] = [];
  let timer: NodeJS.Timeout | undefined;
  const { promise: caughtUp, resolve: resolveCaughtUp } = Promise.withResolvers<void>();
  if (behind === 0) resolveCaughtUp();

  const show = (record: AnyRecorded) => {
    try {
      see(record);
    } catch (error) {
      const { topic, partition, offset } = record;
      logger.error({ err: error, topic, partition, offset }, 'a record was passed over');
    }
  };
  const release = () => {
    clearTimeout(timer);
    timer = undefined;
    for (const record of held.splice(0)) if (!closed) show(record);
  };
  const take = (record: AnyRecorded) => {
    if (wanted && !wanted.has(record.type)) return;
    if (patienceMs === 0) return show(record);
    held.push(record);
    timer ??= setTimeout(release, patienceMs);
  };

  const advance = (position: Position, next: number) => {
    const { end } = position;
    const before = position.next;
    position.next = next;
    if (before >= end) return;
    seen += Math.min(next, end) - before;
    options.progress?.(seen, total);
    if (next < end) return;
    behind -= 1;
    if (behind > 0) return;
    release();
    resolveCaughtUp();
  };

  const positionOf = (range: Range): Position => {
    const { topic, partition } = range;
    const name = prefix + topic;
    const seeAll = (messages: readonly FetchedMessage[]) => {
      for (const message of messages) {
        const offset = Number(message.offset);
        if (closed || offset < position.next) continue;
        if (!message.isControlRecord) take(recordOf(codec, topic, partition, message));
        advance(position, offset + 1);
      }
    };
    const skip = (offset: number) => {
      if (offset > position.next) advance(position, offset);
    };
    // What has expired since the tail began is not waited for.
    const outOfRange = async () => {
      const bound = (await offsets.bounds([name])).get(name)?.find((b) => b.partition === partition);
      if (bound && position.next < bound.low) skip(bound.low);
      else if (bound && position.next > bound.high) position.next = bound.high;
    };
    const position: Position = {
      ...range,
      next: range.start,
      reader: { topic: name, partition, next: () => position.next, see: seeAll, skip, outOfRange },
    };
    return position;
  };

  const positions = ranges.map(positionOf);
  const byPlace = new Map(positions.map((position) => [`${position.topic} ${position.partition}`, position]));
  for (const { topic, reader } of positions) fetcherOf(topic).add(reader);

  return {
    caughtUp,
    close: async () => {
      closed = true;
      clearTimeout(timer);
      for (const { topic, reader } of positions) fetcherOf(topic).remove(reader);
    },
    healthy: () => true,
    appended: (record) => {
      const position = byPlace.get(`${record.topic} ${record.partition}`);
      // After a gap of others' records it must come in their order, by the fetch.
      if (closed || position?.next !== record.offset) return;
      take(record);
      advance(position, record.offset + 1);
    },
  };
};
