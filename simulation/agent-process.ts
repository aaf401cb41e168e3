/** A process of an agent on the log: what the SDK does with Kafka is simulated, what it does with tasks is the SDK's own. */
import pino from 'pino';
import { wholeCard } from '../agent-sdk/card.ts';
import type { Handler } from '../agent-sdk/handler.ts';
import { headersOf } from '../agent-sdk/kafka/envelope.ts';
import { Partition } from '../agent-sdk/kafka/partition.ts';
import { derivedId } from '../services/runtime/event.ts';
import type { AnyRecorded, Consumer } from '../services/runtime/log.ts';
import { agentTopics, type EventType } from '../topics/index.ts';
import { agentCodec, messageOf, outboxOf, readerOf } from './agent-log.ts';
import type { Cluster, Stored } from './cluster.ts';
import type { AgentName } from './configuration.ts';
import { Group } from './group.ts';
import { Member } from './member.ts';
import { Producer } from './producer.ts';
import { Life } from './time.ts';

/** What an agent's code is told of the run that it is part of. */
export interface RunOf {
  /** Tells this run of the code from all others. */
  run: string;
  /** How many records the log held when it was last looked up what the agent had said. */
  knew: number;
}

/** What it does with what it is told, where it is not of the SDK. */
export type Behave = (record: AnyRecorded, process: AgentProcess) => Promise<void>;

const inboxTypes: readonly EventType[] = [
  'MessageDelivered',
  'CallAnswered',
  'CallUpdated',
  'TimerElapsed',
  'CancelDelivered',
  'ReportReturned',
];
const IDLE_MS = 4_000;
const SWEEP_MS = 5_000;
const silent = pino({ level: 'silent' });

interface Taken {
  partition: Partition;
  offset: number;
  done(): void;
}

export class AgentProcess {
  readonly name: string;
  readonly agent: AgentName;
  readonly #cluster: Cluster;
  readonly #act: ((run: RunOf) => Handler) | Behave;
  readonly #isSdk: boolean;
  readonly #overlooked: readonly string[];
  #life: Life;
  #starts = 0;
  #runs = 0;
  #producer: Producer;
  #members: Member[] = [];
  #partitions = new Map<number, Partition>();
  #taking = new Map<number, Promise<void>>();
  #taken: Taken[] = [];
  #seenTo = 0;

  /** @param instance tells it from the agent's other processes. */
  constructor(
    cluster: Cluster,
    agent: AgentName,
    instance: number,
    act: { handler: (run: RunOf) => Handler } | { behave: Behave },
    overlooked: readonly string[],
  ) {
    this.name = `${agent}${instance}`;
    this.agent = agent;
    this.#cluster = cluster;
    this.#isSdk = 'handler' in act;
    this.#act = 'handler' in act ? act.handler : act.behave;
    this.#overlooked = overlooked;
    this.#life = new Life(this.name);
    this.#life.dead = true;
    this.#producer = new Producer(cluster, this.#life);
  }

  get life(): Life {
    return this.#life;
  }

  get members(): readonly Member[] {
    return this.#members;
  }

  /** Whether all that it was told is dealt with. */
  get idle(): boolean {
    return !this.#life.dead && this.#producer.idle && this.#members.length > 0 && this.#members[0]!.idle;
  }

