/** One call of an agent over HTTP as its server has it: JSON-RPC, answered whole or by a stream of events. */
import type { Dispatcher } from 'undici';
import type { Exchange } from './exchange.ts';
import type { Listener } from './remote-task.ts';
import type { World } from './world.ts';

/** A2A 1.0, 5.4. */
export const errors = { notFound: -32_001, notCancelable: -32_002, unsupported: -32_004, invalid: -32_602 } as const;

export type Method =
  | 'SendMessage'
  | 'SendStreamingMessage'
  | 'GetTask'
  | 'SubscribeToTask'
  | 'CancelTask'
  | 'ListTasks';

/** What of A2A's params an agent reads. */
export interface Params {
  id: string;
  contextId: string;
  message: { messageId: string; taskId?: string; contextId?: string; parts?: readonly object[] };
}

export class HttpCall implements Listener {
  readonly method: Method;
  readonly params: Params;
  /** Empty: it came without. */
  readonly dispatchId: string;
  /** Where the connection is to break: after so many events. */
  breaksAfter = Number.POSITIVE_INFINITY;
  readonly #id: number;
  readonly #exchange: Exchange;
  readonly #world: World;
  /** What is on its way, in order. */
  readonly #under: (() => void)[] = [];
  #arrivesAt = 0;
  #isOpen = false;

  /** @param body of the request. @throws where it is no JSON-RPC */
  constructor(world: World, exchange: Exchange, headers: Record<string, string>, body: string) {
    const { id, method, params } = JSON.parse(body);
    this.#world = world;
    this.#exchange = exchange;
    this.#id = id;
    this.method = method;
    this.params = params;
    this.dispatchId = headers['x-client-request-id'] ?? '';
  }

  get isStream(): boolean {
    return this.method === 'SendStreamingMessage' || this.method === 'SubscribeToTask';
  }

  #send(what: string, happen: () => void): void {
    const { time, random } = this.#world;
    this.#arrivesAt = Math.max(time.now() + random.between(0.1, 3), this.#arrivesAt);
    this.#under.push(happen);
    // A caller that thaws hears what came meanwhile before what comes then.
    this.#exchange.after(this.#arrivesAt - time.now(), what, () => this.#under.shift()!());
  }

  refuse(status: number): void {
    this.#send(`answers ${status}`, () => {
      this.#exchange.head(status, { 'content-type': 'text/plain' });
      this.#exchange.data('no');
      this.#exchange.end();
    });
  }

  fail(code: number): void {
    this.#whole({ error: { code, message: 'The agent will not.' } });
  }

  answer(result: object): void {
    this.#whole({ result });
  }

  #whole(outcome: object): void {
    this.#send('answers', () => {
      this.#exchange.head(200, { 'content-type': 'application/json' });
      this.#exchange.data(JSON.stringify({ jsonrpc: '2.0', id: this.#id, ...outcome }));
      this.#exchange.end();
    });
  }

  hear(result: object): void {
    this.breaksAfter -= 1;
    if (this.breaksAfter < 0) {
      this.lose();
      return;
    }
    const isFirst = !this.#isOpen;
    this.#isOpen = true;
    this.#send('says', () => {
      if (isFirst) this.#exchange.head(200, { 'content-type': 'text/event-stream' });
      this.#exchange.data(`data: ${JSON.stringify({ jsonrpc: '2.0', id: this.#id, result })}\n\n`);
    });
  }

  end(): void {
    this.#send('ends', () => this.#exchange.end());
  }

  lose(): void {
    this.#send('breaks', () => this.#exchange.lose());
  }
}

/** Of a request that undici's fetch makes. */
export const bodyOf = async ({ body }: Dispatcher.DispatchOptions): Promise<string> => {
  const pieces: Uint8Array[] = [];
  for await (const piece of body as AsyncIterable<Uint8Array>) pieces.push(piece);
  return Buffer.concat(pieces).toString();
};
