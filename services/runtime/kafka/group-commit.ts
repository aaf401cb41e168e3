import { type Kafka, type Message, Partitioners, type Producer } from 'kafkajs';
import { RuntimeError } from '../errors.ts';

/** One record on its way to Kafka. */
export interface Outgoing {
  topic: string;
  message: Message & { partition: number };
  /** Told where the record is, once it is durable and before the append resolves. */
  landed(offset: number): void;
}

interface Append {
  records: readonly Outgoing[];
  resolve(): void;
  reject(error: Error): void;
  signal: AbortSignal | undefined;
}

export interface GroupCommit {
  append(records: readonly Outgoing[], signal: AbortSignal | undefined): Promise<void>;
  /** Whether sends are being confirmed. */
  healthy(): boolean;
  close(): Promise<void>;
}

const MAX_BATCH_RECORDS = 2_000;
const MAX_BATCH_BYTES = 12 * 1024 * 1024;
const MAX_WAITING = 100_000;
/** A send that takes longer than this says that Kafka cannot be reached. */
const UNCONFIRMED_MS = 5_000;

const sizeOf = ({ message }: Outgoing) => (message.value?.length ?? 0) + 512;

const unavailable = (cause: unknown) =>
  new RuntimeError('PARLEY_LOG_UNAVAILABLE', 'Kafka did not confirm an append in time', cause);

/**
 * Gathers appends while a request is in flight and sends the lot in the next one: over all topics, in order, acks=all.
 * One request in flight at a time is what an idempotent producer needs to keep that order.
 */
export const createGroupCommit = async (kafka: Kafka): Promise<GroupCommit> => {
  const createProducer = () =>
    kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: Partitioners.DefaultPartitioner,
      // Giving up would leave a gap in the producer's sequence; whoever cannot wait takes the append back by its signal.
      retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: Number.MAX_SAFE_INTEGER },
    });
  let producer: Producer = createProducer();
  await producer.connect();
  let waiting: Append[] = [];
  let flushing: Promise<void> | undefined;
  let sendingSince = 0;

  const takeBatch = (): Append[] => {
    let records = 0;
    let bytes = 0;
    let count = 0;
    for (const append of waiting) {
      records += append.records.length;
      bytes += append.records.reduce((sum, record) => sum + sizeOf(record), 0);
      if (count > 0 && (records > MAX_BATCH_RECORDS || bytes > MAX_BATCH_BYTES)) break;
      count += 1;
    }
    const batch = waiting.slice(0, count);
    waiting = waiting.slice(count);
    return batch;
  };

  const send = async (batch: readonly Append[]) => {
    const byTopic = new Map<string, Outgoing[]>();
    for (const { records } of batch)
      for (const record of records) {
        const ofTopic = byTopic.get(record.topic);
        if (ofTopic) ofTopic.push(record);
        else byTopic.set(record.topic, [record]);
      }
    const topicMessages = [...byTopic].map(([topic, records]) => ({ topic, messages: records.map((r) => r.message) }));
    const sent = await producer.sendBatch({ acks: -1, timeout: 10_000, topicMessages });
    const next = new Map(sent.map((s) => [`${s.topicName} ${s.partition}`, Number(s.baseOffset)]));
    for (const [topic, records] of byTopic)
      for (const { message, landed } of records) {
        const key = `${topic} ${message.partition}`;
        const offset = next.get(key);
        if (offset === undefined) continue;
        next.set(key, offset + 1);
        landed(offset);
      }
  };

  // After a failed send the idempotent producer's sequence numbers may be ahead of the broker's.
  const renew = async () => {
    await producer.disconnect().catch(() => {});
    producer = createProducer();
    await producer.connect().catch(() => {});
  };

  const flush = async () => {
    // One turn of the event loop lets the records that arrived together leave together.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (waiting.length > 0) {
      waiting = waiting.filter((append) => {
        if (!append.signal?.aborted) return true;
        append.reject(unavailable(append.signal.reason));
        return false;
      });
      const batch = takeBatch();
      if (batch.length === 0) break;
      if (sendingSince === 0) sendingSince = Date.now();
      try {
        await send(batch);
        sendingSince = 0;
        for (const append of batch) append.resolve();
      } catch (error) {
        // What waits behind was stated in the belief that this is in the log: it fails with it, so that order holds.
        const failed = [...batch, ...waiting.splice(0)];
        for (const append of failed) append.reject(unavailable(error));
        await renew();
      }
    }
    flushing = undefined;
  };

  return {
    append: (records, signal) =>
      new Promise<void>((resolve, reject) => {
        if (waiting.length >= MAX_WAITING) return reject(unavailable('too many appends are waiting'));
        const append: Append = { records, resolve, reject, signal };
        if (signal) {
          const abort = () => reject(unavailable(signal.reason));
          if (signal.aborted) return abort();
          // In flight or not, the caller hears at once; what has not been sent yet is not sent.
          signal.addEventListener('abort', abort, { once: true });
          append.resolve = () => {
            signal.removeEventListener('abort', abort);
            resolve();
          };
        }
        waiting.push(append);
        flushing ??= flush();
      }),
    healthy: () => sendingSince === 0 || Date.now() - sendingSince < UNCONFIRMED_MS,
    close: async () => {
      await flushing;
      await producer.disconnect();
    },
  };
};
