import type { KafkaMessage } from 'kafkajs';
import { type Handler, handle, type WriteLog } from '../handler.ts';
import { derivedId, timeOfId } from '../ids.ts';
import { hasEnded, type Journal, journalOf, wasSilenced } from '../task/journal.ts';
import type { Statement, Told } from '../task/records.ts';
import { TaskRun } from '../task/run.ts';
import { failed } from '../task/sayings.ts';
import { FinishedPrefix } from './finished-prefix.ts';
import { PartitionLog, type PartitionLogOptions } from './partition-log.ts';
import { Unwanted } from './patiently.ts';

export interface PartitionOptions extends PartitionLogOptions {
  handler: Handler;
  writeLog: WriteLog;
  /** How long a task that waits is kept in memory, milliseconds. */
  idleMs: number;
  /** Told when a task has nothing to do any more for now. */
  freed(): void;
}

/** A task that is in memory, or on the way there. */
interface Live {
  taskId: string;
  contextId: string;
  run: TaskRun | undefined;
  /** The record for which it was read from the journal. */
  trigger: string;
  /** Told while the journal is read. */
  queue: Told[];
  finish: (() => void)[];
  /** Ids of what lies in the outbox. */
  said: Set<string>;
  /** Since when it is quiet, or what it was told last came; milliseconds since the epoch. */
  since: number;
}

const unlessUnwanted = (error: unknown) => {
  if (!(error instanceof Unwanted)) throw error;
};

const RECENT = 10_000;

/** The tasks of one partition of the inbox, from when it is assigned until it is not. */
export class Partition {
  readonly number: number;
  readonly #options: PartitionOptions;
  readonly #live = new Map<string, Live>();
  /** Tasks that have ended, the latest: what comes late for them needs no look into the journal. */
  readonly #ended = new Set<string>();
  readonly #toLoad = new Set<Live>();
  readonly #busy = new Set<Live>();
  readonly #log: PartitionLog;
  readonly #ready: Promise<void>;
  #prefix: FinishedPrefix | undefined;
  /** Nobody else can have begun a task that is younger than this partition's opening, and whose first record lies behind it. */
  #freshFrom = Number.POSITIVE_INFINITY;
  #freshSince = Number.POSITIVE_INFINITY;
  #taken: Promise<void> = Promise.resolve();
  #loading = false;
  #owned = true;

