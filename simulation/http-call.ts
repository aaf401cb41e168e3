/** One call of an agent over HTTP as its server has it: JSON-RPC, answered whole or by a stream of events. */
import type { Dispatcher } from 'undici';
import { Answering } from './answering.ts';
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

export class HttpCall extends Answering implements Listener {
  readonly method: Method;
  readonly params: Params;
  /** Empty: it came without. */
  readonly dispatchId: string;
  /** Where the connection is to break: after so many events. */
  breaksAfter = Number.POSITIVE_INFINITY;
  readonly #id: number;

  /** @param body of the request. @throws where it is no JSON-RPC */
  constructor(world: World, exchange: Exchange, headers: Record<string, string>, body: string) {
    super(world, exchange);
    const { id, method, params } = JSON.parse(body);
    this.#id = id;
    this.method = method;
    this.params = params;
    this.dispatchId = headers['x-client-request-id'] ?? '';
  }

  get isStream(): boolean {
    return this.method === 'SendStreamingMessage' || this.method === 'SubscribeToTask';
  }

  fail(code: number): void {
    this.#whole({ error: { code, message: 'The agent will not.' } });
  }

  answer(result: object): void {
    this.#whole({ result });
  }

  #whole(outcome: object): void {
    this.whole(200, { jsonrpc: '2.0', id: this.#id, ...outcome });
  }

  hear(result: object): void {
    this.breaksAfter -= 1;
    if (this.breaksAfter < 0) {
      this.lose();
      return;
    }
    this.say({ jsonrpc: '2.0', id: this.#id, result });
  }
}

/** Of a request that undici's fetch makes. */
export const bodyOf = async ({ body }: Dispatcher.DispatchOptions): Promise<string> => {
  const pieces: Uint8Array[] = [];
  for await (const piece of body as AsyncIterable<Uint8Array>) pieces.push(piece);
  return Buffer.concat(pieces).toString();
};
