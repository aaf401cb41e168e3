/** The log port on Kafka, by kafkajs. */
import type { Logger } from 'pino';
import {
  agentOf,
  type EventType,
  fileOf,
  isShared,
  meshTopicFiles,
  meshTopics,
  orderingKey,
  type TopicName,
  topicOfEvent,
} from '../../topics/index.ts';
import { createCodec, type SchemaIds } from './codec.ts';
import { RuntimeError } from './errors.ts';
import { createKafka, type KafkaOptions } from './kafka/connection.ts';
import { startConsume } from './kafka/consume.ts';
import { createFetcher, type Fetcher } from './kafka/fetcher.ts';
import { createGroupCommit, type Outgoing } from './kafka/group-commit.ts';
import { partitionOfKey } from './kafka/murmur2.ts';
import { createPartitionCounts } from './kafka/partition-counts.ts';
import { createRecordReader } from './kafka/read-record.ts';
import type { KafkaLogContext, OpenConsumer } from './kafka/shared.ts';
import { startTail } from './kafka/tail.ts';
import { createTopicOffsets } from './kafka/topic-offsets.ts';
import type { Event, Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import { appendedRecord, headersOf } from './recorded.ts';

export interface KafkaLogOptions extends KafkaOptions {
  /** Put before every topic and group name, so that meshes can share a cluster. */
  topicPrefix: string;
  schemaIds: SchemaIds;
  /** What this process writes. */
  writes: readonly EventType[];
  logger: Logger;
  metrics?: Metrics;
}

/** Kafka's own `message.max.bytes`. */
const DEFAULT_MAX_BYTES = 1_048_588;
const RECORD_OVERHEAD_BYTES = 4_096;

/** @throws when Kafka cannot be reached, or a schema of `writes` is not registered. */
export const createKafkaLog = async (options: KafkaLogOptions): Promise<Log> => {
  const { topicPrefix: prefix, logger, metrics } = options;
  const codec = await createCodec(options.schemaIds, options.writes);
  const kafka = createKafka(options, logger);
  const offsets = await createTopicOffsets(
    kafka,
    meshTopics.map((name) => prefix + name),
  );
  const commit = await createGroupCommit(kafka);
  const counts = createPartitionCounts(offsets, prefix);
  // All of them have the same number. Not every process may read every topic.
  const shared = meshTopicFiles.filter(isShared);
  const hotPartitions =
    shared.map(({ name }) => counts.of(name as TopicName)).find((count) => count !== undefined) ??
    shared[0]!.partitions;
  const fetcher = createFetcher(kafka, codec, logger);
  let ofAgents: Fetcher | undefined;
  const fetcherOf = (topic: TopicName) => {
    if (agentOf(topic) === undefined) return fetcher;
    ofAgents ??= createFetcher(kafka, codec, logger, { manyQuiet: true });
    return ofAgents;
  };
  const reader = createRecordReader({ kafka, codec, logger, prefix });
  const context: KafkaLogContext = { kafka, codec, fetcherOf, reader, offsets, logger, prefix };
  const open = new Set<OpenConsumer>();
  /** Who sees what this process appends to a topic. */
  const listeners = new Map<TopicName, OpenConsumer[]>();

  const outgoing = (event: Event, topic: TopicName, count: number, durable: (offset: number) => void): Outgoing => {
    const partition = partitionOfKey(orderingKey(topic, event.key), count);
    const value = codec.encode(event.type, event.data);
    const headers = headersOf(event);
    const most = fileOf(topic).maxMessageBytes ?? DEFAULT_MAX_BYTES;
    // Refused here, it is refused alone: Kafka would refuse the whole batch that it travels in.
    if (value.length + RECORD_OVERHEAD_BYTES > most)
      throw new RuntimeError(
        'PARLEY_TOO_LARGE',
        `a ${event.type} of ${value.length} bytes is more than ${topic} takes`,
      );
    return {
      topic: prefix + topic,
      message: { key: event.key, value, headers, partition },
      landed: (offset, time = event.time) => {
        durable(offset);
        const listening = listeners.get(topic);
        if (!listening?.length) return;
        const record = appendedRecord(event, { topic, partition, offset }, value, headers);
        for (const listener of listening) listener.appended(record, time);
      },
    };
  };
  const track = <T extends OpenConsumer>(opened: T, names: readonly TopicName[]): T => {
    const others = (topic: TopicName) => (listeners.get(topic) ?? []).filter((one) => one !== tracked);
    const close = async () => {
      for (const topic of names) listeners.set(topic, others(topic));
      if (open.delete(tracked)) await opened.close();
    };
    const tracked = { ...opened, close };
    open.add(tracked);
    for (const topic of names) listeners.set(topic, [...others(topic), tracked]);
    return tracked;
  };

  return {
    append: async (events, signal) => {
      const offsets = events.map(() => -1);
      const durableAt = (i: number) => (offset: number) => {
        offsets[i] = offset;
      };
      const topicOf = events.map(({ type, data }) => topicOfEvent(type, data));
      const missing = topicOf.filter((topic) => counts.of(topic) === undefined);
      const learned = missing.length > 0 ? await counts.learn(missing) : undefined;
      const records = events.map((event, i) => {
        const topic = topicOf[i]!;
        return outgoing(event, topic, counts.of(topic) ?? learned!.get(topic)!, durableAt(i));
      });
      await commit.append(records, signal);
      return offsets;
    },
    consume: async (group, names, consumer) =>
      track(await startConsume(context, group, names, consumer, metrics), names),
    tail: async (names, see, tailOptions) => track(await startTail(context, names, see, tailOptions), names),
    read: reader.read,
    healthy: () =>
      commit.healthy() &&
      fetcher.healthy() &&
      (ofAgents?.healthy() ?? true) &&
      [...open].every((consumer) => consumer.healthy()),
    partitionOf: (key) => partitionOfKey(key, hotPartitions),
    close: async () => {
      await Promise.allSettled([...open].map((consumer) => consumer.close()));
      await Promise.all([fetcher.close(), ofAgents?.close()]);
      await commit.close();
      await reader.close();
      await offsets.close();
    },
  };
};