  start(): void {
    if (!this.#life.dead) return;
    this.#life = new Life(this.name);
    this.#starts += 1;
    this.#producer = new Producer(this.#cluster, this.#life);
    this.#members = [];
    this.#partitions = new Map();
    this.#taking = new Map();
    this.#taken = [];
    this.#life.enter(() => void this.#begin());
  }

  /** Ends with everything that it has in memory. */
  crash(): void {
    if (this.#life.dead) return;
    this.#life.dead = true;
    for (const member of this.#members) member.abandon();
  }

  get outbox(): ReturnType<typeof outboxOf> {
    return outboxOf(this.#cluster, this.#producer, agentTopics(this.agent).outbox);
  }

  async #begin(): Promise<void> {
    const { inbox } = agentTopics(this.agent);
    await this.#announce();
    const name = `agent.${this.agent}.tasks`;
    const group = this.#cluster.groups.get(name) ?? new Group(this.#cluster, name, [inbox]);
    this.#cluster.groups.set(name, group);
    const consumer: Consumer = {
      types: inboxTypes,
      assigned: async (assigned) => {
        if (this.#isSdk) for (const { partition } of assigned) this.#renew(partition);
      },
      revoked: (partitions) => {
        for (const number of partitions) this.#release(number);
        this.#settle();
      },
      handle: (record) => (this.#isSdk ? this.#take(record) : (this.#act as Behave)(record, this)),
    };
    this.#members = [new Member(this.#cluster, group, [inbox], consumer, this.#life)];
    this.#sweep();
  }

  async #announce(): Promise<void> {
    const data = { agent: this.agent, card: this.#card() };
    const id = derivedId(this.name, this.#starts, 'card');
    const about = { id, type: 'AgentAnnounced', source: `agent/${this.agent}`, key: this.agent, time: Date.now() };
    const links = { correlationId: `agent/${this.agent}`, causationId: '', traceparent: '', taskId: '' };
    const value = agentCodec.encode('AgentAnnounced', data);
    const partition = this.#cluster.partitionOf(this.agent, agentTopics(this.agent).outbox);
    await this.outbox.append(partition, [{ key: this.agent, value, headers: headersOf({ ...about, ...links }) }]);
  }

  #card(): Buffer {
    const card = { name: this.agent, description: 'Does what it is told.', version: `${this.#starts}`, skills: [] };
    // One that is up to no good has none that can be read.
    return Buffer.from(this.#isSdk ? JSON.stringify(wholeCard(card, agentTopics(this.agent).inbox)) : 'no card');
  }

  #renew(number: number): Partition {
    this.#release(number);
    const { inbox, outbox } = agentTopics(this.agent);
    const seenTo = (topic: string, of: number, logged: number) => {
      if (topic === outbox && of === number) this.#seenTo = logged;
    };
    const partition = new Partition(number, {
      agent: this.agent,
      handler: (message, ctx) => {
        const run = `${this.name} ${this.#starts} ${++this.#runs}`;
        return (this.#act as (run: RunOf) => Handler)({ run, knew: this.#seenTo })(message, ctx);
      },
      inbox,
      outbox,
      reader: readerOf(this.#cluster, this.#life, seenTo, this.#overlooked),
      writer: this.outbox,
      codec: agentCodec,
      logger: silent,
      writeLog: () => {},
      idleMs: IDLE_MS,
      freed: () => this.#settle(),
    });
    this.#partitions.set(number, partition);
    return partition;
  }

  #release(number: number): void {
    this.#partitions.get(number)?.release();
    this.#partitions.delete(number);
  }

  /** One record after the other, as the SDK's membership hands them over. */
  #take({ partition: number, raw }: AnyRecorded): Promise<void> {
    const message = messageOf(raw as unknown as Stored);
    const { promise, resolve: done } = Promise.withResolvers<void>();
    const take = async () => {
      const known = this.#partitions.get(number);
      if (!known) return done();
      const partition = known.misses(message) ? this.#renew(number) : known;
      await partition.take(message);
      this.#taken.push({ partition, offset: Number(message.offset), done });
      this.#settle();
    };
    this.#taking.set(number, (this.#taking.get(number) ?? Promise.resolve()).then(take));
    return promise;
  }

  /** What may be committed is done with, and so is what is somebody else's now. */
  #settle(): void {
    this.#taken = this.#taken.filter(({ partition, offset, done }) => {
      const isOpen = this.#partitions.get(partition.number) === partition && (partition.committable ?? 0) <= offset;
      if (!isOpen) done();
      return isOpen;
    });
  }

  #sweep(): void {
    setTimeout(() => {
      for (const partition of this.#partitions.values()) partition.sweep(Date.now());
      this.#settle();
      this.#sweep();
    }, SWEEP_MS);
  }
}
