/** The HTTP server of the process: limits, health and metrics. Edges mount their routes on it. */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { closeSweeping } from './http-close.ts';
import { answerEarly } from './http-early.ts';
import { answerExpectations } from './http-expect.ts';

/** An error that the server raises itself: before routing, for a path that nobody serves, or reading a body. */
export interface HttpProblem {
  status: number;
  message: string;
  /** Of the request; empty where it was not read that far. */
  method: string;
  path: string;
}

/** How a protocol words a problem, as application/json. */
export type ProblemForm = (problem: HttpProblem) => string;

export interface HttpLimits {
  /** Largest body that is read, bytes: an event with it still fits a record of 16 MiB. Configuration can lower it. */
  bodyBytes: number;
  /** How long the headers may take, milliseconds. */
  headersMs: number;
  /** How long the whole request may take, milliseconds. */
  requestMs: number;
}

declare module 'fastify' {
  interface FastifyInstance {
    /** What must hold for the process to be ready, by name. */
    readiness: Map<string, () => boolean>;
    /** The forms of the protocols by the prefix of their paths. Where there is no path yet the first one is used. */
    problemForms: Map<string, ProblemForm>;
  }
}

const HEADER_BYTES = 16 * 1024;
/** Longer than the minute for which load balancers commonly keep an idle connection. */
const KEEP_ALIVE_MS = 72_000;
const LINGER_MS = 1_000;

export const defaultHttpLimits: HttpLimits = { bodyBytes: 15 * 1024 * 1024, headersMs: 15_000, requestMs: 60_000 };

const plainForm: ProblemForm = ({ message }) => JSON.stringify({ error: { message } });

const formFor = (forms: ReadonlyMap<string, ProblemForm>, path: string): ProblemForm => {
  for (const [prefix, form] of forms) if (path === '' || path === prefix || path.startsWith(`${prefix}/`)) return form;
  return plainForm;
};

const messages: Record<number, string> = {
  400: 'The request is not valid HTTP.',
  404: 'Nothing is served at this path.',
  408: 'The request took too long to arrive.',
  413: 'The request body is too large.',
  415: 'The media type of the request body is not valid.',
  417: 'The Expect header of the request asks for what is not supported.',
  431: 'The request headers are too large.',
};

const problemOf = (status: number, method = '', path = ''): HttpProblem => ({
  status,
  message: messages[status] ?? STATUS_CODES[status] ?? 'The request cannot be served.',
  method,
  path,
});

/** HTTP/1.1 asks for one (RFC 9112, 3.2). */
const isWithoutHost = ({ httpVersion, headers }: IncomingMessage): boolean =>
  httpVersion === '1.1' && headers.host === undefined;

const pathOf = (url = ''): string => url.split('?', 1)[0] ?? '';

/** The status that an error of the server itself asks for; 500 for any other. */
export const statusOfError = (error: unknown): number => {
  const { statusCode } = error as { statusCode?: unknown };
  return typeof statusCode === 'number' && statusCode >= 400 ? statusCode : 500;
};

const statusOfClientError = (code: string | undefined): number => {
  if (code === 'HPE_HEADER_OVERFLOW') return 431;
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 408;
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') return 413;
  return 400;
};

/** An answer in bytes: before a request is parsed there is no response to write it to. */
const rawAnswer = (problem: HttpProblem, body: string): string =>
  [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    '',
    body,
  ].join('\r\n');

const answerSocket = (socket: Socket & { _httpMessage?: { headersSent: boolean } }, answer: string): void => {
  // A response that is being written would be corrupted by another.
  if (!socket.writable || socket._httpMessage?.headersSent) {
    socket.destroy();
    return;
  }
  socket.end(answer);
  socket.resume();
  setTimeout(() => socket.destroy(), LINGER_MS);
};

const addHealth = (http: FastifyInstance, registry: Registry): void => {
  http.get('/healthz', async () => ({ status: 'alive' }));
  http.get('/readyz', async (_request, reply) => {
    const failing = [...http.readiness].filter(([, holds]) => !holds()).map(([name]) => name);
    if (failing.length === 0) return { status: 'ready' };
    return reply.code(503).send({ status: 'not ready', failing });
  });
  http.get('/metrics', async (_request, reply) =>
    reply.header('content-type', registry.contentType).send(await registry.metrics()),
  );
};

/**
 * @param limits hard limits of the process; an edge's own come on top.
 * Requests are not logged here: each edge logs its own, once.
 */
export const createHttpServer = ({
  logger,
  registry,
  limits = defaultHttpLimits,
}: {
  logger: Logger;
  registry: Registry;
  limits?: HttpLimits;
}): FastifyInstance => {
  const problemForms = new Map<string, ProblemForm>();

  const answerRaw = (request: IncomingMessage, response: ServerResponse, status: number) => {
    const problem = problemOf(status, request.method, pathOf(request.url));
    answerEarly(request, response, status, {}, formFor(problemForms, problem.path)(problem));
  };

  const answerProblem = (request: FastifyRequest, reply: FastifyReply, status: number) => {
    reply.hijack();
    answerRaw(request.raw, reply.raw, status);
  };

  const answerError = (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const status = statusOfError(error);
    if (status >= 500) logger.error({ err: error, method: request.method }, 'a request failed');
    answerProblem(request, reply, status);
  };

  const http = Fastify({
    logger: false,
    trustProxy: false,
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // An edge that takes no more work says so in its own form.
    return503OnClosing: false,
    frameworkErrors: answerError,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 512 },
    http: {
      noDelay: true,
      maxHeaderSize: HEADER_BYTES,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      // How often the two timeouts are looked at: node's default of 30 s would double them.
      connectionsCheckingInterval: Math.min(5_000, limits.headersMs / 2),
      // Node would refuse with an empty body; see `onRequest`.
      requireHostHeader: false,
    },
    clientErrorHandler: (error, socket) => {
      if (error.code === 'ECONNRESET' || socket.destroyed || socket.writableEnded) return;
      const problem = problemOf(statusOfClientError(error.code));
      answerSocket(socket, rawAnswer(problem, formFor(problemForms, '')(problem)));
    },
  });

  http.decorate('readiness', new Map<string, () => boolean>());
  http.decorate('problemForms', problemForms);
  http.removeAllContentTypeParsers();
  http.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  http.setErrorHandler(answerError);
  // Before its body is read: strangers may not fill the memory through a path that nobody serves.
  http.addHook('onRequest', (request, reply, done) => {
    if (isWithoutHost(request.raw)) return answerProblem(request, reply, 400);
    if (!request.is404) return done();
    answerProblem(request, reply, 404);
  });
  answerExpectations(http.server, (request, response) => answerRaw(request, response, 417));
  addHealth(http, registry);
  closeSweeping(http);
  return http;
};
