/** What Kafka says about itself: leaders, replicas, how far the services are. */
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import { services } from '../services/index.ts';
import { createKafka } from '../services/runtime/kafka/connection.ts';
import { meshTopics, type TopicName } from '../topics/index.ts';

type Admin = ReturnType<ReturnType<typeof createKafka>['admin']>;

const logger = pino({ level: 'silent' });
const ASK_AGAIN_MS = 500;
/** Of the topics that each agent has there are none here. */
const isOne = (topic: TopicName) => meshTopics.includes(topic);

export interface Lag {
  group: string;
  topic: string;
  partition: number;
  records: number;
}

export interface Cluster {
  /** The node that leads the hot partition with the most records. @param place in [0, 1): of which topic. */
  leaderOfBusyPartition(place: number): Promise<{ nodeId: number; topic: string; partition: number }>;
  /** Resolves once every replica is in sync. Throws after `ms`. */
  inSync(ms: number): Promise<void>;
  /** What the services have still to read. */
  lag(): Promise<Lag[]>;
}

const withAdmin = async <T>(brokers: readonly string[], use: (admin: Admin) => Promise<T>): Promise<T> => {
  const admin = createKafka({ brokers: [...brokers], clientId: 'parley-chaos' }, logger).admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
};

// One question after the other: kafkajs replaces its metadata by that of whichever request is answered last.
const lagOfGroup = async (admin: Admin, group: string, names: readonly string[]): Promise<Lag[]> => {
  const lags: Lag[] = [];
  for (const name of names) {
    const ends = await admin.fetchTopicOffsets(name);
    const [committed] = await admin.fetchOffsets({ groupId: group, topics: [name] });
    const offsets = new Map(committed?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
    if (offsets.size !== ends.length) throw new Error(`where ${group} is in ${name} is not known`);
    // A topic of which nothing was ever committed is followed by each instance, not consumed by the group.
    if ([...offsets.values()].every((offset) => offset < 0)) continue;
    for (const { partition, high } of ends) {
      const records = Number(high) - Math.max(0, offsets.get(partition)!);
      if (records > 0) lags.push({ group, topic: name, partition, records });
    }
  }
  return lags;
};

export const createCluster = (brokers: readonly string[], signal: AbortSignal): Cluster => {
  /** What cannot be asked now is asked again: that is what these times are like. */
  const ask = async <T>(use: (admin: Admin) => Promise<T>): Promise<T> => {
    for (;;) {
      signal.throwIfAborted();
      try {
        return await withAdmin(brokers, use);
      } catch {
        await sleep(ASK_AGAIN_MS);
      }
    }
  };
  return {
    leaderOfBusyPartition: (place) =>
      ask(async (admin) => {
        const hot = ['mesh.requests', 'mesh.decisions', 'mesh.dispatches', 'mesh.responses'] as const;
        const topic = hot[Math.floor(place * hot.length)]!;
        const ends = await admin.fetchTopicOffsets(topic);
        const busiest = ends.reduce((most, one) => (Number(one.high) > Number(most.high) ? one : most));
        const { topics: found } = await admin.fetchTopicMetadata({ topics: [topic] });
        const partition = found[0]!.partitions.find((p) => p.partitionId === busiest.partition)!;
        return { nodeId: partition.leader, topic, partition: busiest.partition };
      }),
    inSync: async (ms) => {
      const giveUp = Date.now() + ms;
      const behind = () =>
        ask(async (admin) => {
          const { topics: found } = await admin.fetchTopicMetadata({ topics: [...meshTopics] });
          return found.flatMap((t) => t.partitions.filter((p) => p.isr.length < p.replicas.length)).length;
        });
      for (let left = await behind(); left > 0; left = await behind()) {
        if (Date.now() > giveUp) throw new Error(`${left} partitions still lack a replica after ${ms / 1_000} s`);
        await sleep(ASK_AGAIN_MS);
      }
    },
    lag: () =>
      ask(async (admin) => {
        const lags: Lag[] = [];
        for (const { group, reads } of services) lags.push(...(await lagOfGroup(admin, group, reads.filter(isOne))));
        return lags;
      }),
  };
};
