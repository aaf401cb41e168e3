import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Cluster, FetchedMessage, FetchRequest } from './cluster.ts';
import { FetchSession } from './fetch-session.ts';
import type { Reading } from './fetcher.ts';

export interface PollerOptions {
  /** For this poller only: a waiting fetch keeps its connection busy. */
  cluster: Cluster;
  logger: Logger;
  /** What to fetch for, asked before every fetch. */
  wanted(): Reading[];
  /** A fetch for these is on its way. */
  asked(readings: readonly Reading[]): void;
  /** How long a fetch for these waits for the first byte, milliseconds. */
  waitMs(wanted: readonly Reading[]): number;
  /** Whether brokers remember what is wanted, so that a fetch names only what has changed. */
  incremental: boolean;
  /** How long it rests after a fetch, milliseconds. */
  restMs(brought: Brought): number;
  /** @returns whether any of it was new. */
  show(reading: Reading, messages: readonly FetchedMessage[], end: number): boolean;
  /** There are no records before `end`, the offset after the last record that there is. */
  skip(reading: Reading, end: number): void;
  /** The offset that it asks for is not there. */
  misplaced(reading: Reading): void;
}

/** What a fetch brought: records that are new, none but what was known already, or none. */
export type Brought = 'nothing' | 'known' | 'new';

/** Fetches from every broker that leads a wanted partition, one fetch at a time from each. */
export interface Poller {
  /** There may be more that is wanted. */
  kick(): void;
  healthy(): boolean;
  close(): Promise<void>;
}

const MAX_PARTITION_BYTES = 4 * 1024 * 1024;
const MAX_BYTES = 32 * 1024 * 1024;
/** More than any record. */
const MAX_LONE_BYTES = 64 * 1024 * 1024;
const LEADERS_MS = 5_000;
const MAX_BACKOFF_MS = 1_000;
const WARN_MS = 5_000;
const SILENCE_MS = 10_000;

const placeOf = (topic: string, partition: number) => `${topic} ${partition}`;

