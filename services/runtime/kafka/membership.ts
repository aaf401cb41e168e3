import type { Consumer } from 'kafkajs';
import { copartition } from './copartition.ts';
import { instants } from './instants.ts';
import type { KafkaLogContext } from './shared.ts';

export interface Membership {
  /** Whether no other member can own what this one was assigned. */
  isInSession(): boolean;
  /** The same, and nothing is about to be assigned anew. */
  isValid(): boolean;
  /** @throws when the group no longer counts this member in. */
  commit(offsets: { topic: string; partition: number; offset: string; metadata: string }[]): Promise<void>;
  /** Whether the group's coordinator answers. */
  healthy(): boolean;
  leave(): Promise<void>;
}

export interface Member {
  /** What it owns, so that it is given the same again. */
  owned(): number[];
  /** The group is about to be shared out anew: nothing more of what it owns may be begun until `assigned`. */
  rebalancing(): void;
  /** @param continued whether nobody else can have owned meanwhile what it owned before. */
  assigned(partitions: readonly number[], continued: boolean): void;
  /** The membership is valid again. */
  confirmed(): void;
}

const SESSION_MS = 10_000;
const SILENCE_MS = 10_000;
const RETRY_MS = 1_000;

/** How often kafkajs looks whether a heartbeat is due, as all its partitions are paused. It looks through all its topics then. */
const LOOK_MS = 500;
const LOOK_MANY_MS = 2_000;
const MANY_TOPICS = 100;

const settings = {
  sessionTimeout: SESSION_MS,
  rebalanceTimeout: 20_000,
  heartbeatInterval: 2_000,
  allowAutoTopicCreation: false,
  // Then it starts anew, and asks who coordinates the group: until then kafkajs goes on asking the one before.
  retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 5 },
} as const;

interface Answered {
  payload: { apiName: string; sentAt: number };
}

/**
 * A member of a consumer group that owns partitions and fetches nothing: the process's one fetcher reads for all groups.
 * A process that was frozen for longer than its session finds by its own clock that others may own its partitions, before
 * the coordinator tells it.
 * @param topics with their prefix.
 */
export const joinGroup = async (
  { kafka, logger }: KafkaLogContext,
  groupId: string,
  topics: readonly string[],
  member: Member,
): Promise<Membership> => {
  const consumer: Consumer = kafka.consumer({
    ...settings,
    maxWaitTimeInMs: topics.length > MANY_TOPICS ? LOOK_MANY_MS : LOOK_MS,
    groupId,
    partitionAssigners: [copartition({ owned: member.owned })],
  });
  let memberId = '';
  let rebalancing = true;
  let stopped = false;
  let beatAt = performance.now();
  let commits = 0;
  /** By the monotonic clock: up to then no other member was given what this one owns. */
  let validUntil = 0;
  let sentAt = 0;
  const instantOf = instants();
  const extend = () => {
    validUntil = sentAt + SESSION_MS;
    beatAt = performance.now();
  };
  const isInSession = () => performance.now() < validUntil;
  const isValid = () => !rebalancing && isInSession();

  consumer.on(consumer.events.REQUEST, ({ payload }: Answered) => {
    // One of which it cannot be said does not extend the session; the next one will.
    if (payload.apiName === 'Heartbeat' || payload.apiName === 'SyncGroup')
      sentAt = instantOf(payload.sentAt) ?? sentAt;
  });
  consumer.on(consumer.events.HEARTBEAT, () => {
    const was = isValid();
    extend();
    if (!was && isValid()) member.confirmed();
  });
  consumer.on(consumer.events.COMMIT_OFFSETS, () => {
    commits += 1;
  });
  consumer.on(consumer.events.REBALANCING, () => {
    rebalancing = true;
    member.rebalancing();
  });
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    // Thrown here, it ends the joining: one that is just starting again when it is stopped, kafkajs starts all the same.
    if (stopped) throw new Error('the consumer has been stopped');
    consumer.pause(topics.map((topic) => ({ topic })));
    extend();
    rebalancing = false;
    // Another member id means that the group had given this instance up: others may have owned what it owned.
    const continued = payload.memberId === memberId;
    memberId = payload.memberId;
    member.assigned([...new Set(Object.values(payload.memberAssignment).flat())], continued);
  });
  // By itself kafkajs ends a consumer for good after an error that it takes for final, such as a login refused once.
  const start = () =>
    consumer
      .run({ autoCommit: false, eachBatch: async () => {} })
      .catch((error: unknown) => logger.error({ err: error, groupId }, 'a consumer could not be started'));
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    rebalancing = true;
    member.rebalancing();
    if (stopped) setImmediate(() => void consumer.stop().catch(() => {}));
    else if (!payload.restart)
      setTimeout(() => {
        if (!stopped) void start();
      }, RETRY_MS);
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [...topics], fromBeginning: true });
  await start();

  return {
    isInSession,
    isValid,
    commit: async (offsets) => {
      const before = commits;
      await consumer.commitOffsets(offsets);
      // One that is starting anew says nothing, and commits nothing.
      if (commits === before) throw new Error('the consumer is not running');
    },
    healthy: () => performance.now() - beatAt < SILENCE_MS,
    leave: async () => {
      stopped = true;
      await consumer.disconnect();
    },
  };
};
