import type { Kafka, KafkaMessage } from 'kafkajs';
import type { Logger } from 'pino';
import type { TopicName } from '../../../topics/index.ts';
import type { Codec } from '../codec.ts';
import type { AnyRecorded } from '../log.ts';
import { type Headers, recorded, typeOf } from '../recorded.ts';
import type { Fetcher } from './fetcher.ts';
import type { RecordReader } from './read-record.ts';
import type { TopicOffsets } from './topic-offsets.ts';

/** What this process reads, and whether it can. */
export interface OpenConsumer {
  close(): Promise<void>;
  healthy(): boolean;
  /**
   * A record that this process appended, as soon as it is durable; the fetched one is passed by then.
   * @param time the record's, by the broker's clock.
   */
  appended(record: AnyRecorded, time: number): void;
}

/** What the parts of the Kafka log stand on. */
export interface KafkaLogContext {
  kafka: Kafka;
  codec: Codec;
  /** Agents' topics have one of their own: there are many, and what is fetched of others must not wait for them. */
  fetcherOf(topic: TopicName): Fetcher;
  reader: RecordReader;
  offsets: TopicOffsets;
  logger: Logger;
  /** Put before every topic and group name, so that meshes can share a cluster. */
  prefix: string;
}

const nothing = Buffer.alloc(0);

/** A record's headers with one value each: of a repeated header, the first. One without a value has an empty one. */
const headersOf = (message: KafkaMessage): Headers => {
  const headers: Headers = {};
  for (const name in message.headers) {
    const value = message.headers[name];
    const first = Array.isArray(value) ? value[0] : value;
    const bytes = typeof first === 'string' ? Buffer.from(first) : (first ?? nothing);
    // An assignment would set the object's prototype.
    if (name === '__proto__')
      Object.defineProperty(headers, name, { value: bytes, enumerable: true, configurable: true, writable: true });
    else headers[name] = bytes;
  }
  return headers;
};

const known = new WeakMap<KafkaMessage, AnyRecorded>();

/** A fetched record; the same for all who read it, so that it is decoded once. */
export const recordOf = (codec: Codec, topic: TopicName, partition: number, message: KafkaMessage): AnyRecorded => {
  const before = known.get(message);
  if (before) return before;
  const headers = headersOf(message);
  const raw = { topic, partition, offset: Number(message.offset), key: message.key, value: message.value, headers };
  const record = recorded(raw, typeOf(headers), codec);
  known.set(message, record);
  return record;
};

const RETRY_MS = 1_000;

/** Learns the schemas of these values. A registry that can't be reached is waited for: nothing else can be done. */
export const learn = async (
  { codec, logger }: Pick<KafkaLogContext, 'codec' | 'logger'>,
  messages: readonly KafkaMessage[],
  over: () => boolean,
): Promise<void> => {
  while (!over()) {
    try {
      return await codec.learn(messages.map(({ value }) => value));
    } catch (error) {
      logger.warn({ err: error }, 'the schema registry cannot be reached, trying again');
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
};
