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

/**
 * Where topics begin and end. The admin client of kafkajs gives up where a leader has moved, and goes on asking the one
 * before for minutes.
 */
export interface TopicOffsets {
  /** @param topic with its prefix. @throws what kafkajs throws, when it does not answer for some seconds. */
  bounds(topic: string): Promise<Bounds[]>;
  /** By partition, the offset of the first record from this time on; where there is none, there is no entry. @throws as `bounds`. */
  since(topic: string, time: number): Promise<Map<number, number>>;
  close(): Promise<void>;
}

const RETRY_MS = 200;
const TRIES = 20;
const FINAL: ReadonlySet<unknown> = new Set(['TOPIC_AUTHORIZATION_FAILED', 'INVALID_TOPIC_EXCEPTION']);

/** @param known topics that will be asked about, with their prefix. */
export const createTopicOffsets = async (kafka: Kafka, known: readonly string[]): Promise<TopicOffsets> => {
  const cluster: Cluster = clusterOf(kafka);
  let closed = false;
  await cluster.connect();
  // Of what kafkajs knows of topics the answer that comes last counts, and another call may have asked for fewer. Those that
  // it was told of it asks for always. Which of them are not this process's to read is found out elsewhere.
  for (const topic of known) await cluster.addMultipleTargetTopics([topic]).catch(() => {});

  const patiently = async <T>(topic: string, ask: () => Promise<T>): Promise<T> => {
    for (let left = TRIES; ; left -= 1) {
      try {
        await cluster.addMultipleTargetTopics([topic]);
        await cluster.refreshMetadataIfNecessary();
        return await ask();
      } catch (error) {
        if (closed || left === 1 || FINAL.has((error as { type?: unknown }).type)) throw error;
        await sleep(RETRY_MS);
        await cluster.refreshMetadata().catch(() => {});
      }
    }
  };

  const offsetsOf = async (topic: string, from: { fromBeginning: boolean } | { fromTimestamp: number }) => {
    const partitions = cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => ({ partition: partitionId }));
    const [found] = await cluster.fetchTopicsOffset([{ topic, partitions, ...from }]);
    const offsets = new Map(found?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
    if (offsets.size < partitions.length) throw new Error(`Kafka did not answer for all of ${topic}`);
    return offsets;
  };

  return {
    bounds: (topic) =>
      patiently(topic, async () => {
        const [lows, highs] = await Promise.all([
          offsetsOf(topic, { fromBeginning: true }),
          offsetsOf(topic, { fromBeginning: false }),
        ]);
        return [...highs].map(([partition, high]) => ({ partition, low: lows.get(partition) ?? 0, high }));
      }),
    since: (topic, time) =>
      patiently(topic, async () => {
        const offsets = await offsetsOf(topic, { fromTimestamp: time });
        return new Map([...offsets].filter(([, offset]) => offset >= 0));
      }),
    close: async () => {
      closed = true;
      await cluster.disconnect();
    },
  };
};
