/** One call at undici's boundary, as a simulated server answers it: for as long as its caller lives and does not hang up. */
import type { Dispatcher } from 'undici';
import type { Life } from './time.ts';
import type { World } from './world.ts';

const lost = () => Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' });
const refused = () => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

export class Exchange implements Dispatcher.DispatchController {
  aborted = false;
  paused = false;
  reason: Error | null = null;
  rawHeaders: Buffer[] = [];
  rawTrailers = null;
  readonly #world: World;
  readonly #handler: Dispatcher.DispatchHandler;
  readonly #life: Life;

  /** @param life the process that calls. */
  constructor(world: World, handler: Dispatcher.DispatchHandler, life: Life) {
    this.#world = world;
    this.#handler = handler;
    this.#life = life;
    world.open.add(this);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  #over(): void {
    this.aborted = true;
    this.#world.open.delete(this);
  }

  abort(reason: Error): void {
    if (this.aborted) return;
    this.#over();
    this.reason = reason;
    this.#handler.onResponseError?.(this, reason);
  }

  /** Lets something happen to the caller, unless it has hung up by then. */
  after(ms: number, what: string, happen: () => void): void {
    const unless = () => {
      if (!this.aborted) happen();
    };
    this.#world.after(ms, `upstream ${what}`, unless, this.#life);
  }

  /** The caller finds nobody. */
  refuse(ms: number): void {
    this.after(ms, 'is not reached', () => this.abort(refused()));
  }

  /** @param connected what is done once the caller has sent its request. */
  connect(connected: () => unknown): void {
    this.after(this.#world.random.between(0.1, 5), 'is connected', () => {
      this.#handler.onRequestStart?.(this, {});
      if (!this.aborted) connected();
    });
  }

  head(status: number, headers: Record<string, string>): void {
    this.rawHeaders = Object.entries(headers).flatMap((pair) => pair.map((text) => Buffer.from(text)));
    this.#handler.onResponseStart?.(this, status, headers, '');
  }

  data(text: string): void {
    this.#handler.onResponseData?.(this, Buffer.from(text));
  }

  end(): void {
    this.#handler.onResponseEnd?.(this, {});
    this.#over();
  }

  /** The connection breaks. */
  lose(): void {
    this.abort(lost());
  }
}
