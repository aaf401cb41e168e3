import { setTimeout as sleep } from 'node:timers/promises';
import type { TopicName } from '../../../topics/index.ts';
import type { AnyRecorded, Consumer, Consuming } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { createTurns } from '../turns.ts';
import { committedOf } from './committed.ts';
import { joinGroup } from './membership.ts';
import { createPartitionQueue, type PartitionQueue } from './partition-queue.ts';
import type { KafkaLogContext, OpenConsumer } from './shared.ts';

const COMMIT_INTERVAL_MS = 1_000;
const RETRY_MS = 1_000;
const CLOSE_GRACE_MS = 25_000;
const COMMIT_GRACE_MS = 5_000;

/** One partition number of all topics, from its assignment to its loss. What an earlier tenure handed over no longer counts. */
interface Tenure {
  partition: number;
  queues: PartitionQueue[];
  over: boolean;
}

/** @see Log.consume */
export const startConsume = async (
  context: KafkaLogContext,
  group: string,
  topics: readonly TopicName[],
  handler: Consumer,
  metrics: Metrics | undefined,
): Promise<OpenConsumer & Consuming> => {
  const { prefix, logger } = context;
  const groupId = prefix + group;
  const names = topics.map((topic) => prefix + topic);
  const wanted = new Set<string>(handler.types);
  const turns = createTurns(handler.atOnce ?? Number.POSITIVE_INFINITY);
  const tenures = new Map<number, Tenure>();
  /** Records that are being handled, of former tenures too. */
  let handling = 0;
  let closed = false;

  const queues = () => [...tenures.values()].flatMap((tenure) => tenure.queues);
  const mayHand = () => !closed && membership?.isValid() === true;
  const end = (tenure: Tenure) => {
    tenure.over = true;
    tenures.delete(tenure.partition);
    for (const queue of tenure.queues) queue.end();
  };

  const handle = async (record: AnyRecorded) => {
    handling += 1;
    try {
      await handler.handle(record);
    } finally {
      handling -= 1;
    }
  };

  const queueOf = (tenure: Tenure, topic: TopicName, from: { offset: number; time: number }): PartitionQueue => {
    const { partition } = tenure;
    return createPartitionQueue(
      context,
      {
        groupId,
        topic,
        partition,
        wanted,
        patienceMs: handler.patienceMs ?? 0,
        turns,
        mayHand,
        handle,
        failed: (error) => again(tenure, error),
        lag: (records) => metrics?.consumerLag.set({ group, topic, partition }, records),
      },
      from,
    );
  };

  /** Reads where the group is, and lets the service recall, before any record is handed over. */
  const prepare = async (fresh: readonly Tenure[]): Promise<void> => {
    const committed = await committedOf(
      context,
      groupId,
      names,
      fresh.map(({ partition }) => partition),
    );
    const live = fresh.filter((tenure) => !tenure.over);
    if (live.length === 0) return;
    const since = (partition: number) => {
      const unfinished = (committed.get(partition) ?? []).filter(({ finished }) => !finished);
      return Math.min(Date.now(), ...unfinished.map(({ since }) => since));
    };
    await handler.assigned(live.map(({ partition }) => ({ partition, since: since(partition) })));
    for (const tenure of live.filter(({ over }) => !over)) {
      tenure.queues = (committed.get(tenure.partition) ?? []).map(({ topic, ...from }) =>
        queueOf(tenure, topic.slice(prefix.length) as TopicName, from),
      );
      for (const queue of tenure.queues) queue.read();
    }
  };

  const begin = (partitions: readonly number[]): Tenure[] => {
    const fresh = partitions.map((partition): Tenure => ({ partition, queues: [], over: false }));
    for (const tenure of fresh) tenures.set(tenure.partition, tenure);
    return fresh;
  };
  const untilPrepared = async (fresh: readonly Tenure[]): Promise<void> => {
    while (!closed && fresh.some((tenure) => !tenure.over))
      try {
        return await prepare(fresh);
      } catch (error) {
        logger.warn({ err: error, groupId }, 'an assignment could not be prepared, trying again');
        await sleep(RETRY_MS);
      }
  };

  /**
   * A record could not be dealt with for now: its partition starts again from what is finished. Where it is lost meanwhile,
   * its new tenure ends as any other.
   */
  const again = async (tenure: Tenure, error: unknown): Promise<void> => {
    if (tenure.over || closed) return;
    end(tenure);
    const { partition } = tenure;
    logger.warn({ err: error, groupId, partition }, 'a partition is handed over again');
    const fresh = begin([partition]);
    await sleep(RETRY_MS);
    // Another may have committed more by then.
    if (fresh.some(({ over }) => over)) return;
    await commit([tenure]);
    await untilPrepared(fresh);
  };

  const commit = async (which: Iterable<Tenure>) => {
    const offsets = [...which].flatMap(({ partition, queues: ofTenure }) =>
      ofTenure.map((queue) => {
        const { offset, time } = queue.committable();
        return { topic: prefix + queue.topic, partition, offset: String(offset), metadata: String(time) };
      }),
    );
    const moved = offsets.filter((o) => last.get(`${o.topic} ${o.partition}`) !== o.offset);
    if (moved.length === 0) return;
    try {
      await membership?.commit(moved);
      for (const o of moved) last.set(`${o.topic} ${o.partition}`, o.offset);
    } catch (error) {
      // What is not committed is handed over again, and recognised.
      logger.debug({ err: error, groupId }, 'offsets were not committed');
    }
  };
  const last = new Map<string, string>();

  const readAll = () => {
    for (const queue of queues()) queue.read();
  };
  const assigned = (partitions: readonly number[], continued: boolean) => {
    const lost = [...tenures.values()].filter((t) => !continued || !partitions.includes(t.partition));
    for (const tenure of lost) end(tenure);
    if (lost.length > 0) handler.revoked(lost.map((t) => t.partition));
    if (closed) return;
    readAll();
    const fresh = partitions.filter((partition) => !tenures.has(partition));
    if (fresh.length > 0) void untilPrepared(begin(fresh));
  };
  const pauseAll = () => {
    for (const queue of queues()) queue.pause();
  };

  let membership: Awaited<ReturnType<typeof joinGroup>> | undefined;
  const member = { owned: () => [...tenures.keys()], rebalancing: pauseAll, assigned, confirmed: readAll };
  membership = await joinGroup(context, groupId, names, member);
  // What was assigned while it joined.
  readAll();
  let committing = false;
  const commitAll = async () => {
    // Where the coordinator does not answer, commits do not pile up. One that kafkajs never ends is not waited for.
    if (committing) return;
    committing = true;
    await Promise.race([commit(tenures.values()), sleep(COMMIT_GRACE_MS)]);
    committing = false;
  };
  const timer = setInterval(() => void commitAll(), COMMIT_INTERVAL_MS);

  return {
    owns: (partition) => membership.isInSession() && (tenures.get(partition)?.queues.length ?? 0) > 0,
    healthy: () => membership.healthy(),
    appended: (record, time) => {
      const tenure = tenures.get(record.partition);
      if (tenure) for (const queue of tenure.queues) if (queue.topic === record.topic) queue.appended(record, time);
    },
    close: async () => {
      closed = true;
      for (const queue of queues()) queue.end();
      clearInterval(timer);
      const until = performance.now() + CLOSE_GRACE_MS;
      while (handling > 0 && performance.now() < until) await sleep(5);
      await Promise.race([commit(tenures.values()), sleep(COMMIT_GRACE_MS)]);
      await membership.leave();
    },
  };
};
