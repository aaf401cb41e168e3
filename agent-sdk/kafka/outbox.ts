import { setTimeout as sleep } from 'node:timers/promises';
import { type Kafka, Partitioners } from 'kafkajs';
import type { Logger } from 'pino';
import { TooLarge } from '../errors.ts';

export interface Outgoing {
  key: string;
  value: Buffer;
  headers: Record<string, string>;
}

interface Append {
  partition: number;
  messages: Outgoing[];
  bytes: number;
  landed(offset: number): void;
  refused(error: Error): void;
}

export interface Outbox {
  /** Appends these to a partition in order, side by side. @returns the offset of the first. @throws TooLarge */
  append(partition: number, messages: Outgoing[]): Promise<number>;
  close(): Promise<void>;
}

/** What goes to one partition in one request is one batch to Kafka, and measured as a whole: its default is a mebibyte. */
const MAX_BATCH_BYTES = 900 * 1024;
const RETRY_MS = 1_000;

const sizeOf = ({ key, value, headers }: Outgoing) =>
  64 +
  key.length +
  value.length +
  Object.entries(headers).reduce((sum, [name, v]) => sum + name.length + v.length + 4, 0);

const choose = Partitioners.DefaultPartitioner();

/** The partition of a key, as every Kafka client chooses it (murmur2). */
export const partitionOfKey = (key: string, partitions: number): number => {
  const ignored = { partitionErrorCode: 0, leader: 0, replicas: [], isr: [] };
  const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({ ...ignored, partitionId }));
  return choose({ topic: '', partitionMetadata, message: { key, value: null } });
};

const isTooLarge = (error: unknown) =>
  ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'].includes(String((error as { type?: unknown }).type));

/**
 * What tasks say while a request is in flight leaves together in the next one. Nothing is given up: an append ends when it is
 * in the log. Landed twice, as it may after an answer was lost, it has the same ids.
 */
export const createOutbox = async (kafka: Kafka, topic: string, logger: Logger): Promise<Outbox> => {
  const producer = kafka.producer({
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  let waiting: Append[] = [];
  let flushing: Promise<void> | undefined;
  const closing = new AbortController();

  /** The first of those that wait, as many as one batch of each partition takes. */
  const take = (): Append[] => {
    const bytes = new Map<number, number>();
    const taken: Append[] = [];
    const left: Append[] = [];
    for (const append of waiting) {
      const sum = (bytes.get(append.partition) ?? 0) + append.bytes;
      const fits = sum <= MAX_BATCH_BYTES || !bytes.has(append.partition);
      // After one that does not fit none does, or they would change places.
      bytes.set(append.partition, fits ? sum : Number.POSITIVE_INFINITY);
      (fits ? taken : left).push(append);
    }
    waiting = left;
    return taken;
  };

  const send = async (appends: readonly Append[]) => {
    const messages = appends.flatMap(({ partition, messages }) => messages.map((m) => ({ ...m, partition })));
    const answers = await producer.send({ topic, messages, acks: -1 });
    const next = new Map(answers.map(({ partition, baseOffset }) => [partition, Number(baseOffset)]));
    for (const { partition, messages, landed } of appends) {
      const offset = next.get(partition);
      if (offset === undefined) throw new Error(`Kafka did not answer for partition ${partition}`);
      next.set(partition, offset + messages.length);
      landed(offset);
    }
  };

  const sendSurely = async (appends: readonly Append[]): Promise<void> => {
    while (!closing.signal.aborted) {
      try {
        return await send(appends);
      } catch (error) {
        if (isTooLarge(error) && appends.length > 1) {
          for (const append of appends) await sendSurely([append]);
          return;
        }
        if (isTooLarge(error)) return appends[0]!.refused(new TooLarge(appends[0]!.bytes));
        logger.warn({ err: error }, 'what the agent says could not be appended, trying again');
        await sleep(RETRY_MS, undefined, { signal: closing.signal }).catch(() => {});
      }
    }
  };

  const flush = async () => {
    // What is said in the same turn of the event loop goes along.
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.length > 0 && !closing.signal.aborted) await sendSurely(take());
    flushing = undefined;
  };

  return {
    append: (partition, messages) =>
      new Promise((landed, refused) => {
        const bytes = messages.reduce((sum, message) => sum + sizeOf(message), 0);
        waiting.push({ partition, messages, bytes, landed, refused });
        flushing ??= flush();
      }),
    close: async () => {
      closing.abort();
      await producer.disconnect();
      await flushing;
    },
  };
};
