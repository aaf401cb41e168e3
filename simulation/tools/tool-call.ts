/** One call of an MCP server as that has it: a JSON-RPC message over HTTP, answered whole or by a stream of events. */
import { Answering } from '../answering.ts';
import type { Exchange } from '../exchange.ts';
import type { World } from '../world.ts';
import type { Answer } from './answers.ts';

/** What of MCP's params a server reads. */
export interface Params {
  name?: string;
  arguments?: Record<string, unknown>;
  _meta?: { progressToken?: string | number; [name: string]: unknown };
  [name: string]: unknown;
}

export class ToolCall extends Answering {
  /** Of HTTP. */
  readonly verb: string;
  /** Of JSON-RPC; empty: a message that asks nothing. */
  readonly method: string;
  /** Undefined: it wants no answer. */
  readonly id: string | number | undefined;
  readonly params: Params;
  /** Of an answer to a question, MCP's ElicitResult. */
  readonly result: { content?: Answer } | undefined;
  /** Empty: it came without. */
  readonly session: string;

  /** @param body of the request. @throws where it is no JSON-RPC */
  constructor(world: World, exchange: Exchange, verb: string, headers: Headers, body: string) {
    super(world, exchange);
    const { id, method = '', params = {}, result } = body === '' ? {} : JSON.parse(body);
    this.verb = verb;
    this.id = id;
    this.method = method;
    this.params = params;
    this.result = result;
    this.session = headers.get('mcp-session-id') ?? '';
  }

  get #envelope() {
    return { jsonrpc: '2.0', id: this.id };
  }

  answer(result: object, headers?: Record<string, string>): void {
    this.whole(200, { ...this.#envelope, result }, headers);
  }

  fail(code: number, message: string): void {
    this.whole(200, { ...this.#envelope, error: { code, message } });
  }

  notify(method: string, params: object): void {
    this.say({ jsonrpc: '2.0', method, params });
  }

  /** Asks the caller. */
  request(id: string, method: string, params: object): void {
    this.say({ jsonrpc: '2.0', id, method, params });
  }

  /** The end of a stream. */
  last(result: object): void {
    this.say({ ...this.#envelope, result });
    this.end();
  }
}
