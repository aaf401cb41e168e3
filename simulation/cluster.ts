/** What all processes of a simulated mesh share: records, groups, and how well the way to them works at the moment. */

import type { LoggedRecord } from '../invariants/index.ts';
import { type Codec, createCodec, localSchemaIds } from '../services/runtime/codec.ts';
import type { AnyRecorded, Event } from '../services/runtime/log.ts';
import { headersOf, type RawRecord, recorded, typeOf } from '../services/runtime/recorded.ts';
import { type EventType, type TopicName, topicOf, topics } from '../topics/index.ts';
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
  readonly #partitions = new Map<TopicName, Stored[][]>();
  readonly #watchers = new Set<(topic: TopicName, partition: number) => void>();
  #sequence = 0;

  /** @param hot how many partitions topics have that are keyed by conversation. */
  constructor(world: World, hot: number) {
    this.world = world;
    this.#hot = hot;
  }

  partitionsOf(topic: TopicName): number {
    return Math.min(this.#hot, topics[topic].partitions);
  }

  partitionOf(key: string, topic: TopicName = 'mesh.requests'): number {
    return hashOf(key) % this.partitionsOf(topic);
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
    records.push({ ...record, offset, sequence: this.#sequence++ });
    for (const watcher of this.#watchers) watcher(record.topic, record.partition);
    return offset;
  }

  /** Puts an event in at once, for whoever is no part of the simulation. */
  state(event: Event): void {
    const topic = topicOf[event.type];
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
