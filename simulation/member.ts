/** One process's part in a group; it hands over, finishes and commits as services/runtime/kafka/consume.ts does. */
import { FinishedPrefix } from '../services/runtime/finished-prefix.ts';
import type { Consumer } from '../services/runtime/log.ts';
import { typeOf } from '../services/runtime/recorded.ts';
import type { EventType, TopicName } from '../topics/index.ts';
import type { Cluster, Stored } from './cluster.ts';
import { type Group, SESSION_MS } from './group.ts';
import type { Life } from './time.ts';

const RETRY_MS = 1_000;
const COMMIT_MS = 1_000;

interface Tenure {
  partition: number;
  prefixes: Map<TopicName, FinishedPrefix>;
  fetching: Set<TopicName>;
  ready: boolean;
  over: boolean;
}

export class Member {
  readonly life: Life;
  readonly group: Group;
  readonly #cluster: Cluster;
  readonly #topics: readonly TopicName[];
  readonly #consumer: Consumer;
  readonly #tenures = new Map<number, Tenure>();
  readonly #unwatch: () => void;
  /** Set where the group had given it up before it joined again. */
  #anew = false;
  #released = true;
  /** When it was last heard by the group, where it is not heard any more. */
  #silentSince: number | undefined;
  #handling = 0;
  #committing = false;
  #closed = false;
  #left = false;

