import type { EachBatchPayload, Consumer as KafkaConsumer, KafkaMessage } from 'kafkajs';
import type { EventType, TopicName } from '../../../topics/index.ts';
import { FinishedPrefix } from '../finished-prefix.ts';
import type { Consumer } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { typeOf } from '../recorded.ts';
import { committedOf } from './committed.ts';
import { copartition } from './copartition.ts';
import {
  consumerSettings,
  headersOfMessage,
  type KafkaLogContext,
  learn,
  type OpenConsumer,
  recordOf,
  watchFetches,
} from './shared.ts';

const COMMIT_INTERVAL_MS = 1_000;
const MAX_OUTSTANDING = 2_000;
const RETRY_MS = 1_000;
const CLOSE_GRACE_MS = 25_000;

/** One partition number of all topics, from its assignment to its loss. What an earlier tenure handed over no longer counts. */
interface Tenure {
  partition: number;
  prefixes: Map<string, FinishedPrefix>;
  ready: Promise<void>;
  over: boolean;
}

/** @see Log.consume */
export const startConsume = async (
  context: KafkaLogContext,
  group: string,
  topics: readonly TopicName[],
  handler: Consumer,
  metrics: Metrics | undefined,
): Promise<OpenConsumer> => {
  const { kafka, codec, prefix, logger } = context;
  const groupId = prefix + group;
  const names = topics.map((topic) => prefix + topic);
  const wanted = new Set<string>(handler.types);
  const tenures = new Map<number, Tenure>();
  let memberId = '';
  const consumer: KafkaConsumer = kafka.consumer({
    ...consumerSettings(handler.patienceMs),
    groupId,
    partitionAssigners: [copartition()],
  });

  const end = (tenure: Tenure) => {
    tenure.over = true;
    tenures.delete(tenure.partition);
  };

  /** Reads where the group is, seeks there, and lets the service recall, before any record is handed over. */
  const begin = (partitions: readonly number[]) => {
    const fresh = partitions.map((partition): Tenure => {
      const tenure = { partition, prefixes: new Map(), ready: Promise.resolve(), over: false };
      tenures.set(partition, tenure);
      return tenure;
    });
    const prepare = async () => {
      const committed = await committedOf(context, groupId, names, partitions);
      const live = fresh.filter((tenure) => !tenure.over);
      for (const tenure of live)
        for (const { topic, offset, time } of committed.get(tenure.partition) ?? [])
          tenure.prefixes.set(topic, new FinishedPrefix(offset, time));
      await handler.assigned(
        live.map(({ partition, prefixes }) => ({
          partition,
          since: Math.min(Date.now(), ...[...prefixes.values()].map((p) => p.committable.time)),
        })),
      );
    };
    const untilPrepared = async (): Promise<void> => {
      for (;;) {
        try {
          return await prepare();
        } catch (error) {
          logger.warn({ err: error, groupId }, 'an assignment could not be prepared, trying again');
          await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
          if (fresh.every((tenure) => tenure.over)) return;
        }
      }
    };
    const ready = untilPrepared();
    for (const tenure of fresh) tenure.ready = ready;
  };

  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    const assigned = [...new Set(Object.values(payload.memberAssignment).flat())];
    // Another member id means that the group had given this instance up: others may have owned what it owned.
    const sameMember = payload.memberId === memberId;
    memberId = payload.memberId;
    const lost = [...tenures.values()].filter((t) => !sameMember || !assigned.includes(t.partition));
    for (const tenure of lost) end(tenure);
    if (lost.length > 0) handler.revoked(lost.map((t) => t.partition));
    for (const tenure of tenures.values())
      for (const [topic, { next }] of tenure.prefixes) seek(topic, tenure.partition, next);
    const fresh = assigned.filter((partition) => !tenures.has(partition));
    if (fresh.length > 0) begin(fresh);
  });

  const seek = (topic: string, partition: number, offset: number) =>
    consumer.seek({ topic, partition, offset: String(offset) });

  /** A record could not be dealt with for now: its partition starts again from what is finished. */
  const again = (tenure: Tenure, error: unknown) => {
    if (tenure.over) return;
    end(tenure);
    logger.warn({ err: error, groupId, partition: tenure.partition }, 'a partition is handed over again');
    const paused = names.map((topic) => ({ topic, partitions: [tenure.partition] }));
    consumer.pause(paused);
    setTimeout(async () => {
      await commit([tenure]);
      if (tenures.has(tenure.partition) || closed) return;
      handler.revoked([tenure.partition]);
      begin([tenure.partition]);
      for (const [topic, { committable }] of tenure.prefixes) seek(topic, tenure.partition, committable.offset);
      consumer.resume(paused);
    }, RETRY_MS);
  };

  const hand = (tenure: Tenure, finished: FinishedPrefix, topic: TopicName, message: KafkaMessage) => {
    const offset = Number(message.offset);
    const time = Number(message.timestamp);
    const headers = headersOfMessage(message);
    const type = typeOf(headers);
    if (type !== '' && !wanted.has(type as EventType)) return finished.skip(offset, time);
    const finish = finished.hand(offset, time);
    handler.handle(recordOf(codec, topic, tenure.partition, message, headers, type)).then(finish, (error) => {
      again(tenure, error);
    });
  };

  const eachBatch = async ({ batch, resolveOffset, heartbeat, isStale }: EachBatchPayload) => {
    const tenure = tenures.get(batch.partition);
    if (!tenure || isStale()) return;
    await beating(tenure.ready, heartbeat);
    await learn(context, batch.messages, heartbeat);
    const finished = tenure.prefixes.get(batch.topic);
    if (tenure.over || !finished || isStale()) return;
    const topic = batch.topic.slice(prefix.length) as TopicName;
    for (const message of batch.messages) {
      if (tenure.over) return;
      if (Number(message.offset) >= finished.next) hand(tenure, finished, topic, message);
    }
    resolveOffset(batch.lastOffset());
    const lag = Number(batch.highWatermark) - Number(batch.lastOffset()) - 1;
    metrics?.consumerLag.set({ group, topic, partition: batch.partition }, lag);
    await heartbeat();
    while (finished.size > MAX_OUTSTANDING && !tenure.over) await beating(sleep(5), heartbeat);
  };

  const commit = async (which: Iterable<Tenure>) => {
    const offsets = [...which].flatMap(({ partition, prefixes }) =>
      [...prefixes].map(([topic, { committable }]) => ({
        topic,
        partition,
        offset: String(committable.offset),
        metadata: String(committable.time),
      })),
    );
    const moved = offsets.filter((o) => last.get(`${o.topic} ${o.partition}`) !== o.offset);
    if (moved.length === 0) return;
    try {
      await consumer.commitOffsets(moved);
      for (const o of moved) last.set(`${o.topic} ${o.partition}`, o.offset);
    } catch (error) {
      // What is not committed is handed over again, and recognised.
      logger.debug({ err: error, groupId }, 'offsets were not committed');
    }
  };
  const last = new Map<string, string>();

  let closed = false;
  const healthy = watchFetches(consumer);
  await consumer.connect();
  await consumer.subscribe({ topics: names, fromBeginning: true });
  await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, partitionsConsumedConcurrently: 12, eachBatch });
  const timer = setInterval(() => void commit(tenures.values()), COMMIT_INTERVAL_MS);

  return {
    healthy,
    close: async () => {
      closed = true;
      clearInterval(timer);
      consumer.pause(names.map((topic) => ({ topic })));
      const until = Date.now() + CLOSE_GRACE_MS;
      const busy = () => [...tenures.values()].some((t) => [...t.prefixes.values()].some((p) => p.size > 0));
      while (busy() && Date.now() < until) await sleep(5);
      await commit(tenures.values());
      await consumer.disconnect();
    },
  };
};

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Waits without the group taking this member for dead. */
const beating = async (work: Promise<void>, heartbeat: () => Promise<void>): Promise<void> => {
  let done = false;
  const finished = work.then(() => {
    done = true;
  });
  while (!done) {
    await Promise.race([finished, sleep(1_000)]);
    if (!done) await heartbeat();
  }
};
