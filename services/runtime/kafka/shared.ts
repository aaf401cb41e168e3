import type { Admin, Consumer, ConsumerRunConfig, Kafka, KafkaMessage } from 'kafkajs';
import type { Logger } from 'pino';
import type { TopicName } from '../../../topics/index.ts';
import type { Codec } from '../codec.ts';
import type { AnyRecorded } from '../log.ts';
import { type Headers, recorded } from '../recorded.ts';

/** A consumer of this process, and whether it is being answered. */
export interface OpenConsumer {
  close(): Promise<void>;
  healthy(): boolean;
  /** A record that this process appended, as soon as it is durable; the fetched one is passed by then. */
  appended?(record: AnyRecorded): void;
}

const SILENCE_MS = 10_000;

/** Whether a consumer's fetches are answered: they are at least every half second, records or none. */
export const watchFetches = (consumer: Consumer): (() => boolean) => {
  let fetchedAt = Date.now();
  consumer.on(consumer.events.FETCH, () => {
    fetchedAt = Date.now();
  });
  return () => Date.now() - fetchedAt < SILENCE_MS;
};

/** What the parts of the Kafka log stand on. */
export interface KafkaLogContext {
  kafka: Kafka;
  admin: Admin;
  codec: Codec;
  logger: Logger;
  /** Put before every topic and group name, so that meshes can share a cluster. */
  prefix: string;
}

/** A record's headers with one value each: of a repeated header, the first. */
export const headersOfMessage = (message: KafkaMessage): Headers => {
  const headers: Headers = {};
  for (const name in message.headers) {
    const value = message.headers[name];
    const first = Array.isArray(value) ? value[0] : value;
    if (first !== undefined) headers[name] = typeof first === 'string' ? Buffer.from(first) : first;
  }
  return headers;
};

/**
 * Settings of every consumer: a dead member is noticed in ten seconds, and a fetch waits for the first byte, or, with
 * patience, for that long or for a megabyte. Fetches are most of what consuming costs: kafkajs names every partition in
 * each of them.
 */
export const consumerSettings = (patienceMs = 0) =>
  ({
    sessionTimeout: 10_000,
    rebalanceTimeout: 20_000,
    heartbeatInterval: 2_000,
    minBytes: patienceMs > 0 ? 1024 * 1024 : 1,
    maxWaitTimeInMs: patienceMs > 0 ? patienceMs : 500,
    maxBytesPerPartition: 4 * 1024 * 1024,
    maxBytes: 32 * 1024 * 1024,
    allowAutoTopicCreation: false,
    retry: { initialRetryTime: 100, maxRetryTime: 3_000, retries: 1_000_000 },
  }) as const;

export const recordOf = (
  codec: Codec,
  topic: TopicName,
  partition: number,
  message: KafkaMessage,
  headers: Headers,
  type: string,
): AnyRecorded =>
  recorded(
    { topic, partition, offset: Number(message.offset), key: message.key, value: message.value, headers },
    type,
    codec,
  );

const RETRY_MS = 1_000;

/** Learns the schemas of a batch's values. A registry that can't be reached is waited for: nothing else can be done. */
export const learn = async (
  { codec, logger }: KafkaLogContext,
  messages: readonly KafkaMessage[],
  heartbeat: () => Promise<void>,
  over: () => boolean,
): Promise<void> => {
  while (!over()) {
    try {
      return await codec.learn(messages.map(({ value }) => value));
    } catch (error) {
      logger.warn({ err: error }, 'the schema registry cannot be reached, trying again');
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      await heartbeat();
    }
  }
};

/**
 * Runs a consumer until it is stopped. By itself kafkajs ends it for good after an error that it takes for final, such as a
 * login refused once; and one that is just starting again when it is stopped, kafkajs starts all the same.
 */
export const run = async (
  { logger }: KafkaLogContext,
  consumer: Consumer,
  config: ConsumerRunConfig,
): Promise<() => Promise<void>> => {
  let stopped = false;
  const start = () =>
    consumer.run(config).catch((error: unknown) => logger.error({ err: error }, 'a consumer could not be started'));
  consumer.on(consumer.events.GROUP_JOIN, () => {
    // Thrown here, it ends the joining.
    if (stopped) throw new Error('the consumer has been stopped');
  });
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (stopped) setImmediate(() => void consumer.stop().catch(() => {}));
    else if (!payload.restart)
      setTimeout(() => {
        if (!stopped) void start();
      }, RETRY_MS);
  });
  await start();
  return async () => {
    stopped = true;
    await consumer.disconnect();
  };
};
