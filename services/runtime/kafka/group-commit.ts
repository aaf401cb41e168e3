import { setTimeout as sleep } from 'node:timers/promises';
import { type Kafka, type Message, Partitioners, type Producer } from 'kafkajs';
import { RuntimeError } from '../errors.ts';

/** One record on its way to Kafka. */
export interface Outgoing {
  topic: string;
  message: Message & { partition: number };
  /**
   * Told where the record is, once it is durable and before the append resolves.
   * @param time by the broker's clock, milliseconds since the epoch; undefined where the topic keeps the producer's.
   */
  landed(offset: number, time: number | undefined): void;
}

interface Append {
  since: number;
  records: readonly Outgoing[];
  resolve(): void;
  reject(error: Error): void;
}

export interface GroupCommit {
  append(records: readonly Outgoing[], signal: AbortSignal | undefined): Promise<void>;
  /** Whether sends are being confirmed. */
  healthy(): boolean;
  close(): Promise<void>;
}

/** After a batch this large the next one waits for a moment: what a request costs is then shared by more records. */
const BUSY_RECORDS = 24;
const LINGER_MS = 1;
const MAX_BATCH_RECORDS = 2_000;
const MAX_BATCH_BYTES = 12 * 1024 * 1024;
/** What goes to one partition in one request is one batch to Kafka, and measured as a whole: its default is a mebibyte. */
const MAX_PARTITION_BYTES = 900 * 1024;
const MAX_WAITING = 100_000;
/** A send that takes longer than this says that Kafka cannot be reached. */
const UNCONFIRMED_MS = 5_000;
const RECONNECT_MS = 1_000;
const CLOSE_GRACE_MS = 15_000;
/**
 * What waited longer is not sent: a process that was frozen meanwhile may have been given up, and another have said it. Less
 * than a session of a consumer group.
 */
const STALE_MS = 8_000;

const sizeOf = ({ message: { key, value, headers = {} } }: Outgoing) => {
  let bytes = 64 + (key?.length ?? 0) + (value?.length ?? 0);
  for (const name in headers) bytes += name.length + (headers[name]?.length ?? 0) + 4;
  return bytes;
};

const placeOf = ({ topic, message }: Outgoing) => `${topic} ${message.partition}`;

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
  let sendingSince: number | undefined;
  let closing = false;

  const dropStale = () => {
    const [first] = waiting;
    if (!first || performance.now() - first.since <= STALE_MS) return;
    // What waits behind was stated in the belief that this is in the log: it fails with it, so that order holds.
    fail(waiting.splice(0), new Error(`it waited for more than ${STALE_MS / 1_000} s`));
  };

  const takeBatch = (): Append[] => {
    dropStale();
    const byPartition = new Map<string, number>();
    let records = 0;
    let bytes = 0;
    let count = 0;
    for (const append of waiting) {
      let full = false;
      for (const record of append.records) {
        const key = placeOf(record);
        const size = sizeOf(record);
        const ofPartition = (byPartition.get(key) ?? 0) + size;
        byPartition.set(key, ofPartition);
        bytes += size;
        full ||= ofPartition > MAX_PARTITION_BYTES;
      }
      records += append.records.length;
      if (count > 0 && (full || records > MAX_BATCH_RECORDS || bytes > MAX_BATCH_BYTES)) break;
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
    const times = new Map(sent.map((s) => [`${s.topicName} ${s.partition}`, Number(s.logAppendTime ?? -1)]));
    for (const [topic, records] of byTopic)
      for (const record of records) {
        const key = placeOf(record);
        const offset = next.get(key);
        // kafkajs asks no broker twice in one send, also where a leader moved to one that had answered for others.
        if (offset === undefined) throw new Error(`Kafka did not answer for ${topic}`);
        next.set(key, offset + 1);
        const time = times.get(key) ?? -1;
        record.landed(offset, time < 0 ? undefined : time);
      }
  };

  const fail = (appends: readonly Append[], error: unknown) => {
    for (const append of appends) append.reject(unavailable(error));
  };

  // After a failed send the idempotent producer's sequence numbers may be ahead of the broker's. Nothing is sent before
  // there is a new one: one that is connected without a producer id would not be idempotent.
  const renew = async () => {
    await producer.disconnect().catch(() => {});
    while (!closing) {
      producer = createProducer();
      try {
        await producer.connect();
        sendingSince = undefined;
        return;
      } catch (error) {
        fail(waiting.splice(0), error);
        await producer.disconnect().catch(() => {});
        await sleep(RECONNECT_MS);
      }
    }
  };

  const flush = async () => {
    // One turn of the event loop lets the records that arrived together leave together.
    await new Promise<void>((resolve) => setImmediate(resolve));
    let records = 0;
    while (waiting.length > 0) {
      if (records >= BUSY_RECORDS) await sleep(LINGER_MS);
      const batch = takeBatch();
      if (batch.length === 0) break;
      records = batch.reduce((sum, append) => sum + append.records.length, 0);
      sendingSince ??= performance.now();
      try {
        await send(batch);
        sendingSince = undefined;
        for (const append of batch) append.resolve();
      } catch (error) {
        // What waits behind was stated in the belief that this is in the log: it fails with it, so that order holds.
        fail([...batch, ...waiting.splice(0)], error);
        await renew();
      }
    }
    flushing = undefined;
  };

  return {
    append: (records, signal) =>
      new Promise<void>((resolve, reject) => {
        if (waiting.length >= MAX_WAITING) return reject(unavailable('too many appends are waiting'));
        const append: Append = { since: performance.now(), records, resolve, reject };
        if (signal) {
          const abort = () => {
            waiting = waiting.filter((other) => other !== append);
            reject(unavailable(signal.reason));
          };
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
    healthy: () => sendingSince === undefined || performance.now() - sendingSince < UNCONFIRMED_MS,
    close: async () => {
      closing = true;
      // Without Kafka a send goes on and on.
      await Promise.race([flushing, sleep(CLOSE_GRACE_MS, undefined, { ref: false })]);
      await producer.disconnect();
    },
  };
};