  constructor(number: number, options: PartitionOptions) {
    this.number = number;
    this.#options = options;
    const foreign = (taskId: string, id: string) => {
      const live = this.#live.get(taskId);
      if (live?.run && !live.said.has(id)) this.#reload(live);
    };
    this.#log = new PartitionLog(number, options, () => this.#owned, foreign);
    this.#ready = this.#log.open().then((end) => {
      this.#freshFrom = end;
      this.#freshSince = Date.now();
    });
    // Said where it is waited for.
    this.#ready.catch(() => {});
  }

  get committable(): number | undefined {
    return this.#prefix?.committable;
  }

  /** How many tasks are at work. */
  get busy(): number {
    return this.#busy.size;
  }

  /** It is somebody else's now. */
  release(): void {
    this.#owned = false;
    for (const { run } of this.#live.values()) run?.abandon();
    this.#live.clear();
    this.#busy.clear();
  }

  /** Whether records were passed over: then others handled them, and what is in memory is not all. */
  misses(message: KafkaMessage): boolean {
    return this.#prefix !== undefined && Number(message.offset) > this.#prefix.next;
  }

  /** Takes the next record, unless the partition is released meanwhile. */
  take(message: KafkaMessage): Promise<void> {
    // One that is begun goes on when its taker has gone: what is handed over after it, the same again too, comes after it.
    const taken = this.#taken.then(() => this.#take(message)).catch(unlessUnwanted);
    this.#taken = taken.catch(() => {});
    return taken;
  }

  async #take(message: KafkaMessage): Promise<void> {
    await this.#ready;
    const offset = Number(message.offset);
    this.#prefix ??= new FinishedPrefix(offset);
    if (offset < this.#prefix.next) return;
    const finish = this.#prefix.hand(offset);
    const told = await this.#log.read(message);
    if (!this.#owned) return;
    if (!told || this.#ended.has(told.data.taskId)) return finish();
    const live = this.#live.get(told.data.taskId) ?? this.#open(told, offset);
    live.finish.push(finish);
    this.#busy.add(live);
    live.since = Date.now();
    if (live.run) live.run.deliver(told);
    else live.queue.push(told);
  }

  /** Forgets tasks that wait for long: they come back from the journal. */
  sweep(now: number): void {
    for (const live of this.#live.values()) {
      if (now - live.since < this.#options.idleMs || !live.run) continue;
      if (live.run.silent) this.#end(live);
      else if (!this.#busy.has(live)) {
        live.run.abandon();
        this.#live.delete(live.taskId);
      }
    }
  }

  #open(told: Told, offset: number): Live {
    const { taskId } = told.data;
    const live: Live = {
      taskId,
      contextId: told.contextId,
      run: undefined,
      trigger: told.id,
      queue: [],
      finish: [],
      said: new Set(),
      since: Date.now(),
    };
    this.#live.set(taskId, live);
    // Its first record may be said again: of one that was begun here, and is forgotten by now (`sweep`), it is no beginning.
    const since = Math.max(this.#freshSince, Date.now() - this.#options.idleMs / 2);
    const isFresh = offset >= this.#freshFrom && timeOfId(taskId) > since;
    if (told.type === 'MessageDelivered' && !told.data.continues && isFresh) this.#start(live, journalOf([told], []));
    else this.#load(live);
    return live;
  }

  #start(live: Live, journal: Journal): void {
    const { agent, handler, writeLog } = this.#options;
    live.said = new Set(journal.said.map(({ statement }) => statement.id));
    const run = new TaskRun({
      agent,
      journal,
      handle: handle(handler, writeLog),
      append: (statements) => this.#append(live, run, statements),
      now: Date.now,
      quiet: () => this.#quiet(live, run),
    });
    live.run = run;
    run.start();
    for (const told of live.queue.splice(0)) run.deliver(told);
  }

  #quiet(live: Live, run: TaskRun): void {
    if (live.run !== run) return;
    this.#busy.delete(live);
    live.since = Date.now();
    for (const finish of live.finish.splice(0)) finish();
    if (run.ended) this.#end(live);
    this.#options.freed();
  }

  #end(live: Live): void {
    live.run?.abandon();
    for (const finish of live.finish.splice(0)) finish();
    this.#live.delete(live.taskId);
    this.#busy.delete(live);
    this.#ended.add(live.taskId);
    if (this.#ended.size > RECENT) for (const oldest of this.#ended) return void this.#ended.delete(oldest);
  }

  async #append(live: Live, run: TaskRun, statements: readonly Statement[]): Promise<void> {
    await this.#log.write(statements).catch(unlessUnwanted);
    // Somebody else has gone on with the task: the journal knows better.
    if (live.run !== run || !this.#owned) return await new Promise(() => {});
    for (const { id } of statements) live.said.add(id);
  }

  #reload(live: Live): void {
    this.#options.logger.warn({ taskId: live.taskId }, 'another process has gone on with the task');
    live.run?.abandon();
    live.run = undefined;
    this.#busy.add(live);
    this.#load(live);
  }

  #load(live: Live): void {
    this.#toLoad.add(live);
    if (!this.#loading) void this.#loadAll().catch(unlessUnwanted);
  }

  /** Reads the journals of all who wait, together. */
  async #loadAll(): Promise<void> {
    this.#loading = true;
    // Those that the same batch of records brings go along.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#toLoad.size > 0 && this.#owned) {
      const tasks = new Map([...this.#toLoad].map((live) => [live.taskId, live]));
      this.#toLoad.clear();
      const journals = await this.#log.journals([...tasks.values()]);
      if (!this.#owned) return;
      for (const live of tasks.values()) await this.#resume(live, journals.get(live.taskId)!);
    }
    this.#loading = false;
  }

  async #resume(live: Live, journal: Journal): Promise<void> {
    const [first] = journal.told;
    if (hasEnded(journal) || wasSilenced(journal, live.trigger)) this.#end(live);
    else if (first?.type === 'MessageDelivered' && !first.data.continues) this.#start(live, journal);
    else {
      await this.#log.write([this.#lost(live)]);
      this.#end(live);
    }
    this.#options.freed();
  }

  #lost({ taskId, contextId, trigger }: Live): Statement {
    const { agent } = this.#options;
    const idFor = (...parts: readonly (string | number)[]) => derivedId(agent, taskId, ...parts);
    const saying = failed(
      { agent, taskId, contextId, now: Date.now, idFor },
      "The task's first message is no longer in the log, so the agent can't go on with it.",
    );
    const correlationId = `agent/${agent}/${taskId}`;
    const about = { number: 0, kind: 'end' as const, contextId, correlationId, causationId: trigger, traceparent: '' };
    return { ...saying, ...about, id: idFor('end'), time: Date.now() } as Statement;
  }
}
