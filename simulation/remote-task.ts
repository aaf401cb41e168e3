/** A task as an agent over HTTP has it, and who listens to it. */
import type { World } from './world.ts';

export type State =
  | 'SUBMITTED'
  | 'WORKING'
  | 'INPUT_REQUIRED'
  | 'AUTH_REQUIRED'
  | 'COMPLETED'
  | 'FAILED'
  | 'REJECTED'
  | 'CANCELED';

/** What of a task is heard as it comes about. */
export interface Listener {
  hear(update: object): void;
  /** There is nothing more to hear. */
  end(): void;
  /** The connection breaks. */
  lose(): void;
}

const terminal: readonly State[] = ['COMPLETED', 'FAILED', 'REJECTED', 'CANCELED'];
const waiting: readonly State[] = ['INPUT_REQUIRED', 'AUTH_REQUIRED'];
const ARTIFACT = 'answer';

export class RemoteTask {
  readonly id: string;
  readonly contextId: string;
  state: State = 'SUBMITTED';
  readonly pieces: string[] = [];
  readonly listeners = new Set<Listener>();
  /** Which message is worked on: with another one, or once it is cancelled, that stops. */
  work = 0;
  isBusy = false;
  /** Whether it went on by itself after it had waited. */
  wentOn = false;
  readonly #world: World;
  readonly #isTimed: boolean;
  readonly #history: object[] = [];
  #status: object;
  #said = 0;
  /** In the work on which message it came to wait. */
  #waitsSince = 0;

  /** @param isTimed whether its statuses say when they came about. */
  constructor(world: World, id: string, contextId: string, isTimed: boolean) {
    this.#world = world;
    this.id = id;
    this.contextId = contextId;
    this.#isTimed = isTimed;
    this.#status = this.#statusOf('SUBMITTED');
  }

  get isOver(): boolean {
    return terminal.includes(this.state);
  }

  get waits(): boolean {
    return waiting.includes(this.state);
  }

  get #ids() {
    return { taskId: this.id, contextId: this.contextId };
  }

  #statusOf(state: State, text = ''): object {
    const timestamp = this.#isTimed ? { timestamp: new Date(this.#world.time.now()).toISOString() } : {};
    const messageId = `${this.id} ${this.#said}`;
    const message = text ? { message: { messageId, ...this.#ids, role: 'ROLE_AGENT', parts: [{ text }] } } : {};
    return { state: `TASK_STATE_${state}`, ...timestamp, ...message };
  }

  /** A2A's Task. */
  whole(): object {
    const { id, contextId } = this;
    const artifact = { artifactId: ARTIFACT, parts: this.pieces.map((text) => ({ text })) };
    const artifacts = this.pieces.length > 0 ? [artifact] : [];
    return { id, contextId, status: this.#status, artifacts, history: [...this.#history] };
  }

  /** A message of its user's. */
  hear(message: object): void {
    this.work += 1;
    this.isBusy = true;
    this.#history.push({ ...message, ...this.#ids });
  }

  stand(state: State, text = ''): object {
    this.#said += 1;
    this.wentOn ||= this.waits && this.#waitsSince === this.work;
    this.state = state;
    this.#status = this.#statusOf(state, text);
    if (this.waits) this.#waitsSince = this.work;
    return { statusUpdate: { ...this.#ids, status: this.#status } };
  }

  piece(): object {
    const text = `piece ${this.pieces.length} `;
    const append = this.pieces.length > 0;
    this.pieces.push(text);
    return { artifactUpdate: { ...this.#ids, append, artifact: { artifactId: ARTIFACT, parts: [{ text }] } } };
  }

  /** Tells those who listen. */
  tell(update: object): void {
    for (const listener of this.listeners) listener.hear(update);
  }

  /** Nobody works on it any more. */
  stop(): void {
    this.work += 1;
    this.isBusy = false;
  }

  end(): void {
    for (const listener of [...this.listeners]) listener.end();
    this.listeners.clear();
  }

  lose(): void {
    for (const listener of [...this.listeners]) listener.lose();
    this.listeners.clear();
  }
}
