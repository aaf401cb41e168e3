import { setTimeout as sleep } from 'node:timers/promises';
import type { Kafka } from 'kafkajs';
import { type Cluster, clusterOf } from './cluster.ts';

export interface Bounds {
  partition: number;
  /** The offset of the oldest record that is kept. */
  low: number;
  /** The offset after the last record. */
  high: number;
}

export interface CommittedOffset {
  partition: number;
  /** Negative where nothing was ever committed. */
  offset: string;
  metadata?: string | null;
}

/**
 * Where topics begin and end, and where groups are in them. The admin client of kafkajs gives up where a leader has moved, goes
 * on asking the one before for minutes, and asks about one topic at a time.
 *
 * Topics are named with their prefix. All throw what kafkajs throws, when it does not answer for some seconds, for a topic that
 * does not exist too.
 */
export interface TopicOffsets {
  /** How many partitions a topic has. */
  partitionsOf(topic: string): Promise<number>;
  /** The same, of a topic that Kafka has told of already. */
  partitionsKnown(topic: string): number | undefined;
  /** By topic. */
  bounds(topics: readonly string[]): Promise<Map<string, Bounds[]>>;
  /** By topic and partition, the offset of the first record from this time on; where there is none, there is no entry. */
  since(topics: readonly string[], time: number): Promise<Map<string, Map<number, number>>>;
  /** By topic, what a group committed. */
  committed(groupId: string, topics: readonly string[]): Promise<Map<string, readonly CommittedOffset[]>>;
  close(): Promise<void>;
}

const RETRY_MS = 200;
const PATIENCE_MS = 4_000;
/** On a busy broker the leader of a topic that was just made does not know of it for some seconds. */
const LEADERLESS_MS = 15_000;
const LEADERLESS: ReadonlySet<unknown> = new Set(['LEADER_NOT_AVAILABLE', 'NOT_LEADER_FOR_PARTITION']);
const FINAL: ReadonlySet<unknown> = new Set(['TOPIC_AUTHORIZATION_FAILED', 'INVALID_TOPIC_EXCEPTION']);
/** kafkajs copies what it has of an answer for each further topic of it. */
const TOPICS_AT_ONCE = 200;

/** @param known topics that will be asked about, with their prefix. */
export const createTopicOffsets = async (kafka: Kafka, known: readonly string[]): Promise<TopicOffsets> => {
  const cluster: Cluster = clusterOf(kafka);
  let closed = false;
  await cluster.connect();
  // Of what kafkajs knows of topics the answer that comes last counts, and another call may have asked for fewer. Those that
  // it was told of it asks for always. Which of them are not this process's to read is found out elsewhere: one that is not has
  // the answer for all refused.
  await cluster.addMultipleTargetTopics(known).catch(async () => {
    for (const topic of known) await cluster.addMultipleTargetTopics([topic]).catch(() => {});
  });

  const patiently = async <T>(topics: readonly string[], ask: () => Promise<T>): Promise<T> => {
    for (const begun = performance.now(); ; ) {
      try {
        await cluster.addMultipleTargetTopics(topics);
        await cluster.refreshMetadataIfNecessary();
        return await ask();
      } catch (error) {
        const { type } = error as { type?: unknown };
        const patience = LEADERLESS.has(type) ? LEADERLESS_MS : PATIENCE_MS;
        if (closed || FINAL.has(type) || performance.now() - begun > patience) throw error;
        await sleep(RETRY_MS);
        await cluster.refreshMetadata().catch(() => {});
      }
    }
  };
  const partitionsOf = (topic: string) =>
    cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => ({ partition: partitionId }));

  const offsetsOf = async (topics: readonly string[], from: { fromBeginning: boolean } | { fromTimestamp: number }) => {
    const found = new Map<string, Map<number, number>>();
    for (let i = 0; i < topics.length; i += TOPICS_AT_ONCE) {
      const asked = topics
        .slice(i, i + TOPICS_AT_ONCE)
        .map((topic) => ({ topic, partitions: partitionsOf(topic), ...from }));
      const answers = new Map(
        (await cluster.fetchTopicsOffset(asked)).map(({ topic, partitions }) => [topic, partitions]),
      );
      for (const { topic, partitions } of asked) {
        const offsets = new Map(answers.get(topic)?.map(({ partition, offset }) => [partition, Number(offset)]));
        if (offsets.size < Math.max(1, partitions.length)) throw new Error(`Kafka did not answer for all of ${topic}`);
        found.set(topic, offsets);
      }
    }
    return found;
  };

  return {
    partitionsOf: (topic) =>
      patiently([topic], async () => {
        const { length } = partitionsOf(topic);
        if (length === 0) throw new Error(`Kafka did not say how many partitions ${topic} has`);
        return length;
      }),
    partitionsKnown: (topic) => partitionsOf(topic).length || undefined,
    bounds: (topics) =>
      patiently(topics, async () => {
        const [lows, highs] = await Promise.all([
          offsetsOf(topics, { fromBeginning: true }),
          offsetsOf(topics, { fromBeginning: false }),
        ]);
        const boundsOf = (topic: string, ofTopic: Map<number, number>): Bounds[] =>
          [...ofTopic].map(([partition, high]) => ({ partition, low: lows.get(topic)?.get(partition) ?? 0, high }));
        return new Map([...highs].map(([topic, ofTopic]) => [topic, boundsOf(topic, ofTopic)]));
      }),
    since: (topics, time) =>
      patiently(topics, async () => {
        const offsets = await offsetsOf(topics, { fromTimestamp: time });
        const there = (ofTopic: Map<number, number>) => new Map([...ofTopic].filter(([, offset]) => offset >= 0));
        return new Map([...offsets].map(([topic, ofTopic]) => [topic, there(ofTopic)]));
      }),
    committed: (groupId, topics) =>
      patiently(topics, async () => {
        const coordinator = await cluster.findGroupCoordinator({ groupId });
        const asked = topics.map((topic) => ({ topic, partitions: partitionsOf(topic) }));
        const { responses } = await coordinator.offsetFetch({ groupId, topics: asked });
        return new Map(responses.map(({ topic, partitions }) => [topic, partitions]));
      }),
    close: async () => {
      closed = true;
      await cluster.disconnect();
    },
  };
};
