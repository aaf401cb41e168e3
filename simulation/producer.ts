/**
 * Appends of one process, as the group commit of the real one has them: one send at a time, in order; what fails takes with it
 * what waits behind. A send may be slow, land in part, land late, or land although the process never hears of it.
 */
import { RuntimeError } from '../services/runtime/errors.ts';
import type { Cluster, Stored } from './cluster.ts';
import type { Life } from './time.ts';

export type Outgoing = Omit<Stored, 'offset' | 'sequence'>;

interface Append {
  since: number;
  records: readonly Outgoing[];
  resolve(offsets: number[]): void;
  reject(error: unknown): void;
}

const STALE_MS = 8_000;

const unavailable = (why: string) => new RuntimeError('PARLEY_LOG_UNAVAILABLE', why);

export class Producer {
  readonly #cluster: Cluster;
  readonly #life: Life;
  #waiting: Append[] = [];
  #busy = false;
  #lateUntil = 0;

  constructor(cluster: Cluster, life: Life) {
    this.#cluster = cluster;
    this.#life = life;
  }

  get idle(): boolean {
    return !this.#busy && this.#waiting.length === 0;
  }

  append(records: readonly Outgoing[], signal?: AbortSignal): Promise<number[]> {
    return new Promise((resolve, reject) => {
      const append: Append = { since: this.#cluster.world.time.now(), records, resolve, reject };
      const abort = () => {
        this.#waiting = this.#waiting.filter((other) => other !== append);
        reject(unavailable('taken back'));
      };
      if (signal?.aborted) return abort();
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiting.push(append);
      this.#flush();
    });
  }

  /** What is sent from now on arrives no earlier than `at`, milliseconds since the epoch. */
  late(at: number): void {
    this.#lateUntil = at;
  }

  #flush(): void {
    if (this.#busy || this.#waiting.length === 0) return;
    this.#busy = true;
    const { world } = this.#cluster;
    world.after(world.random.between(0, 2), 'send', () => this.#send(), this.#life);
  }

  #done(): void {
    this.#busy = false;
    this.#flush();
  }

  #send(): void {
    const { world } = this.#cluster;
    const { random, odds } = world;
    const [first] = this.#waiting;
    if (first && world.time.now() - first.since > STALE_MS)
      for (const { reject } of this.#waiting.splice(0)) reject(unavailable('it waited too long'));
    const most = random.chance(0.8) ? this.#waiting.length : 1 + random.below(this.#waiting.length);
    const batch = this.#waiting.splice(0, most);
    if (batch.length === 0) {
      this.#done();
      return;
    }
    if (random.chance(odds.appendFails)) {
      this.#fail(batch);
      return;
    }
    const late = this.#lateUntil - world.time.now();
    if (late > 0) {
      this.#arrive(batch, late, random.between(0.1, 3));
      return;
    }
    const slow = random.chance(odds.appendSlow);
    const arrives = slow && random.chance(0.5) ? random.between(100, 9_000) : random.between(0.2, 5);
    const confirmed = slow ? random.between(100, 9_000) : random.between(0.1, 3);
    this.#arrive(batch, arrives, confirmed);
  }

  /** A broker that is down is tried again and again. */
  #arrive(batch: readonly Append[], ms: number, confirmed: number): void {
    const { world } = this.#cluster;
    world.after(ms, `arrives ${nameOf(batch)}`, () => {
      // Of what a process had under way when it died not everything had left it.
      if (this.#life.dead && world.random.chance(0.5)) return;
      if (this.#cluster.down) {
        if (!this.#life.dead) this.#arrive(batch, world.random.between(100, 1_000), confirmed);
        return;
      }
      const offsets = batch.map(({ records }) => records.map((record) => this.#cluster.put(record, this.#life.name)));
      const acknowledge = () => {
        for (const [i, append] of batch.entries()) append.resolve(offsets[i]!);
        this.#done();
      };
      world.after(confirmed, 'acknowledged', acknowledge, this.#life);
    });
  }

  #fail(batch: readonly Append[]): void {
    const { world } = this.#cluster;
    const { random } = world;
    const places = Map.groupBy(
      batch.flatMap(({ records }) => records),
      ({ topic, partition }) => `${topic} ${partition}`,
    );
    const share = random.pick([0, 0.5, 1]);
    for (const records of places.values())
      if (random.chance(share))
        world.after(random.between(0.2, 500), 'arrives all the same', () => {
          if (!this.#cluster.down) for (const record of records) this.#cluster.put(record, this.#life.name);
        });
    const refuse = () => {
      for (const append of [...batch, ...this.#waiting.splice(0)]) append.reject(unavailable('not confirmed'));
      world.after(random.between(0, 1_000), 'connected again', () => this.#done(), this.#life);
    };
    world.after(random.between(1, 3_000), `fails ${nameOf(batch)}`, refuse, this.#life);
  }
}

const nameOf = (batch: readonly Append[]) =>
  batch.flatMap(({ records }) => records.map(({ headers }) => String(headers.ce_type).slice(5))).join(' ');
