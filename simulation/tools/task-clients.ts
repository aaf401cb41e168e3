/** Clients that were given a task: they go away, come back at any process, cancel it, and ask for it once more when all is over. */
import { OTHER_KEY } from '../configuration.ts';
import type { Told } from '../http.ts';
import type { MeshProcess } from '../process.ts';
import type { Life } from '../time.ts';
import type { Answerers } from './answers.ts';
import type { ToolAsk } from './asks.ts';
import { envelopeOf, type Message, messagesIn, modernHeaders, type Result, type Wire } from './wire.ts';

export interface GivenTask {
  ask: ToolAsk;
  taskId: string;
  requestId: string;
}

/** What came of asking for a task. */
export interface TaskTold {
  task: GivenTask;
  /** Who was asked: a process, from its start to its end. */
  by: Life;
  /** When it was asked and when it had answered, by the clock that is right, milliseconds since the epoch. */
  askedAt: number;
  toldAt: number;
  /** MCP's DetailedTask. */
  result: Result | undefined;
  error: Message['error'];
  /** Whether it was asked once all had come to rest: whoever is asked has heard everything. */
  isLast: boolean;
}

/** That a task was cancelled, as a process has confirmed it. */
export interface TaskCancelled {
  task: GivenTask;
  /** By the clock that is right, milliseconds since the epoch. */
  at: number;
}

const ended = new Set(['completed', 'failed', 'cancelled']);
export const isEnded = (result: Result | undefined): boolean => ended.has(result?.status ?? '');

export class TaskClients {
  readonly given: GivenTask[] = [];
  readonly told: TaskTold[] = [];
  readonly cancelled: TaskCancelled[] = [];
  readonly #wire: Wire;
  readonly #answerers: Answerers;
  /** Questions that were seen, by their tasks. */
  readonly #seen = new Map<GivenTask, Set<string>>();
  #isOver = false;

  constructor(wire: Wire, answerers: Answerers) {
    this.#wire = wire;
    this.#answerers = answerers;
  }

  give(task: GivenTask): void {
    this.given.push(task);
    const { looks, cancelAfterMs } = task.ask.task!;
    this.#lookAgain(task, looks);
    if (cancelAfterMs > 0)
      this.#wire.world.after(cancelAfterMs, 'a client cancels its task', () =>
        this.#ask(task, 'tasks/cancel', ({ result }) => {
          if (result) this.cancelled.push({ task, at: this.#wire.world.time.now() });
        }),
      );
  }

  #answer(task: GivenTask, { inputRequests = {} }: Result): void {
    const seen = this.#seen.get(task) ?? new Set();
    this.#seen.set(task, seen);
    const fresh = Object.entries(inputRequests).filter(([id]) => !seen.has(id));
    for (const [id] of fresh) seen.add(id);
    if (fresh.length === 0) return;
    this.#answerers.answer(task.ask, Object.fromEntries(fresh), (inputResponses, isStranger) => {
      const ask = isStranger ? { ...task.ask, credential: OTHER_KEY } : task.ask;
      this.#ask({ ...task, ask }, 'tasks/update', () => {}, { more: { inputResponses } });
    });
  }

  /** Every task is asked for at every process, now that all has come to rest. */
  askAll(): void {
    this.#isOver = true;
    for (const task of this.given) for (const process of this.#wire.processes) this.#look(task, process, () => {});
  }

  #lookAgain(task: GivenTask, left: number): void {
    if (left === 0) return;
    const { random } = this.#wire.world;
    const ms = random.chance(0.85) ? random.between(50, 3_000) : random.between(3_000, 40_000);
    this.#wire.world.after(ms, 'a client asks for its task', () => {
      const next = (isOver: boolean) => this.#lookAgain(task, isOver ? Math.min(left - 1, 1) : left - 1);
      if (!this.#look(task, undefined, next)) next(false);
    });
  }

  /** @param then told whether it has ended. @returns whether there was anybody to ask. */
  #look(task: GivenTask, to: MeshProcess | undefined, then: (isOver: boolean) => void): boolean {
    const askedAt = this.#wire.world.time.now();
    const isLast = this.#isOver;
    const hear = ({ result, error }: Message, by: Life) => {
      const toldAt = this.#wire.world.time.now();
      if (result) this.#answer(task, result);
      if (result || error) this.told.push({ task, by, askedAt, toldAt, result, error, isLast });
      then(isEnded(result));
    };
    return this.#ask(task, 'tasks/get', hear, { to }) !== undefined;
  }

  #ask(
    { ask: { server, credential }, taskId }: GivenTask,
    method: string,
    told: (message: Message, by: Life) => void,
    { to, more = {} }: { to?: MeshProcess | undefined; more?: object } = {},
  ): MeshProcess | undefined {
    const id = this.#wire.id();
    const message = { id, method, params: { taskId, ...more, _meta: envelopeOf(true, true) } };
    let by: Life | undefined;
    const hear = ({ text }: Told) => told(messagesIn(text).find((one) => one.id === id) ?? {}, by!);
    const process = this.#wire.post({ server, credential, message, headers: modernHeaders(method, taskId), to }, hear);
    by = process?.life;
    return process;
  }
}
