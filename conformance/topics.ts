/** The two topics of an agent on Kafka: the only file of the kit that knows the client. */
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import { createKafka, type KafkaOptions } from '../services/runtime/kafka/connection.ts';

export interface RawRecord {
  partition: number;
  offset: number;
  key: Buffer | null;
  value: Buffer | null;
  headers: Record<string, string>;
}

export interface OutgoingRecord {
  partition: number;
  key: Buffer;
  value: Buffer;
  headers: Record<string, string>;
}

export interface Topics {
  /** Of each of the two. */
  partitions: number;
  /** Appends to the inbox; resolves once it is acknowledged. */
  deliver(record: OutgoingRecord): Promise<void>;
  close(): Promise<void>;
}

const MAX_BYTES = 16 * 1024 * 1024;
const configEntries = [
  { name: 'max.message.bytes', value: String(MAX_BYTES) },
  { name: 'message.timestamp.type', value: 'LogAppendTime' },
];

const LEADERS_MS = 30_000;
const LOOK_AGAIN_MS = 200;

/** Makes them where they are missing. @returns how many partitions each has. */
const bothTopics = async (
  kafka: ReturnType<typeof createKafka>,
  both: string[],
  partitions: number,
): Promise<number> => {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const existing = await admin.listTopics();
    const missing = both.filter((topic) => !existing.includes(topic));
    const topics = missing.map((topic) => ({ topic, numPartitions: partitions, configEntries }));
    if (topics.length > 0) await admin.createTopics({ topics, waitForLeaders: false });
    // A topic can be asked about a moment before all brokers know it.
    const until = Date.now() + LEADERS_MS;
    for (;;) {
      const found = await admin.fetchTopicMetadata({ topics: both }).catch((error: unknown) => {
        if (Date.now() > until) throw error;
      });
      const counts = found?.topics.map((topic) => topic.partitions.length) ?? [];
      const led = found?.topics.every((topic) => topic.partitions.every(({ leader }) => leader >= 0));
      if (led && counts[0] !== counts[1])
        throw new Error(`${both.join(' and ')} have ${counts.join(' and ')} partitions`);
      if (led && counts[0]) return counts[0];
      if (Date.now() > until) throw new Error(`${both.join(' and ')} have no leaders`);
      await sleep(LOOK_AGAIN_MS);
    }
  } finally {
    await admin.disconnect();
  }
};

/**
 * Makes the topics where they are missing, and reads the outbox from its beginning.
 * @param heard told of each record, in order within its partition.
 */
export const openTopics = async (
  options: KafkaOptions,
  names: { inbox: string; outbox: string; group: string },
  partitions: number,
  heard: (record: RawRecord) => Promise<void>,
): Promise<Topics> => {
  const kafka = createKafka(options, pino({ level: 'silent' }));
  const count = await bothTopics(kafka, [names.inbox, names.outbox], partitions);

  const producer = kafka.producer();
  await producer.connect();
  const consumer = kafka.consumer({ groupId: names.group });
  await consumer.connect();
  await consumer.subscribe({ topics: [names.outbox], fromBeginning: true });
  const joined = new Promise<void>((resolve) => void consumer.on(consumer.events.GROUP_JOIN, () => resolve()));
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message }) => {
      const headers = Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)] as const);
      await heard({
        partition,
        offset: Number(message.offset),
        key: message.key,
        value: message.value,
        headers: Object.fromEntries(headers),
      });
    },
  });
  await joined;
  return {
    partitions: count,
    deliver: async (record) => {
      await producer.send({ topic: names.inbox, acks: -1, messages: [record] });
    },
    close: async () => {
      await consumer.disconnect();
      await producer.disconnect();
    },
  };
};
