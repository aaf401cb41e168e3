/** HTTP without a network: the routes that the inbound edge mounts, and a client's call of one. */
import { EventEmitter } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance } from 'fastify';

type Hook = (request: unknown, reply: unknown, done: () => void) => Promise<void> | void;
type Handler = (request: unknown, reply: unknown) => Promise<unknown>;
interface Route {
  onRequest: Hook;
  handler: Handler;
}
type Post = (url: string, options: { onRequest: Hook }, handler: Handler) => void;

export interface Routes {
  /** What an edge takes for the process's server. */
  readonly http: FastifyInstance;
  call(path: string, exchange: Exchange): void;
}

/** As much of fastify as an edge asks of it: paths, of which the last part may be a name. */
export const createRoutes = (): Routes => {
  const routes = new Map<string, Route>();
  const nothing = () => {};
  const mounted = (prefix: string) => ({
    decorateRequest: nothing,
    setErrorHandler: nothing,
    get: nothing,
    supportedMethods: ['GET', 'POST', 'DELETE'],
    post: ((url, { onRequest }, handler) =>
      void routes.set(`POST ${prefix}${url}`, { onRequest, handler })) satisfies Post,
    route: ({ method, url, ...route }: Route & { method: readonly string[]; url: string }) => {
      for (const one of method) routes.set(`${one} ${prefix}${url}`, route);
    },
  });
  const http = {
    problemForms: new Map(),
    readiness: new Map(),
    initialConfig: {},
    server: { address: () => null },
    get: nothing,
    register: (mount: (at: object, options: object, done: () => void) => void, options: { prefix: string }) =>
      mount(mounted(options.prefix), options, nothing),
  };
  return {
    http: http as unknown as FastifyInstance,
    call: (path, exchange) => {
      const { headers, body, method } = exchange;
      const name = path.slice(path.lastIndexOf('/') + 1);
      const asked = `${method} ${path}`;
      const route = routes.get(asked) ?? routes.get(`${asked.slice(0, -name.length)}:name`);
      if (!route) throw new Error(`no route ${path}`);
      const request = { method, headers, body, params: { name }, raw: exchange.request, serving: null, mcp: null };
      let isHijacked = false;
      const hijack = () => {
        isHijacked = true;
      };
      const reply = { raw: exchange.response, hijack };
      const handle = () => void route.handler(request, reply);
      // What takes a third parameter calls it, or has answered; what does not resolves, or has answered.
      const passed = route.onRequest(request, reply, handle);
      if (route.onRequest.length < 3)
        void Promise.resolve(passed).then(() => {
          if (!isHijacked) handle();
        });
    },
  };
};

class Response extends EventEmitter {
  headersSent = false;
  statusCode = 0;
  headers: Readonly<Record<string, unknown>> = {};
  destroyed = false;
  writableEnded = false;
  writableFinished = false;
  readonly writableLength = 0;
  text = '';
  /** Told of each part of a body as it comes. */
  heard: (text: string) => void = () => {};

  writeHead(status: number, headers: Record<string, unknown>): this {
    this.headersSent = true;
    this.statusCode = status;
    this.headers = headers;
    return this;
  }

  get closed(): boolean {
    return this.destroyed;
  }

  getHeader(name: string): unknown {
    return this.headers[name];
  }

  flushHeaders(): void {}

  write(payload: Uint8Array, written: () => void = () => {}): boolean {
    const text = Buffer.from(payload).toString();
    this.text += text;
    queueMicrotask(written);
    this.heard(text);
    return true;
  }

  end(last?: Uint8Array): void {
    if (this.writableEnded) return;
    if (last) this.text += Buffer.from(last).toString();
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

/** What a client was told, as it came. */
export interface Told {
  status: number;
  headers: Readonly<Record<string, unknown>>;
  text: string;
  /** Whether it came to its end. */
  whole: boolean;
}

/** One call of a client, and what it was told. */
export class Exchange {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly request: object;
  readonly response = new Response();
  readonly #ended: (told: Told) => void;
  #over = false;

  constructor(headers: IncomingHttpHeaders, body: Buffer, ended: (told: Told) => void, method = 'POST') {
    this.method = method;
    this.headers = { ...headers, 'content-type': 'application/json', 'content-length': String(body.length) };
    this.body = body;
    const { headers: given } = this;
    const known = { method, url: '/', headers: given, complete: true, resume: () => {} };
    this.request = Object.assign(new EventEmitter(), known);
    this.#ended = ended;
    this.response.once('close', () => this.cut());
  }

  /** The connection ends; by then all was said, or the answer is not whole. */
  cut(): void {
    if (this.#over) return;
    this.#over = true;
    const { statusCode: status, headers, text, writableFinished: whole } = this.response;
    this.#ended({ status, headers, text, whole });
  }
}
