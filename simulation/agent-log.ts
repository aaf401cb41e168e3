/** The two topics of an agent as the SDK reaches them, on the simulated log. */
import { Undecodable } from '../agent-sdk/kafka/codec.ts';
import type { PartitionOptions } from '../agent-sdk/kafka/partition.ts';
import type { EventType, TopicName } from '../topics/index.ts';
import { type Cluster, codec, type Stored } from './cluster.ts';
import type { Producer } from './producer.ts';
import type { Life } from './time.ts';

/** A record as the SDK has it. */
export type Message = Parameters<Parameters<PartitionOptions['reader']['read']>[4]>[0];

const RETRY_MS = 1_000;

export const messageOf = ({ key, value, headers, offset, time }: Stored): Message => ({
  key,
  value,
  headers,
  offset: String(offset),
  timestamp: String(time),
  attributes: 0,
});

export const agentCodec: PartitionOptions['codec'] = {
  encode: (type, data) => codec.encode(type as EventType, data as never),
  decode: async (_, type, value) => {
    try {
      return codec.decode(type as EventType, value);
    } catch (error) {
      throw new Undecodable((error as Error).message);
    }
  },
};

/** Nothing is given up: an append ends when it is in the log. */
export const outboxOf = (cluster: Cluster, producer: Producer, topic: TopicName): PartitionOptions['writer'] => ({
  append: async (partition, messages) => {
    const records = messages.map(({ key, value, headers }) => ({
      topic,
      partition,
      key: Buffer.from(key),
      value,
      headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)])),
      time: Math.round(cluster.world.time.now()),
    }));
    for (;;)
      try {
        const [first] = await producer.append(records);
        return first!;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
  },
  close: async () => {},
});

/**
 * @param seenTo told up to which record of the log, by its sequence, an end that is asked for tells of a topic's partition.
 * @param overlooked types of records that are passed over.
 */
export const readerOf = (
  cluster: Cluster,
  life: Life,
  seenTo: (topic: string, partition: number, logged: number) => void,
  overlooked: readonly string[],
): PartitionOptions['reader'] => {
  const { world } = cluster;
  const reached = async () => {
    do await new Promise<void>((resolve) => world.after(world.random.between(0.1, 5), 'agent asks', resolve, life));
    while (cluster.down && (await new Promise<true>((resolve) => setTimeout(() => resolve(true), 500))));
  };
  const records = (topic: string, partition: number) => cluster.records(topic as TopicName, partition);
  return {
    partitions: async (topic) => cluster.partitionsOf(topic as TopicName),
    end: async (topic, partition) => {
      await reached();
      seenTo(topic, partition, cluster.length);
      return records(topic, partition).length;
    },
    since: async (topic, partition, time) => {
      await reached();
      const all = records(topic, partition);
      const first = all.findIndex((stored) => stored.time >= time);
      return first < 0 ? all.length : first;
    },
    read: async (topic, partition, start, end, see) => {
      await reached();
      for (const stored of records(topic, partition).slice(start, end)) {
        const type = String(stored.headers.ce_type ?? '').slice(5);
        if (!overlooked.includes(type)) see(messageOf(stored));
      }
    },
    close: async () => {},
  };
};
