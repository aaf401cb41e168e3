/** How a simulated server answers one call: what it says arrives in order, whole or event by event. */
import type { Exchange } from './exchange.ts';
import type { World } from './world.ts';

export class Answering {
  readonly #exchange: Exchange;
  readonly #world: World;
  /** What is on its way, in order. */
  readonly #under: (() => void)[] = [];
  #arrivesAt = 0;
  #isOpen = false;

  constructor(world: World, exchange: Exchange) {
    this.#world = world;
    this.#exchange = exchange;
  }

  #send(what: string, happen: () => void): void {
    const { time, random } = this.#world;
    this.#arrivesAt = Math.max(time.now() + random.between(0.1, 3), this.#arrivesAt);
    this.#under.push(happen);
    // A caller that thaws hears what came meanwhile before what comes then.
    this.#exchange.after(this.#arrivesAt - time.now(), what, () => this.#under.shift()!());
  }

  refuse(status: number): void {
    this.text(status, 'no', 'text/plain');
  }

  /** Says it all at once. */
  text(status: number, text: string, type: string, headers: Record<string, string> = {}): void {
    this.#send(`answers ${status}`, () => {
      this.#exchange.head(status, { 'content-type': type, ...headers });
      this.#exchange.data(text);
      this.#exchange.end();
    });
  }

  whole(status: number, value: object, headers?: Record<string, string>): void {
    this.text(status, JSON.stringify(value), 'application/json', headers);
  }

  /** An event of a stream, which begins with the first. */
  say(value: object): void {
    const isFirst = !this.#isOpen;
    this.#isOpen = true;
    this.#send('says', () => {
      if (isFirst) this.#exchange.head(200, { 'content-type': 'text/event-stream' });
      this.#exchange.data(`data: ${JSON.stringify(value)}\n\n`);
    });
  }

  end(): void {
    this.#send('ends', () => this.#exchange.end());
  }

  lose(): void {
    this.#send('breaks', () => this.#exchange.lose());
  }
}
