import type { EventType, TopicName } from '../../../topics/index.ts';
import { FinishedPrefix } from '../finished-prefix.ts';
import type { AnyRecorded, Consumer } from '../log.ts';
import { typeOf } from '../recorded.ts';
import { createTurns, type Turns } from '../turns.ts';
import type { Group, MemoryCluster, Stored } from './cluster.ts';

/** One instance's part in a group. */
export class Member {
  readonly #cluster: MemoryCluster;
  readonly #group: Group;
  readonly #topics: readonly TopicName[];
  readonly #consumer: Consumer;
  readonly #read: (record: Stored) => AnyRecorded;
  readonly #turns: Turns;
  /** By partition, where it is in each topic. Another object: what was handed over before no longer counts. */
  readonly #tenures = new Map<number, Map<TopicName, FinishedPrefix>>();
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
    this.#turns = createTurns(consumer.atOnce ?? Number.POSITIVE_INFINITY);
    this.#unwatch = cluster.watch(() => void this.#pump());
  }

  owns(partition: number): boolean {
    return this.#cluster.isSure() && this.#tenures.has(partition);
  }

  async own(partitions: number[]): Promise<void> {
    const lost = [...this.#tenures.keys()].filter((partition) => !partitions.includes(partition));
    for (const partition of lost) this.#tenures.delete(partition);
    if (lost.length > 0) this.#consumer.revoked(lost);
    await this.#begin(partitions.filter((partition) => !this.#tenures.has(partition)));
  }

  async #begin(partitions: readonly number[]): Promise<void> {
    const fresh = partitions.map((partition) => [partition, new Map<TopicName, FinishedPrefix>()] as const);
    for (const [partition, tenure] of fresh) this.#tenures.set(partition, tenure);
    const since = (partition: number) =>
      Math.min(Date.now(), ...this.#topics.map((t) => this.#group.committed.get(`${t} ${partition}`)?.time ?? 0));
    if (fresh.length > 0)
      await this.#consumer.assigned(partitions.map((partition) => ({ partition, since: since(partition) })));
    for (const [partition, tenure] of fresh)
      for (const topic of this.#topics) {
        const committed = this.#group.committed.get(`${topic} ${partition}`) ?? { offset: 0, time: 0 };
        tenure.set(topic, new FinishedPrefix(committed.offset, committed.time));
      }
    void this.#pump();
  }

  async #pump(): Promise<void> {
    if (this.#handing) return;
    this.#handing = true;
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#handing = false;
    for (const [partition, tenure] of this.#tenures)
      for (const [topic, prefix] of tenure)
        for (const stored of this.#cluster.records(topic, partition).slice(prefix.next))
          this.#hand(partition, tenure, prefix, stored);
  }

  #hand(partition: number, tenure: Map<TopicName, FinishedPrefix>, prefix: FinishedPrefix, stored: Stored): void {
    const type = typeOf(stored.headers);
    const wanted = type === '' || this.#consumer.types.includes(type as EventType);
    if (!wanted) {
      prefix.skip(stored.offset, stored.time);
      return;
    }
    const finish = prefix.hand(stored.offset, stored.time);
    this.#turns.take(() => {
      if (this.#tenures.get(partition) !== tenure) return this.#turns.done();
      this.#consumer
        .handle(this.#read(stored))
        .then(finish, () => this.#again(partition, tenure))
        .finally(this.#turns.done);
    });
  }

  #again(partition: number, tenure: Map<TopicName, FinishedPrefix>): void {
    if (this.#tenures.get(partition) !== tenure) return;
    this.#commit();
    const between = new Map<TopicName, FinishedPrefix>();
    this.#tenures.set(partition, between);
    setTimeout(() => void (this.#tenures.get(partition) === between && this.#begin([partition])), 5);
  }

  #commit(): void {
    for (const [partition, tenure] of this.#tenures)
      for (const [topic, prefix] of tenure) this.#group.committed.set(`${topic} ${partition}`, prefix.committable);
  }

  async close(): Promise<void> {
    this.#unwatch();
    const prefixes = () => [...this.#tenures.values()].flatMap((tenure) => [...tenure.values()]);
    while (prefixes().some((prefix) => prefix.size > 0)) await new Promise((resolve) => setTimeout(resolve, 1));
    this.#commit();
    this.crash();
  }

  /** Ends without committing, as a killed process does. */
  crash(): void {
    this.#unwatch();
    this.#tenures.clear();
  }
}

/** Shares partitions among the members of a group, as copartition.ts does. */
export const share = async (group: Group, partitions: readonly number[]) => {
  const { members } = group;
  await Promise.all(members.map((member, i) => member.own(partitions.filter((p) => p % members.length === i))));
};
