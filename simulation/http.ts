/** HTTP without a network: the routes that the inbound edge mounts, and a client's call of one. */
import { EventEmitter } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { ClientAnswer } from '../invariants/index.ts';

type Hook = (request: unknown, reply: unknown, done: () => void) => void;
type Handler = (request: unknown, reply: unknown) => Promise<unknown>;
type Post = (url: string, options: { onRequest: Hook }, handler: Handler) => void;

export interface Routes {
  /** What an edge takes for the process's server. */
  readonly http: FastifyInstance;
  call(path: string, exchange: Exchange): void;
}

/** As much of fastify as an edge asks of it. */
export const createRoutes = (): Routes => {
  const routes = new Map<string, { onRequest: Hook; handler: Handler }>();
  let prefix = '';
  const post: Post = (url, { onRequest }, handler) => void routes.set(prefix + url, { onRequest, handler });
  const nothing = () => {};
  const v1 = { decorateRequest: nothing, setErrorHandler: nothing, post, get: nothing, route: nothing };
  const http = {
    problemForms: new Map(),
    readiness: new Map(),
    initialConfig: {},
    register: (mount: (v1: object, options: object, done: () => void) => void, options: { prefix: string }) => {
      prefix = options.prefix;
      mount({ ...v1, supportedMethods: [] }, options, nothing);
    },
  };
  return {
    http: http as unknown as FastifyInstance,
    call: (path, exchange) => {
      const route = routes.get(path);
      if (!route) throw new Error(`no route ${path}`);
      const { headers, body } = exchange;
      const request = { headers, body, raw: exchange.request, serving: null };
      const reply = { raw: exchange.response, hijack: nothing };
      route.onRequest(request, reply, () => void route.handler(request, reply));
    },
  };
};

class Response extends EventEmitter {
  headersSent = false;
  statusCode = 0;
  requestId = '';
  destroyed = false;
  writableEnded = false;
  writableFinished = false;
  readonly writableLength = 0;
  text = '';

  writeHead(status: number, headers: Record<string, unknown>): this {
    this.headersSent = true;
    this.statusCode = status;
    this.requestId = String(headers['x-request-id'] ?? '');
    return this;
  }

  write(payload: Buffer, written: () => void = () => {}): boolean {
    this.text += payload.toString();
    queueMicrotask(written);
    return true;
  }

  end(last?: Buffer): void {
    if (this.writableEnded) return;
    if (last) this.text += last.toString();
    this.writableEnded = true;
    this.writableFinished = true;
    this.destroy();
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    queueMicrotask(() => this.emit('close'));
  }

  setTimeout(): void {}
}

/** One call of a client, and what it was told. */
export class Exchange {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly request: object;
  readonly response = new Response();
  readonly #ended: (answer: ClientAnswer) => void;
  #over = false;

  constructor(headers: IncomingHttpHeaders, body: Buffer, ended: (answer: ClientAnswer) => void) {
    this.headers = { ...headers, 'content-type': 'application/json', 'content-length': String(body.length) };
    this.body = body;
    this.request = Object.assign(new EventEmitter(), { headers: this.headers, complete: true, resume: () => {} });
    this.#ended = ended;
    this.response.once('close', () => this.cut());
  }

  /** The connection ends; by then all was said, or the answer is not whole. */
  cut(): void {
    if (this.#over) return;
    this.#over = true;
    this.#ended(this.#answer);
  }

  get #answer(): ClientAnswer {
    const { requestId, statusCode, writableFinished, text } = this.response;
    // A stream that ends with an error came to its end all the same, yet it is no answer.
    const whole = writableFinished && (!text.startsWith('data:') || text.trimEnd().endsWith('[DONE]'));
    return { requestId, status: statusCode, whole };
  }
}
