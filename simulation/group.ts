/**
 * A consumer group as Kafka has it: it is shared out anew once every member has let go, or has been silent for so long that it
 * knows itself that it may have been given up.
 */
import type { TopicName } from '../topics/index.ts';
import type { Cluster } from './cluster.ts';
import type { Member } from './member.ts';

/** Who is silent for so long is given up. */
export const SESSION_MS = 10_000;
const HEARTBEAT_MS = 2_000;

export class Group {
  readonly name: string;
  readonly committed = new Map<string, { offset: number; time: number }>();
  readonly #cluster: Cluster;
  readonly #topics: readonly TopicName[];
  #members: Member[] = [];
  #generation = 0;
  #waitingFor = new Set<Member>();
  /** Members that have not heard what is theirs. */
  #untold = 0;

  constructor(cluster: Cluster, name: string, topics: readonly TopicName[]) {
    this.#cluster = cluster;
    this.name = name;
    this.#topics = topics;
  }

  has(member: Member): boolean {
    return this.#members.includes(member);
  }

  /** Whether every member knows what is its own, and each is that of a process that runs. */
  get settled(): boolean {
    return this.#waitingFor.size === 0 && this.#untold === 0 && this.#members.every(({ life }) => !life.dead);
  }

  join(member: Member): void {
    if (!this.has(member)) this.#members.push(member);
    this.rebalance();
  }

  /** A member that has left, or that the group takes for dead: it may act on for a while. */
  remove(member: Member): void {
    if (!this.has(member)) return;
    this.#members = this.#members.filter((other) => other !== member);
    this.#waitingFor.delete(member);
    this.rebalance();
  }

  /** Asks every member to let go, each at its next heartbeat; then shares the partitions anew. */
  rebalance(): void {
    const { world } = this.#cluster;
    this.#generation += 1;
    this.#untold = 0;
    const generation = this.#generation;
    this.#waitingFor = new Set(this.#members);
    for (const member of this.#members) {
      const letGo = () => {
        if (generation !== this.#generation || !member.beats) return;
        member.letGo();
        this.#waitingFor.delete(member);
        if (this.#waitingFor.size === 0) this.#assign(generation);
      };
      const isNew = member.partitions.length === 0;
      world.after(world.random.between(0, isNew ? 5 : HEARTBEAT_MS), `${this.name} lets go`, letGo, member.life);
    }
  }

  #assign(generation: number): void {
    const { world } = this.#cluster;
    for (const [member, own] of this.#shares()) {
      this.#untold += 1;
      const tell = () => {
        if (generation !== this.#generation) return;
        this.#untold -= 1;
        member.assigned(own);
      };
      world.after(world.random.between(1, 60), `${this.name} owns ${own}`, tell, member.life);
    }
  }

  /** As evenly as it goes; mostly each keeps what it has. */
  #shares(): Map<Member, number[]> {
    const { random } = this.#cluster.world;
    const members = random.shuffled(this.#members);
    const count = Math.max(...this.#topics.map((topic) => this.#cluster.partitionsOf(topic)));
    const most = Math.ceil(count / members.length);
    const shares = new Map<Member, number[]>(members.map((member) => [member, []]));
    const keeps = random.chance(0.7);
    for (let partition = 0; partition < count; partition++) {
      const before = members.find((member) => member.partitions.includes(partition));
      const kept = keeps && before && shares.get(before)!.length < most ? before : undefined;
      const fewest = members.toSorted((a, b) => shares.get(a)!.length - shares.get(b)!.length)[0]!;
      shares.get(kept ?? fewest)!.push(partition);
    }
    return shares;
  }
}
