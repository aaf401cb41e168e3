import { setTimeout as sleep } from 'node:timers/promises';
import type { TopicName } from '../../../topics/index.ts';
import { RuntimeError } from '../errors.ts';
import type { AnyRecorded } from '../log.ts';
import { type Cluster, clusterOf, type FetchedMessage } from './cluster.ts';
import { type KafkaLogContext, learn, recordOf } from './shared.ts';

const READ_MS = 5_000;
const RETRY_MS = 100;
/** A leader that has just become one may not know yet that its last records are replicated, and shows none of them. */
const UNSURE_MS = 1_000;

export interface RecordReader {
  /** @see Log.read */
  read(topic: TopicName, partition: number, offset: number): Promise<AnyRecorded | undefined>;
  /** The time of a record by the broker's clock, milliseconds since the epoch; undefined where there is none. @throws as `read`. */
  timeOf(topic: TopicName, partition: number, offset: number): Promise<number | undefined>;
  close(): Promise<void>;
}

/** Reads single records by their position, over a connection of its own that the first read opens. */
export const createRecordReader = (
  context: Pick<KafkaLogContext, 'kafka' | 'codec' | 'logger' | 'prefix'>,
): RecordReader => {
  const { kafka, codec, prefix } = context;
  let opened: Promise<Cluster> | undefined;
  let closed = false;
  const open = (): Promise<Cluster> => {
    opened ??= (async () => {
      const cluster = clusterOf(kafka);
      try {
        await cluster.connect();
        return cluster;
      } catch (error) {
        opened = undefined;
        throw error;
      }
    })();
    return opened;
  };

  const fetch = async (
    topic: string,
    partition: number,
    offset: number,
  ): Promise<{ message?: FetchedMessage | undefined; sure: boolean }> => {
    const cluster = await open();
    await cluster.addMultipleTargetTopics([topic]);
    const [nodeId] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]));
    if (nodeId === undefined) throw new Error(`${topic} has no partition ${partition}`);
    const broker = await cluster.findBroker({ nodeId });
    // Of one byte: Kafka then answers with the one batch that the record is in, however large.
    const partitions = [{ partition, fetchOffset: String(offset), maxBytes: 1 }];
    const topics = [{ topic, partitions }];
    const { responses } = await broker.fetch({ replicaId: -1, isolationLevel: 0, maxWaitTime: 0, minBytes: 0, topics });
    const [fetched] = responses.flatMap((response) => response.partitions);
    const message = fetched?.messages.find((m) => Number(m.offset) === offset && !m.isControlRecord);
    return { message, sure: offset < Number(fetched?.highWatermark ?? 0) };
  };

  const untilRead = async (topic: TopicName, partition: number, offset: number, over: () => boolean) => {
    const unsureUntil = performance.now() + UNSURE_MS;
    for (;;) {
      try {
        const { message, sure } = await fetch(prefix + topic, partition, offset);
        if (!message && !sure && performance.now() < unsureUntil && !over()) {
          await sleep(RETRY_MS);
          continue;
        }
        return message;
      } catch (error) {
        if ((error as { type?: unknown }).type === 'OFFSET_OUT_OF_RANGE') return undefined;
        if (over()) throw error;
        await sleep(RETRY_MS);
        await opened?.then((cluster) => cluster.refreshMetadata()).catch(() => {});
      }
    }
  };

  const inTime = async <T>(topic: TopicName, work: (over: () => boolean) => Promise<T>): Promise<T> => {
    const end = performance.now() + READ_MS;
    const timer = new AbortController();
    const late = sleep(READ_MS, undefined, { signal: timer.signal }).then(() => {
      throw new Error(`a record was not read in ${READ_MS} ms`);
    });
    try {
      return await Promise.race([work(() => closed || performance.now() > end), late]);
    } catch (error) {
      throw new RuntimeError('PARLEY_LOG_UNAVAILABLE', `Kafka did not give a record of ${topic} in time`, error);
    } finally {
      timer.abort();
      late.catch(() => {});
    }
  };

  return {
    read: (topic, partition, offset) =>
      inTime(topic, async (over) => {
        const message = await untilRead(topic, partition, offset, over);
        if (!message) return undefined;
        await learn(context, [message], over);
        return recordOf(codec, topic, partition, message);
      }),
    timeOf: (topic, partition, offset) =>
      inTime(topic, async (over) => {
        const message = await untilRead(topic, partition, offset, over);
        return message && Number(message.timestamp);
      }),
    close: async () => {
      closed = true;
      await opened?.then((cluster) => cluster.disconnect()).catch(() => {});
    },
  };
};
