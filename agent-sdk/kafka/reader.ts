/**
 * Reads a stretch of a partition. kafkajs offers this to members of a group only; inside it has what it takes. The
 * version of kafkajs is pinned, and only this file stands on its inside.
 */
import type { Kafka, KafkaMessage } from 'kafkajs';

interface Broker {
  fetch(request: {
    replicaId: -1;
    isolationLevel: 0;
    maxWaitTime: number;
    minBytes: number;
    maxBytes: number;
    topics: { topic: string; partitions: { partition: number; fetchOffset: string; maxBytes: number }[] }[];
  }): Promise<{
    responses: {
      partitions: { highWatermark: string; messages: (KafkaMessage & { isControlRecord?: boolean })[] }[];
    }[];
  }>;
}

interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  refreshMetadata(): Promise<void>;
  findTopicPartitionMetadata(topic: string): { partitionId: number }[];
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Record<string, number[]>;
  findBroker(node: { nodeId: string }): Promise<Broker>;
  fetchTopicsOffset(
    asked: { topic: string; partitions: { partition: number }[]; fromBeginning?: boolean; fromTimestamp?: number }[],
  ): Promise<{ partitions: { partition: number; offset: string }[] }[]>;
}

export interface Reader {
  /** How many partitions the topic has. @throws when it does not exist. */
  partitions(topic: string): Promise<number>;
  /** The offset after the last record. */
  end(topic: string, partition: number): Promise<number>;
  /** The offset of the first record from this time on, by the broker's clock; the end where there is none. */
  since(topic: string, partition: number, time: number): Promise<number>;
  /** Shows what lies from `start` to before `end`, in order. What is not kept any more is passed over. */
  read(
    topic: string,
    partition: number,
    start: number,
    end: number,
    see: (message: KafkaMessage) => void,
  ): Promise<void>;
  close(): Promise<void>;
}

const MAX_BYTES = 8 * 1024 * 1024;
/** More than any record. */
const MAX_LONE_BYTES = 64 * 1024 * 1024;

const clusterOf = (kafka: Kafka): Cluster => {
  const named = (symbol: symbol) => symbol.description === 'private:Kafka:createCluster';
  const create = Object.getOwnPropertySymbols(kafka).find(named);
  if (!create) throw new Error('this version of kafkajs is not known');
  return (kafka as unknown as Record<symbol, (options: object) => Cluster>)[create]!({ allowAutoTopicCreation: false });
};

export const createReader = async (kafka: Kafka): Promise<Reader> => {
  const cluster = clusterOf(kafka);
  await cluster.connect();

  const offset = async (
    topic: string,
    partition: number,
    at: { fromBeginning: boolean } | { fromTimestamp: number },
  ) => {
    await cluster.addMultipleTargetTopics([topic]);
    const [found] = await cluster.fetchTopicsOffset([{ topic, partitions: [{ partition }], ...at }]);
    return Number(found?.partitions[0]?.offset ?? -1);
  };
  const end = (topic: string, partition: number) => offset(topic, partition, { fromBeginning: false });

  const fetch = async (topic: string, partition: number, from: number, maxBytes: number) => {
    const [nodeId] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]));
    if (nodeId === undefined) throw new Error(`partition ${partition} of ${topic} has no leader`);
    const broker = await cluster.findBroker({ nodeId });
    const topics = [{ topic, partitions: [{ partition, fetchOffset: String(from), maxBytes }] }];
    const request = { replicaId: -1, isolationLevel: 0, maxWaitTime: 100, minBytes: 1, maxBytes, topics } as const;
    const { responses } = await broker.fetch(request);
    // A batch is answered whole, from before what was asked for.
    return (responses[0]?.partitions[0]?.messages ?? []).filter((message) => Number(message.offset) >= from);
  };

  return {
    partitions: async (topic) => {
      await cluster.addMultipleTargetTopics([topic]);
      return cluster.findTopicPartitionMetadata(topic).length;
    },
    end,
    since: async (topic, partition, time) => {
      const found = await offset(topic, partition, { fromTimestamp: time });
      return found >= 0 ? found : await end(topic, partition);
    },
    read: async (topic, partition, start, until, see) => {
      const oldest = await offset(topic, partition, { fromBeginning: true });
      let maxBytes = MAX_BYTES;
      for (let next = Math.max(start, oldest); next < until; ) {
        const messages = await fetch(topic, partition, next, maxBytes).catch(async (error: unknown) => {
          await cluster.refreshMetadata();
          throw error;
        });
        if (messages.length === 0 && maxBytes === MAX_LONE_BYTES)
          throw new Error(`nothing can be read at ${next} of partition ${partition} of ${topic}`);
        maxBytes = messages.length === 0 ? MAX_LONE_BYTES : MAX_BYTES;
        for (const message of messages) {
          if (Number(message.offset) < until && !message.isControlRecord) see(message);
          next = Number(message.offset) + 1;
        }
      }
    },
    close: () => cluster.disconnect(),
  };
};
