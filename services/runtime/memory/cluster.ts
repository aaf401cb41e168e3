import { fileOf, type TopicName } from '../../../topics/index.ts';
import type { RawRecord } from '../recorded.ts';
import type { Member } from './member.ts';

export type Stored = RawRecord & { time: number };

export interface Group {
  members: Member[];
  committed: Map<string, { offset: number; time: number }>;
}

/** What all memory logs of a test share. */
export class MemoryCluster {
  /** Set: appends are refused, as when Kafka cannot be reached. */
  unavailable = false;
  /** Whether a member is sure to own what it was assigned; not so after it was frozen. */
  isSure = () => true;
  readonly #partitions = new Map<string, Stored[]>();
  readonly #groups = new Map<string, Group>();
  readonly #watchers = new Set<() => void>();

  records(topic: TopicName, partition: number): Stored[] {
    const key = `${topic} ${partition}`;
    const records = this.#partitions.get(key) ?? [];
    this.#partitions.set(key, records);
    return records;
  }

  /** Every event on a topic, as stored, for assertions. */
  all(topic: TopicName): Stored[] {
    return partitionsOf(topic).flatMap((partition) => this.records(topic, partition));
  }

  /** Puts a record in as it is, a poisoned one perhaps. */
  put(record: Omit<Stored, 'offset'>): void {
    const records = this.records(record.topic, record.partition);
    records.push({ ...record, offset: records.length });
    this.wake();
  }

  wake(): void {
    for (const watcher of this.#watchers) watcher();
  }

  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  group(id: string): Group {
    const group = this.#groups.get(id) ?? { members: [], committed: new Map() };
    this.#groups.set(id, group);
    return group;
  }
}

export const partitionsOf = (topic: TopicName) => Array.from({ length: fileOf(topic).partitions }, (_, i) => i);

export const hashOf = (key: string) => {
  let hash = 0;
  for (let i = 0; i < key.length; i++) hash = (hash * 31 + key.charCodeAt(i)) >>> 0;
  return hash;
};
