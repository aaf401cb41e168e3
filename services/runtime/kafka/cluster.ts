/**
 * What kafkajs reads with inside, and offers to the consumers of a group only, one fetch at a time for each: brokers that
 * answer a fetch of any partitions. The version of kafkajs is pinned, and `poller.ts`, `fetch-session.ts`, `read-record.ts` and
 * `topic-offsets.ts` stand on this.
 */
import type { Kafka, KafkaMessage } from 'kafkajs';

export type FetchedMessage = KafkaMessage & { isControlRecord?: boolean };

export interface FetchedPartition {
  partition: number;
  /** The offset after the last record that is replicated. */
  highWatermark: string;
  messages: FetchedMessage[];
}

export interface FetchRequest {
  replicaId: -1;
  /** 0: read uncommitted. The mesh has no transactions. */
  isolationLevel: 0;
  maxWaitTime: number;
  minBytes: number;
  maxBytes?: number;
  topics: { topic: string; partitions: { partition: number; fetchOffset: string; maxBytes: number }[] }[];
}

export interface FetchAnswer {
  /** Of an incremental fetch. */
  errorCode?: number;
  sessionId?: number;
  responses: { topicName: string; partitions: FetchedPartition[] }[];
}

export interface Broker {
  fetch(request: FetchRequest): Promise<FetchAnswer>;
}

export interface Coordinator {
  offsetFetch(asked: { groupId: string; topics: { topic: string; partitions: { partition: number }[] }[] }): Promise<{
    responses: { topic: string; partitions: { partition: number; offset: string; metadata?: string | null }[] }[];
  }>;
}

/** Knows who leads which partition, and has a connection of its own to each broker. */
export interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  /** @throws when one of the topics does not exist. */
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  refreshMetadata(): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Record<string, number[]>;
  findTopicPartitionMetadata(topic: string): { partitionId: number }[];
  /** @param asked from a time on, or from the first or the next offset. */
  fetchTopicsOffset(
    asked: {
      topic: string;
      partitions: { partition: number }[];
      fromBeginning?: boolean;
      fromTimestamp?: number;
    }[],
  ): Promise<{ topic: string; partitions: { partition: number; offset: string }[] }[]>;
  findBroker(node: { nodeId: string }): Promise<Broker>;
  findGroupCoordinator(group: { groupId: string }): Promise<Coordinator>;
}

export const clusterOf = (kafka: Kafka): Cluster => {
  const named = (symbol: symbol) => symbol.description === 'private:Kafka:createCluster';
  const create = Object.getOwnPropertySymbols(kafka).find(named);
  if (!create) throw new Error('this version of kafkajs is not known');
  return (kafka as unknown as Record<symbol, (options: object) => Cluster>)[create]!({ allowAutoTopicCreation: false });
};
