import type { KafkaMessage } from 'kafkajs';
import type { EventType, TopicName } from '../../../topics/index.ts';
import { newId } from '../event.ts';
import type { AnyRecorded, Tail, TailOptions } from '../log.ts';
import { typeOf } from '../recorded.ts';
import { copartition } from './copartition.ts';
import { rangesOf } from './partition-offsets.ts';
import {
  consumerSettings,
  headersOfMessage,
  type KafkaLogContext,
  learn,
  type OpenConsumer,
  recordOf,
  run,
  watchFetches,
} from './shared.ts';

const EXPIRED_MS = 5_000;

interface Position {
  next: number;
  end: number;
  /** Where it ended when the tail began. */
  seenUntil: number;
}

/**
 * A tail is a consumer group of its own, of one member, that never commits: kafkajs assigns no partitions by hand. Where it
 * is it knows itself, and seeks there whenever it joins.
 */
export const startTail = async (
  context: KafkaLogContext,
  topics: readonly TopicName[],
  see: (record: AnyRecorded) => void,
  options: TailOptions,
): Promise<Tail & OpenConsumer> => {
  const { kafka, codec, prefix, logger } = context;
  const ranges = await rangesOf(context, topics, options);
  const positions = new Map<string, Position>(
    ranges.map((r) => [`${prefix}${r.topic} ${r.partition}`, { next: r.start, end: r.end, seenUntil: r.start }]),
  );
  const total = ranges.reduce((sum, r) => sum + r.end - r.start, 0);
  const behind = new Set([...positions].filter(([, p]) => p.next < p.end).map(([key]) => key));
  let seen = 0;
  let closed = false;
  let resolveCaughtUp = () => {};
  const caughtUp = new Promise<void>((resolve) => {
    resolveCaughtUp = resolve;
  });
  const settle = () => {
    if (behind.size === 0) resolveCaughtUp();
  };
  settle();
  const wanted = new Set(options.types);

  const consumer = kafka.consumer({
    ...consumerSettings(options.patienceMs),
    groupId: `${prefix}tail-${newId()}`,
    partitionAssigners: [copartition(options.partitions)],
  });

  const show = (record: AnyRecorded) => {
    try {
      see(record);
    } catch (error) {
      const { topic, partition, offset } = record;
      logger.error({ err: error, topic, partition, offset }, 'a record was passed over');
    }
  };
  const fetched = (topic: TopicName, partition: number, message: KafkaMessage) => {
    const headers = headersOfMessage(message);
    const type = typeOf(headers);
    if (!options.types || wanted.has(type as EventType))
      show(recordOf(codec, topic, partition, message, headers, type));
  };
  const appended = (record: AnyRecorded) => {
    const key = `${prefix}${record.topic} ${record.partition}`;
    const position = positions.get(key);
    // After a gap of others' records it must come in their order, by the fetch.
    if (position?.next !== record.offset) return;
    if (!options.types || wanted.has(record.type)) show(record);
    position.next = record.offset + 1;
    reached(key, position, position.next);
  };

  const reached = (key: string, position: Position, next: number) => {
    const until = Math.min(next, position.end);
    if (until > position.seenUntil) {
      seen += until - position.seenUntil;
      position.seenUntil = until;
      options.progress?.(seen, total);
    }
    if (next >= position.end && behind.delete(key)) settle();
  };

  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    for (const [topic, partitions] of Object.entries(payload.memberAssignment))
      for (const partition of partitions) {
        const position = positions.get(`${topic} ${partition}`);
        if (position) consumer.seek({ topic, partition, offset: String(position.next) });
      }
  });
  const healthy = watchFetches(consumer);
  await consumer.connect();
  // Where it starts is said by seeking; where that has meanwhile expired, it goes on with the oldest record there is.
  await consumer.subscribe({ topics: topics.map((topic) => prefix + topic), fromBeginning: true });
  const stop = await run(context, consumer, {
    autoCommit: false,
    eachBatchAutoResolve: false,
    partitionsConsumedConcurrently: 4,
    eachBatch: async ({ batch, resolveOffset, heartbeat, isStale }) => {
      const key = `${batch.topic} ${batch.partition}`;
      const position = positions.get(key);
      if (!position || closed || isStale()) return;
      await learn(context, batch.messages, heartbeat, () => closed);
      if (closed) return;
      const topic = batch.topic.slice(prefix.length) as TopicName;
      for (const message of batch.messages) {
        const offset = Number(message.offset);
        if (offset < position.next) continue;
        fetched(topic, batch.partition, message);
        position.next = offset + 1;
      }
      position.next = Math.max(position.next, Number(batch.lastOffset()) + 1);
      resolveOffset(batch.lastOffset());
      reached(key, position, position.next);
      await heartbeat();
    },
  });
  // What has expired since the tail began is not waited for.
  const expired = async () => {
    for (const { topic, partition, start } of await rangesOf(context, topics, { ...options, from: 'beginning' })) {
      const key = `${prefix}${topic} ${partition}`;
      const position = positions.get(key);
      if (position && start > position.next && start >= position.end) reached(key, position, start);
    }
  };
  const timer = setInterval(() => {
    if (behind.size === 0) clearInterval(timer);
    else expired().catch((error: unknown) => logger.debug({ err: error }, 'where the log begins could not be asked'));
  }, EXPIRED_MS);

  return {
    caughtUp,
    close: async () => {
      closed = true;
      clearInterval(timer);
      await stop();
    },
    healthy,
    appended,
  };
};
