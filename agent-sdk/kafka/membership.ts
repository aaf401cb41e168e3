import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, EachBatchPayload } from 'kafkajs';
import type { Logger } from 'pino';
import type { Partition } from './partition.ts';

export interface MembershipOptions {
  consumer: Consumer;
  topic: string;
  /** How many tasks may be at work at the same time. */
  concurrency: number;
  logger: Logger;
  /** @param freed to be called when a task has nothing to do any more for now. */
  create(number: number, freed: () => void): Partition;
}

const COMMIT_MS = 1_000;
const COMMIT_MAX_MS = 10_000;
const STOP_MS = 10_000;
const WAIT_MS = 500;
const RETRY_MS = 1_000;

/**
 * Joins the agent's group and hands records over, until what is returned is called. Committed is what is done with: all that
 * a record led to is in the outbox, and its task waits for the next one.
 */
export const joinInbox = async (options: MembershipOptions): Promise<() => Promise<void>> => {
  const { consumer, topic, concurrency, logger, create } = options;
  const partitions = new Map<number, Partition>();
  const committed = new Map<number, number>();
  let freed = Promise.withResolvers<void>();
  let stopping = false;
  const free = () => {
    freed.resolve();
    freed = Promise.withResolvers();
  };
  const renew = (number: number): Partition => {
    partitions.get(number)?.release();
    const partition = create(number, free);
    partitions.set(number, partition);
    return partition;
  };
  const busy = () => [...partitions.values()].reduce((sum, partition) => sum + partition.busy, 0);

  const joined = Promise.withResolvers<void>();
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    // Thrown here, it ends the joining: one that is just starting again when it is stopped, kafkajs starts all the same.
    if (stopping) throw new Error('the agent is being stopped');
    const assigned = new Set(payload.memberAssignment[topic] ?? []);
    for (const [number, partition] of partitions)
      if (!assigned.has(number)) {
        partition.release();
        partitions.delete(number);
      }
    for (const number of assigned) if (!partitions.has(number)) renew(number);
    committed.clear();
    joined.resolve();
  });
  // By itself kafkajs ends a consumer for good after an error that it takes for final, such as a login refused once.
  const run = () =>
    consumer
      .run({ autoCommit: false, eachBatchAutoResolve: false, partitionsConsumedConcurrently: 8, eachBatch })
      .catch((error: unknown) => logger.error({ err: error }, 'the consumer could not be started'));
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    logger.warn({ err: payload.error }, 'the membership is begun anew');
    if (stopping) setImmediate(() => void consumer.stop().catch(() => {}));
    else if (!payload.restart)
      setTimeout(() => {
        if (!stopping) void run();
      }, RETRY_MS);
  });

  const eachBatch = async ({ batch, heartbeat, isRunning, isStale, resolveOffset }: EachBatchPayload) => {
    for (const message of batch.messages) {
      // A waiting task needs no place, so those that are at work end without another record.
      while (busy() >= concurrency && isRunning() && !stopping) {
        await Promise.race([freed.promise, sleep(WAIT_MS)]);
        await heartbeat();
      }
      if (!isRunning() || isStale() || stopping) return;
      const known = partitions.get(batch.partition);
      if (!known) return;
      const taken = (known.misses(message) ? renew(batch.partition) : known).take(message);
      // Where the registry is away it may take long, and the agent is still there.
      while (await Promise.race([taken.then(() => false), sleep(WAIT_MS, true)])) await heartbeat();
      resolveOffset(message.offset);
      await heartbeat();
    }
  };

  const commit = async () => {
    const offsets = [...partitions].flatMap(([partition, { committable }]) =>
      committable === undefined || committed.get(partition) === committable ? [] : [{ partition, committable }],
    );
    if (offsets.length === 0) return;
    await consumer.commitOffsets(
      offsets.map(({ partition, committable }) => ({ topic, partition, offset: String(committable) })),
    );
    for (const { partition, committable } of offsets) committed.set(partition, committable);
  };
  let committing: Promise<void> | undefined;
  /** One at a time; one that kafkajs never ends holds up no other for long. */
  const tryToCommit = (): Promise<void> => {
    committing ??= Promise.race([commit(), sleep(COMMIT_MAX_MS, undefined, { ref: false })])
      .catch((error: unknown) => logger.debug({ err: error }, 'offsets could not be committed yet'))
      .finally(() => {
        committing = undefined;
      });
    return committing;
  };

  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await run();
  await joined.promise;
  const timer = setInterval(() => {
    const now = Date.now();
    for (const partition of partitions.values()) partition.sweep(now);
    void tryToCommit();
  }, COMMIT_MS);

  return async () => {
    stopping = true;
    clearInterval(timer);
    for (const end = Date.now() + STOP_MS; busy() > 0 && Date.now() < end; )
      await Promise.race([freed.promise, sleep(WAIT_MS)]);
    await committing;
    await tryToCommit();
    await consumer.disconnect();
    for (const partition of partitions.values()) partition.release();
  };
};
