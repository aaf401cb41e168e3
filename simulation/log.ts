/** The log port of one simulated process. */
import { RuntimeError } from '../services/runtime/errors.ts';
import type { AnyRecorded, Event, Log, Tail, TailOptions } from '../services/runtime/log.ts';
import { headersOf, typeOf } from '../services/runtime/recorded.ts';
import { type EventType, type TopicName, topicOfEvent } from '../topics/index.ts';
import { type Cluster, codec, type Stored } from './cluster.ts';
import { Group } from './group.ts';
import { Member } from './member.ts';
import { type Outgoing, Producer } from './producer.ts';
import type { Life } from './time.ts';

export interface SimulatedLog extends Log {
  readonly members: readonly Member[];
  /** Whether all that it was asked for is done. */
  idle(): boolean;
  /** What it sends from now on arrives no earlier than `at`, milliseconds since the epoch. */
  late(at: number): void;
  /** Its process has died. */
  abandon(): void;
}

interface Reading {
  topic: TopicName;
  partition: number;
  records: Stored[];
  next: number;
  end: number;
  fetching: boolean;
}

const startOf = (records: readonly Stored[], from: TailOptions['from']): number => {
  if (from === 'beginning') return 0;
  if (from === 'end') return records.length;
  const first = records.findIndex((record) => record.time >= from.time);
  return Math.max(0, Math.min(first < 0 ? records.length : first, records.length - (from.atLeastLast ?? 0)));
};

/** @param now of the process: its clock may be wrong. */
export const createSimulatedLog = (cluster: Cluster, life: Life, now: () => number): SimulatedLog => {
  const { world } = cluster;
  const { random } = world;
  const producer = new Producer(cluster, life);
  const members: Member[] = [];
  const tails = new Set<{ idle(): boolean; close(): void }>();
  const reached = async (what: string) => {
    do await new Promise<void>((resolve) => world.after(random.between(0.1, 5), what, resolve, life));
    while (cluster.down && (await new Promise<true>((resolve) => setTimeout(() => resolve(true), 500))));
  };

  const outgoing = (event: Event): Outgoing => {
    const topic = topicOfEvent(event.type, event.data);
    const value = codec.encode(event.type, event.data as never);
    const headers = Object.fromEntries(Object.entries(headersOf(event)).map(([k, v]) => [k, Buffer.from(v)]));
    const partition = cluster.partitionOf(event.key, topic);
    return { topic, partition, key: Buffer.from(event.key), value, headers, time: now() };
  };

  const tail = async (
    names: readonly TopicName[],
    see: (record: AnyRecorded) => void,
    { from, partitions, types, progress, patienceMs = 0 }: TailOptions,
  ): Promise<Tail> => {
    await reached(`opens ${names}`);
    const readings = names.flatMap((topic) =>
      Array.from({ length: cluster.partitionsOf(topic) }, (_, partition) => partition)
        .filter((partition) => partitions?.includes(partition) ?? true)
        .map((partition): Reading => {
          const records = cluster.records(topic, partition);
          return { topic, partition, records, next: startOf(records, from), end: records.length, fetching: false };
        }),
    );
    const total = readings.reduce((sum, { next, end }) => sum + end - next, 0);
    const caughtUp = Promise.withResolvers<void>();
    let seen = 0;
    let open = true;
    const settle = () => {
      if (readings.every(({ next, end }) => next >= end)) caughtUp.resolve();
    };
    const fetch = (reading: Reading) => {
      if (!open || reading.fetching || reading.next >= reading.records.length) return;
      reading.fetching = true;
      const slow = random.chance(world.odds.deliverySlow);
      const ms = random.between(0.1, slow ? 5_000 : 4 + patienceMs) + (cluster.down ? 500 : 0);
      world.after(ms, `sees ${reading.topic}/${reading.partition}`, () => hand(reading), life);
    };
    const hand = (reading: Reading) => {
      reading.fetching = false;
      const most = random.chance(0.7) ? reading.records.length : reading.next + 1;
      while (open && !cluster.down && reading.next < most) {
        const stored = reading.records[reading.next++]!;
        const isWanted = !types || types.includes(typeOf(stored.headers) as EventType);
        if (isWanted && cluster.isKept(stored)) see(cluster.read(stored));
        seen += 1;
        progress?.(seen, Math.max(seen, total));
      }
      settle();
      fetch(reading);
    };
    const unwatch = cluster.watch((topic, partition) => {
      for (const reading of readings) if (reading.topic === topic && reading.partition === partition) fetch(reading);
    });
    for (const reading of readings) fetch(reading);
    settle();
    const tailing = {
      idle: () => readings.every(({ next, records }) => next >= records.length),
      close: () => {
        open = false;
        unwatch();
        tails.delete(tailing);
      },
    };
    tails.add(tailing);
    return { caughtUp: caughtUp.promise, close: async () => tailing.close() };
  };

  return {
    members,
    idle: () => producer.idle && members.every((member) => member.idle) && [...tails].every((one) => one.idle()),
    append: async (events, signal) => producer.append(events.map(outgoing), signal),
    consume: async (name, topics, consumer) => {
      await reached(`joins ${name}`);
      const group = cluster.groups.get(name) ?? new Group(cluster, name, topics);
      cluster.groups.set(name, group);
      const member = new Member(cluster, group, topics, consumer, life);
      members.push(member);
      const close = async () => {
        await member.close();
        if (members.includes(member)) members.splice(members.indexOf(member), 1);
      };
      return { owns: (partition) => member.owns(partition), close };
    },
    tail,
    read: async (topic, partition, offset) => {
      if (cluster.down) throw new RuntimeError('PARLEY_LOG_UNAVAILABLE', 'the log cannot be reached');
      await reached('reads');
      const stored = cluster.records(topic, partition)[offset];
      return stored && cluster.read(stored);
    },
    healthy: () => !cluster.down,
    partitionOf: (key) => cluster.partitionOf(key),
    close: async () => {
      for (const member of [...members]) await member.close();
      for (const one of tails) one.close();
    },
    late: (at) => producer.late(at),
    abandon: () => {
      for (const member of members) member.abandon();
      for (const one of tails) one.close();
    },
  };
};