  constructor(cluster: Cluster, group: Group, topics: readonly TopicName[], consumer: Consumer, life: Life) {
    this.#cluster = cluster;
    this.group = group;
    this.#topics = topics;
    this.#consumer = consumer;
    this.life = life;
    this.#unwatch = cluster.watch((topic, partition) => {
      const tenure = this.#tenures.get(partition);
      if (tenure && this.#topics.includes(topic)) this.#fetch(tenure, topic);
    });
    group.join(this);
  }

  /** Whether there is nothing left to hand over or to finish. */
  get idle(): boolean {
    const isRead = ({ ready, partition, prefixes }: Tenure) =>
      ready && [...prefixes].every(([topic, { next }]) => next >= this.#cluster.records(topic, partition).length);
    return this.#handling === 0 && [...this.#tenures.values()].every(isRead);
  }

  get partitions(): readonly number[] {
    return [...this.#tenures.keys()];
  }

  /** Whether its heartbeats reach the group. */
  get beats(): boolean {
    return this.#silentSince === undefined && !this.life.dead;
  }

  /** Whether its session is over: the group may give it up, and it knows that itself. */
  get isOver(): boolean {
    if (this.life.dead) return true;
    return this.#silentSince !== undefined && this.#cluster.world.time.now() >= this.#silentSince + SESSION_MS;
  }

  /** Its heartbeats do not reach the group any more. */
  silence(): void {
    this.#silentSince ??= this.#cluster.world.time.now();
  }

  /** They do again: it hears whether it is still counted in. */
  heard(): void {
    this.#silentSince = undefined;
    if (!this.group.has(this)) {
      this.#anew = true;
      this.#released = true;
    }
    if (!this.#left) this.group.join(this);
  }

  /** What it owns is about to be shared out anew. */
  letGo(): void {
    this.#released = true;
  }

  /** Whether nobody else can own what is its own. */
  #isValid(): boolean {
    return !this.#released && !this.isOver;
  }

  owns(partition: number): boolean {
    return this.#tenures.has(partition) && this.#isValid();
  }

  /** While it closes, what it handed over is finished; nothing new is begun. */
  assigned(partitions: readonly number[]): void {
    this.#released = false;
    const lost = [...this.#tenures.values()].filter((t) => this.#anew || !partitions.includes(t.partition));
    this.#anew = false;
    for (const tenure of lost) this.#end(tenure);
    if (lost.length > 0) this.#consumer.revoked(lost.map((t) => t.partition));
    if (this.#closed) return;
    const fresh = partitions.filter((partition) => !this.#tenures.has(partition));
    if (fresh.length > 0) void this.#begin(fresh);
    for (const tenure of this.#tenures.values()) for (const topic of tenure.prefixes.keys()) this.#fetch(tenure, topic);
  }

  #end(tenure: Tenure): void {
    tenure.over = true;
    this.#tenures.delete(tenure.partition);
  }

  async #begin(partitions: readonly number[], before = async () => {}): Promise<void> {
    const { world } = this.#cluster;
    const fresh = partitions.map((partition): Tenure => {
      const tenure = { partition, prefixes: new Map(), fetching: new Set<TopicName>(), ready: false, over: false };
      this.#tenures.set(partition, tenure);
      return tenure;
    });
    await before();
    await this.#wait(world.random.between(0, 5), 'asks where it is');
    const live = fresh.filter((tenure) => !tenure.over);
    if (live.length === 0) return;
    const assigned = live.map(({ partition, prefixes }) => {
      let since = world.time.now();
      for (const topic of this.#topics) {
        const records = this.#cluster.records(topic, partition);
        if (!records) continue;
        const { offset, time } = this.group.committed.get(`${topic} ${partition}`) ?? { offset: 0, time: 0 };
        prefixes.set(topic, new FinishedPrefix(offset, time));
        if (offset < records.length) since = Math.min(since, time);
      }
      return { partition, since };
    });
    await this.#consumer.assigned(assigned);
    for (const tenure of live) {
      if (tenure.over) continue;
      tenure.ready = true;
      for (const topic of tenure.prefixes.keys()) this.#fetch(tenure, topic);
    }
  }

  #wait(ms: number, what: string): Promise<void> {
    return new Promise((resolve) => this.#cluster.world.after(ms, `${this.group.name} ${what}`, resolve, this.life));
  }

  #fetch(tenure: Tenure, topic: TopicName): void {
    const { world } = this.#cluster;
    const { random, odds } = world;
    const prefix = tenure.prefixes.get(topic);
    const records = this.#cluster.records(topic, tenure.partition);
    if (!prefix || !tenure.ready || tenure.over || this.#closed || !this.owns(tenure.partition)) return;
    if (tenure.fetching.has(topic) || prefix.next >= records.length) return;
    tenure.fetching.add(topic);
    const patience = random.chance(0.5) ? random.between(0, this.#consumer.patienceMs ?? 0) : 0;
    const ms =
      patience +
      (random.chance(odds.deliverySlow) ? random.between(100, 8_000) : random.between(0.1, 5)) +
      (this.#cluster.down ? 500 : 0);
    const hand = () => {
      tenure.fetching.delete(topic);
      const most = random.chance(0.7) ? records.length : prefix.next + 1;
      if (!this.#cluster.down)
        for (const stored of records.slice(prefix.next, most)) {
          if (tenure.over || this.#closed || !this.owns(tenure.partition)) return;
          this.#hand(tenure, prefix, stored);
        }
      this.#fetch(tenure, topic);
    };
    world.after(ms, `${this.group.name} fetches ${topic}/${tenure.partition}`, hand, this.life);
  }

  #hand(tenure: Tenure, prefix: FinishedPrefix, stored: Stored): void {
    const type = typeOf(stored.headers);
    if (type !== '' && !this.#consumer.types.includes(type as EventType)) {
      prefix.skip(stored.offset, stored.time);
      return;
    }
    const finish = prefix.hand(stored.offset, stored.time);
    this.#handling += 1;
    const handled = this.#consumer.handle(this.#cluster.read(stored)).then(
      () => {
        finish();
        this.#commitSoon();
      },
      () => this.#again(tenure),
    );
    void handled.finally(() => {
      this.#handling -= 1;
    });
  }

  #again(tenure: Tenure): void {
    if (tenure.over || this.#closed) return;
    this.#end(tenure);
    const { partition } = tenure;
    void this.#begin([partition], async () => {
      await this.#wait(RETRY_MS, 'tries again');
      this.#commit([tenure]);
    });
  }

  #commitSoon(): void {
    if (this.#committing || this.#closed) return;
    this.#committing = true;
    void this.#wait(this.#cluster.world.random.between(1, COMMIT_MS), 'commits').then(() => {
      this.#committing = false;
      this.#commit(this.#tenures.values());
    });
  }

  #commit(which: Iterable<Tenure>): void {
    const { random, odds } = this.#cluster.world;
    if (!this.group.has(this) || !this.#isValid() || this.#cluster.down || random.chance(odds.commitLost)) return;
    for (const { partition, prefixes } of which)
      for (const [topic, { committable }] of prefixes) this.group.committed.set(`${topic} ${partition}`, committable);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#unwatch();
    while (this.#handling > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    this.#commit(this.#tenures.values());
    this.#left = true;
    this.group.remove(this);
  }

  /** Its process has died. */
  abandon(): void {
    this.#closed = true;
    this.#left = true;
    this.#unwatch();
  }
}
