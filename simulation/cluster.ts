/** What all processes of a simulated mesh share: records, groups, and how well the way to them works at the moment. */

import type { LoggedRecord } from '../invariants/index.ts';
import { type Codec, createCodec, localSchemaIds } from '../services/runtime/codec.ts';
import type { AnyRecorded, Event } from '../services/runtime/log.ts';
import { headersOf, type RawRecord, recorded, typeOf } from '../services/runtime/recorded.ts';
import {
  agentOf,
  type EventType,
  fileOf,
  orderingKey,
  type TopicName,
  topicOf,
  topicOfEvent,
} from '../topics/index.ts';
import type { Group } from './group.ts';
import type { World } from './world.ts';

export interface Stored extends RawRecord {
  /** As its producer dated it, milliseconds since the epoch. */
  time: number;
  /** Its place among all records. */
  sequence: number;
}

const types = Object.keys(topicOf) as EventType[];

/** One for all seeds: to make it takes longer than to simulate. */
const shared = async (): Promise<Codec> => {
  const codec = await createCodec(localSchemaIds(), types);
  const frames = types.map((_, i) => {
    const frame = Buffer.alloc(5);
    frame.writeUInt32BE(i + 1, 1);
    return frame;
  });
  await codec.learn(frames);
  return codec;
};
export const codec = await shared();

export const hashOf = (key: string): number => {
  let hash = 0;
  for (let i = 0; i < key.length; i++) hash = (hash * 31 + key.charCodeAt(i)) >>> 0;
  return hash;
};

/** An hour of a real cluster, in worlds that last for minutes. */
const COMPACTION_LAG_MS = 60_000;

export interface Arrival {
  /** A process, or nobody that is part of the simulation. */
  writer: string;
  /** By the clock that is right, milliseconds since the epoch. */
  at: number;
}

export class Cluster {
  readonly world: World;
  readonly groups = new Map<string, Group>();
  /** Which process wrote a record and when it arrived, by its sequence. */
  readonly arrivals: Arrival[] = [];
  /** Whether no broker answers. */
  down = false;
  readonly #hot: number;
  readonly #ofAgents: number;
  readonly #partitions = new Map<TopicName, Stored[][]>();
  readonly #watchers = new Set<(topic: TopicName, partition: number) => void>();
  /** When timers are to fire that are neither cleared nor fired, by their keys; milliseconds since the epoch. */
  readonly #timers = new Map<string, number>();
  /** Of compacted topics, records that are not kept any more. */
  readonly #compacted = new WeakSet<Stored>();
  #sequence = 0;

  /**
   * @param hot how many partitions topics have that are keyed by conversation.
   * @param ofAgents how many those of agents have.
   */
  constructor(world: World, hot: number, ofAgents = 1) {
    this.world = world;
    this.#hot = hot;
    this.#ofAgents = ofAgents;
  }

  partitionsOf(topic: TopicName): number {
    return agentOf(topic) ? this.#ofAgents : Math.min(this.#hot, fileOf(topic).partitions);
  }

  partitionOf(key: string, topic: TopicName = 'mesh.requests'): number {
    return hashOf(orderingKey(topic, key)) % this.partitionsOf(topic);
  }

  records(topic: TopicName, partition: number): Stored[] {
    let partitions = this.#partitions.get(topic);
    if (!partitions) {
      partitions = Array.from({ length: this.partitionsOf(topic) }, () => []);
      this.#partitions.set(topic, partitions);
    }
    return partitions[partition]!;
  }

  /** How many records there are. */
  get length(): number {
    return this.#sequence;
  }

  /** @param writer the process that wrote it. @returns its offset. */
  put(record: Omit<Stored, 'offset' | 'sequence'>, writer = ''): number {
    const records = this.records(record.topic, record.partition);
    const offset = records.length;
    this.arrivals.push({ writer, at: this.world.time.now() });
    const stored = { ...record, offset, sequence: this.#sequence++ };
    records.push(stored);
    if (record.topic === 'mesh.timers') this.#noteTimer(stored);
    for (const watcher of this.#watchers) watcher(record.topic, record.partition);
    return offset;
  }

  #noteTimer(stored: Stored): void {
    const { type, key, data } = this.read(stored);
    if (type === 'TimerSet') this.#timers.set(key, (data as { at: number }).at);
    else this.#timers.delete(key);
  }

  /** Whether a timer waits that should have fired by `time` at the earliest. */
  awaitsTimer(time: number): boolean {
    return [...this.#timers.values()].some((at) => at >= time);
  }

  /**
   * From now on of each key of a compacted topic only the last record is there for who reads it from its beginning, and what is
   * younger than the lag of compaction.
   */
  compact(): void {
    const before = this.world.time.now() - COMPACTION_LAG_MS;
    for (const [topic, partitions] of this.#partitions) {
      if (fileOf(topic).cleanup !== 'compact') continue;
      for (const records of partitions) {
        const last = new Map(records.map((stored) => [String(stored.key), stored]));
        for (const stored of records)
          if (last.get(String(stored.key)) !== stored && this.arrivals[stored.sequence]!.at < before)
            this.#compacted.add(stored);
      }
    }
  }

  isKept(stored: Stored): boolean {
    return !this.#compacted.has(stored);
  }

  /** Puts an event in at once, for whoever is no part of the simulation. */
  state(event: Event): void {
    const topic = topicOfEvent(event.type, event.data);
    const headers = Object.fromEntries(Object.entries(headersOf(event)).map(([k, v]) => [k, Buffer.from(v)]));
    const value = codec.encode(event.type, event.data as never);
    const partition = this.partitionOf(event.key, topic);
    this.put({ topic, partition, key: Buffer.from(event.key), value, headers, time: event.time });
  }

  watch(watcher: (topic: TopicName, partition: number) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  read(stored: Stored): AnyRecorded {
    return recorded(stored, typeOf(stored.headers), codec);
  }

  all(): LoggedRecord[] {
    return [...this.#partitions.values()]
      .flat(2)
      .sort((a, b) => a.sequence - b.sequence)
      .map((stored) => Object.assign(this.read(stored), { sequence: stored.sequence }));
  }
}
