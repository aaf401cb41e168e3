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
  run,
  watchFetches,
} from './shared.ts';

const COMMIT_INTERVAL_MS = 1_000;
const MAX_OUTSTANDING = 5_000;
const RETRY_MS = 1_000;
const CLOSE_GRACE_MS = 25_000;
const COMMIT_GRACE_MS = 5_000;

/** One partition number of all topics, from its assignment to its loss. What an earlier tenure handed over no longer counts. */
interface Tenure {
  partition: number;
  prefixes: Map<string, FinishedPrefix>;
  /** Topics of which nothing is fetched for now. */
  paused: Set<string>;
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
  /** Records that are being handled, of former tenures too. */
  let handling = 0;
  let closed = false;
  const consumer: KafkaConsumer = kafka.consumer({
    ...consumerSettings(handler.patienceMs),
    groupId,
    partitionAssigners: [copartition()],
  });

  /** A consumer that is about to start again has nothing to pause or to seek: it joins anew, and all tenures end then. */
  const tell = (act: () => void) => {
    try {
      if (!closed) act();
    } catch (error) {
      logger.debug({ err: error, groupId }, 'the consumer is starting again');
    }
  };
  const pause = ({ partition, paused }: Tenure, topic: string) => {
    paused.add(topic);
    tell(() => consumer.pause([{ topic, partitions: [partition] }]));
  };
  const resume = ({ partition, paused }: Tenure, topic: string) => {
    if (paused.delete(topic)) tell(() => consumer.resume([{ topic, partitions: [partition] }]));
  };

  const end = (tenure: Tenure) => {
    tenure.over = true;
    tenures.delete(tenure.partition);
    // kafkajs would remember it for whoever has the partition next.
    for (const topic of tenure.paused) resume(tenure, topic);
  };

  /** Reads where the group is, and lets the service recall, before any record is handed over. */
  const begin = (partitions: readonly number[], before = async () => {}): Tenure[] => {
    const fresh = partitions.map((partition): Tenure => {
      const tenure = {
        partition,
        prefixes: new Map(),
        paused: new Set<string>(),
        ready: Promise.resolve(),
        over: false,
      };
      tenures.set(partition, tenure);
      return tenure;
    });
    const prepare = async () => {
      const committed = await committedOf(context, groupId, names, partitions);
      const live = fresh.filter((tenure) => !tenure.over);
      if (live.length === 0) return;
      for (const tenure of live)
        for (const { topic, offset, time } of committed.get(tenure.partition) ?? [])
          tenure.prefixes.set(topic, new FinishedPrefix(offset, time));
      const since = (partition: number) => {
        const unfinished = (committed.get(partition) ?? []).filter(({ finished }) => !finished);
        return Math.min(Date.now(), ...unfinished.map(({ time }) => time));
      };
      await handler.assigned(live.map(({ partition }) => ({ partition, since: since(partition) })));
    };
    const untilPrepared = async (): Promise<void> => {
      for (;;) {
        try {
          return await prepare();
        } catch (error) {
          logger.warn({ err: error, groupId }, 'an assignment could not be prepared, trying again');
          await sleep(RETRY_MS);
          if (fresh.every((tenure) => tenure.over)) return;
        }
      }
    };
    const ready = before().then(untilPrepared);
    for (const tenure of fresh) tenure.ready = ready;
    return fresh;
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
    if (fresh.length > 0 && !closed) begin(fresh);
  });

  const seek = (topic: string, partition: number, offset: number) =>
    tell(() => consumer.seek({ topic, partition, offset: String(offset) }));

  /**
   * A record could not be dealt with for now: its partition starts again from what is finished. Where it is lost meanwhile,
   * its new tenure ends as any other.
   */
  const again = (tenure: Tenure, error: unknown) => {
    if (tenure.over || closed) return;
    end(tenure);
    const { partition } = tenure;
    logger.warn({ err: error, groupId, partition }, 'a partition is handed over again');
    const [next] = begin([partition], async () => {
      await sleep(RETRY_MS);
      await commit([tenure]);
      if (!next.over) handler.revoked([partition]);
    }) as [Tenure];
    for (const topic of names) pause(next, topic);
    void next.ready.then(() => {
      if (next.over) return;
      for (const [topic, { committable }] of next.prefixes) seek(topic, partition, committable.offset);
      for (const topic of names) resume(next, topic);
    });
  };

  const hand = (tenure: Tenure, finished: FinishedPrefix, topic: TopicName, message: KafkaMessage) => {
    const offset = Number(message.offset);
    const time = Number(message.timestamp);
    const headers = headersOfMessage(message);
    const type = typeOf(headers);
    if (type !== '' && !wanted.has(type as EventType)) return finished.skip(offset, time);
    const finish = finished.hand(offset, time);
    handling += 1;
    const handled = handler.handle(recordOf(codec, topic, tenure.partition, message, headers, type)).then(
      () => {
        finish();
        if (finished.size <= MAX_OUTSTANDING / 2 && !tenure.over) resume(tenure, prefix + topic);
      },
      (error) => again(tenure, error),
    );
    void handled.finally(() => {
      handling -= 1;
    });
  };

  const eachBatch = async ({ batch, resolveOffset, heartbeat, isStale }: EachBatchPayload) => {
    const tenure = tenures.get(batch.partition);
    if (!tenure || closed || tenure.paused.has(batch.topic) || isStale()) return;
    const over = () => tenure.over || closed;
    await beating(tenure.ready, heartbeat, over);
    await learn(context, batch.messages, heartbeat, over);
    const finished = tenure.prefixes.get(batch.topic);
    if (over() || !finished || isStale()) return;
    const topic = batch.topic.slice(prefix.length) as TopicName;
    for (const message of batch.messages) {
      if (tenure.over) return;
      if (Number(message.offset) >= finished.next) hand(tenure, finished, topic, message);
    }
    resolveOffset(batch.lastOffset());
    const lag = Number(batch.highWatermark) - Number(batch.lastOffset()) - 1;
    metrics?.consumerLag.set({ group, topic, partition: batch.partition }, lag);
    // Waiting for it here would keep every other partition waiting too.
    if (finished.size > MAX_OUTSTANDING) pause(tenure, batch.topic);
    await heartbeat();
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

  const healthy = watchFetches(consumer);
  await consumer.connect();
  await consumer.subscribe({ topics: names, fromBeginning: true });
  const stop = await run(context, consumer, {
    autoCommit: false,
    eachBatchAutoResolve: false,
    partitionsConsumedConcurrently: 12,
    eachBatch,
  });
  const timer = setInterval(() => void commit(tenures.values()), COMMIT_INTERVAL_MS);

  return {
    healthy,
    close: async () => {
      tell(() => consumer.pause(names.map((topic) => ({ topic }))));
      closed = true;
      clearInterval(timer);
      const until = Date.now() + CLOSE_GRACE_MS;
      while (handling > 0 && Date.now() < until) await sleep(5);
      await Promise.race([commit(tenures.values()), sleep(COMMIT_GRACE_MS)]);
      await stop();
    },
  };
};

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Waits, until it is over at the latest, without the group taking this member for dead. */
const beating = async (work: Promise<void>, heartbeat: () => Promise<void>, over: () => boolean): Promise<void> => {
  let done = false;
  const finished = work.then(() => {
    done = true;
  });
  while (!done && !over()) {
    await Promise.race([finished, sleep(1_000)]);
    if (!done) await heartbeat();
  }
};
