import type { EventType, TopicName } from '../../../topics/index.ts';
import { FinishedPrefix } from '../finished-prefix.ts';
import type { AnyRecorded, Consumer } from '../log.ts';
import { typeOf } from '../recorded.ts';
import type { Group, MemoryCluster, Stored } from './cluster.ts';

/** One instance's part in a group. */
export class Member {
  readonly #cluster: MemoryCluster;
  readonly #group: Group;
  readonly #topics: readonly TopicName[];
  readonly #consumer: Consumer;
  readonly #read: (record: Stored) => AnyRecorded;
  #owned: number[] = [];
  #positions = new Map<string, FinishedPrefix>();
  /** Changes when what was handed over before no longer counts. */
  #epoch = 0;
  #handing = false;
  #unwatch: () => void;

  constructor(
    cluster: MemoryCluster,
    group: Group,
    topicNames: readonly TopicName[],
    consumer: Consumer,
    read: (record: Stored) => AnyRecorded,
  ) {
    this.#cluster = cluster;
    this.#group = group;
    this.#topics = topicNames;
    this.#consumer = consumer;
    this.#read = read;
    this.#unwatch = cluster.watch(() => void this.#pump());
  }

  owns(partition: number): boolean {
    return this.#cluster.isSure() && this.#owned.includes(partition);
  }

  async own(partitions: number[]): Promise<void> {
    this.#epoch += 1;
    if (this.#owned.length > 0) this.#consumer.revoked(this.#owned);
    this.#owned = partitions;
    this.#positions = new Map();
    await this.#begin(partitions);
  }

  async #begin(partitions: readonly number[]): Promise<void> {
    const epoch = this.#epoch;
    const since = (partition: number) =>
      Math.min(Date.now(), ...this.#topics.map((t) => this.#group.committed.get(`${t} ${partition}`)?.time ?? 0));
    await this.#consumer.assigned(partitions.map((partition) => ({ partition, since: since(partition) })));
    if (epoch !== this.#epoch) return;
    for (const partition of partitions)
      for (const topic of this.#topics) {
        const committed = this.#group.committed.get(`${topic} ${partition}`) ?? { offset: 0, time: 0 };
        this.#positions.set(`${topic} ${partition}`, new FinishedPrefix(committed.offset, committed.time));
      }
    void this.#pump();
  }

  async #pump(): Promise<void> {
    if (this.#handing) return;
    this.#handing = true;
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#handing = false;
    for (const partition of this.#owned)
      for (const topic of this.#topics) {
        const prefix = this.#positions.get(`${topic} ${partition}`);
        if (!prefix) continue;
        for (const stored of this.#cluster.records(topic, partition).slice(prefix.next)) this.#hand(prefix, stored);
      }
  }

  #hand(prefix: FinishedPrefix, stored: Stored): void {
    const type = typeOf(stored.headers);
    const wanted = type === '' || this.#consumer.types.includes(type as EventType);
    if (!wanted) {
      prefix.skip(stored.offset, stored.time);
      return;
    }
    const epoch = this.#epoch;
    const finish = prefix.hand(stored.offset, stored.time);
    this.#consumer.handle(this.#read(stored)).then(
      () => {
        if (epoch === this.#epoch) finish();
      },
      () => this.#again(epoch),
    );
  }

  #again(epoch: number): void {
    if (epoch !== this.#epoch) return;
    this.#commit();
    const owned = this.#owned;
    setTimeout(() => void (epoch === this.#epoch && this.own(owned)), 5);
  }

  #commit(): void {
    for (const [key, prefix] of this.#positions) this.#group.committed.set(key, prefix.committable);
  }

  async close(): Promise<void> {
    this.#unwatch();
    while ([...this.#positions.values()].some((prefix) => prefix.size > 0))
      await new Promise((resolve) => setTimeout(resolve, 1));
    this.#commit();
    this.crash();
  }

  /** Ends without committing, as a killed process does. */
  crash(): void {
    this.#unwatch();
    this.#epoch += 1;
    this.#positions = new Map();
    this.#owned = [];
  }
}

/** Shares partitions among the members of a group, as copartition.ts does. */
export const share = async (group: Group, partitions: readonly number[]) => {
  const { members } = group;
  await Promise.all(members.map((member, i) => member.own(partitions.filter((p) => p % members.length === i))));
};