export const createPoller = (options: PollerOptions): Poller => {
  const { cluster, logger, wanted, show } = options;
  /** By broker, when it answered last, by the monotonic clock. */
  const polling = new Map<string, number>();
  const known = new Set<string>();
  let leaders = new Map<string, string>();
  let leadersAt = 0;
  let preparing = false;
  let again = false;
  const running = new Set<Promise<void>>();
  let closed = false;
  let warnedAt = Number.NEGATIVE_INFINITY;

  const warn = (error: unknown, message: string) => {
    const level = performance.now() - warnedAt < WARN_MS ? 'debug' : 'warn';
    if (level === 'warn') warnedAt = performance.now();
    logger[level]({ err: error }, message);
  };

  const learnLeaders = (readings: readonly Reading[]) => {
    leaders = new Map();
    leadersAt = performance.now();
    const byTopic = new Map<string, number[]>();
    for (const { reader } of readings) {
      const partitions = byTopic.get(reader.topic) ?? [];
      byTopic.set(reader.topic, partitions);
      partitions.push(reader.partition);
    }
    for (const [topic, partitions] of byTopic) {
      if (!known.has(topic)) continue;
      for (const [nodeId, led] of Object.entries(cluster.findLeaderForPartitions(topic, partitions)))
        for (const partition of led) leaders.set(placeOf(topic, partition), nodeId);
    }
  };
  const leaderOf = ({ reader }: Reading) => leaders.get(placeOf(reader.topic, reader.partition));

  /** Asks for what is not known yet of the wanted partitions, then polls who leads them. */
  const prepare = async () => {
    for (let wait = 100; !closed; wait = Math.min(2 * wait, MAX_BACKOFF_MS)) {
      try {
        const readings = wanted();
        const topics = new Set(readings.map(({ reader }) => reader.topic));
        const unknown = [...topics].filter((topic) => !known.has(topic));
        if (unknown.length > 0) {
          if (known.size === 0) await cluster.connect();
          await cluster.addMultipleTargetTopics(unknown);
          for (const topic of unknown) known.add(topic);
        } else await cluster.refreshMetadataIfNecessary();
        learnLeaders(readings);
        for (const nodeId of new Set(readings.map(leaderOf))) if (nodeId !== undefined) start(nodeId);
        if (readings.some((reading) => leaderOf(reading) === undefined)) throw new Error('a partition has no leader');
        return;
      } catch (error) {
        if (closed) return;
        warn(error, 'who leads the partitions could not be asked, trying again');
        await sleep(wait);
        await cluster.refreshMetadata().catch(() => {});
      }
    }
  };

  const track = (work: Promise<void>) => {
    running.add(work);
    void work.finally(() => running.delete(work));
  };
  const kick = () => {
    again = true;
    if (!preparing && !closed) track(prepareAll());
  };
  const prepareAll = async () => {
    preparing = true;
    while (again && !closed) {
      again = false;
      await prepare();
    }
    preparing = false;
  };

  const requestFor = (readings: readonly Reading[]): FetchRequest => {
    const offsets = new Map<string, Map<number, number>>();
    for (const { reader } of readings) {
      const ofTopic = offsets.get(reader.topic) ?? new Map<number, number>();
      offsets.set(reader.topic, ofTopic);
      ofTopic.set(reader.partition, Math.min(reader.next(), ofTopic.get(reader.partition) ?? Number.MAX_SAFE_INTEGER));
    }
    const maxBytes = readings.length === 1 ? MAX_LONE_BYTES : MAX_PARTITION_BYTES;
    return {
      replicaId: -1,
      isolationLevel: 0,
      maxWaitTime: options.waitMs(readings),
      minBytes: 1,
      maxBytes: Math.max(maxBytes, MAX_BYTES),
      topics: [...offsets].map(([topic, partitions]) => ({
        topic,
        partitions: [...partitions].map(([partition, offset]) => ({
          partition,
          fetchOffset: String(offset),
          maxBytes,
        })),
      })),
    };
  };

  const fetchFrom = async (nodeId: string, readings: readonly Reading[], session?: FetchSession) => {
    const broker = await cluster.findBroker({ nodeId });
    const request = requestFor(readings);
    const answered = session ? session.fetch(broker, request) : broker.fetch(request);
    options.asked(readings);
    const { responses } = await answered;
    polling.set(nodeId, performance.now());
    return responses.flatMap(({ topicName, partitions }) =>
      partitions.map(({ partition, messages, highWatermark }) => ({
        place: placeOf(topicName, partition),
        messages,
        end: Number(highWatermark),
      })),
    );
  };

  /** Compaction may leave a batch without records. Fetched alone, it comes with what follows it, if anything does. */
  const passEmpty = async (nodeId: string, reading: Reading) => {
    const [found] = await fetchFrom(nodeId, [reading]);
    if (!found) return;
    if (found.messages.length > 0) show(reading, found.messages, found.end);
    else options.skip(reading, found.end);
  };

  const fetch = async (nodeId: string, readings: readonly Reading[], session?: FetchSession): Promise<Brought> => {
    const byPlace = new Map<string, Reading[]>();
    for (const reading of readings) {
      const place = placeOf(reading.reader.topic, reading.reader.partition);
      const others = byPlace.get(place);
      if (others) others.push(reading);
      else byPlace.set(place, [reading]);
    }
    let brought: Brought = 'nothing';
    const empty: Reading[] = [];
    for (const { place, messages, end } of await fetchFrom(nodeId, readings, session))
      for (const reading of byPlace.get(place) ?? []) {
        const isNew = show(reading, messages, end);
        if (isNew) brought = 'new';
        else if (messages.length > 0 && brought === 'nothing') brought = 'known';
        if (messages.length === 0 && reading.reader.next() < end) empty.push(reading);
      }
    // Where there was no room for it in the answer, there is when it is fetched alone.
    if (brought === 'nothing') for (const reading of empty) await passEmpty(nodeId, reading);
    return brought;
  };

  const recover = async (error: unknown, readings: readonly Reading[], wait: number) => {
    const { name, topic, partition } = error as { name?: string; topic?: string; partition?: number };
    if (name === 'KafkaJSOffsetOutOfRange') {
      for (const reading of readings)
        if (reading.reader.topic === topic && reading.reader.partition === partition) options.misplaced(reading);
      return;
    }
    warn(error, 'records could not be fetched, trying again');
    await sleep(wait);
    await cluster.refreshMetadata().catch(() => {});
    // Who leads them may be somebody else by now.
    kick();
  };

  const start = (nodeId: string) => {
    if (polling.has(nodeId) || closed) return;
    polling.set(nodeId, performance.now());
    const poll = async () => {
      const session = options.incremental ? new FetchSession() : undefined;
      try {
        for (let failures = 0; !closed; ) {
          if (performance.now() - leadersAt > LEADERS_MS) kick();
          const readings = wanted().filter((reading) => leaderOf(reading) === nodeId);
          if (readings.length === 0) return;
          try {
            const brought = await fetch(nodeId, readings, session);
            failures = 0;
            const restMs = options.restMs(brought);
            if (restMs > 0) await sleep(restMs);
          } catch (error) {
            if (closed) return;
            failures += 1;
            await recover(error, readings, Math.min(50 * 2 ** failures, MAX_BACKOFF_MS));
          }
        }
      } finally {
        // In the same turn as the decision to end: who is kicked after it starts anew.
        polling.delete(nodeId);
      }
    };
    track(poll());
  };

  return {
    kick,
    healthy: () => [...polling.values()].every((answeredAt) => performance.now() - answeredAt < SILENCE_MS),
    close: async () => {
      closed = true;
      // Ends what waits for an answer. Who was about to ask would connect again, so that it takes a second time.
      await cluster.disconnect();
      await Promise.allSettled(running);
      await cluster.disconnect();
    },
  };
};
