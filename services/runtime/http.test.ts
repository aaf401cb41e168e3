import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHttpServer, defaultHttpLimits } from './http.ts';
import { createMetrics } from './metrics.ts';

let http: FastifyInstance;
let lines: string[];
beforeEach(() => {
  lines = [];
  http = createHttpServer({
    logger: pino({}, { write: (line: string) => lines.push(line) }),
    registry: createMetrics().registry,
    limits: { ...defaultHttpLimits, bodyBytes: 1_000 },
  });
});
afterEach(() => http.close());

const listen = () => http.listen({ host: '127.0.0.1', port: 0 });
const raw = async (url: string, request: string) => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.write(request);
  return text(socket);
};

describe('health', () => {
  it('is alive, and ready when every check holds', async () => {
    const url = await listen();
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect(await (await fetch(`${url}/readyz`)).json()).toEqual({ status: 'ready' });
    http.readiness.set('log', () => false);
    http.readiness.set('policy', () => true);
    const response = await fetch(`${url}/readyz`);
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ status: 'not ready', failing: ['log'] });
  });

  it('has metrics', async () => {
    const url = await listen();
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('parley_requests_total');
  });
});

describe('errors', () => {
  it('are in the form of the prefix, and without a path in the first form', async () => {
    http.problemForms.set('/v1', ({ status, path }) => JSON.stringify({ v1: status, path }));
    http.problemForms.set('/mcp', ({ status }) => JSON.stringify({ mcp: status }));
    const url = await listen();
    expect(await (await fetch(`${url}/v1/none?x=1`)).json()).toEqual({ v1: 404, path: '/v1/none' });
    expect(await (await fetch(`${url}/mcp`)).json()).toEqual({ mcp: 404 });
    expect(await (await fetch(`${url}/v1x`)).json()).toEqual({ error: { message: 'Nothing is served at this path.' } });
    expect(await raw(url, `GET / HTTP/1.1\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`)).toContain('{"v1":431,"path":""}');
    expect(await raw(url, 'nonsense\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  });

  it.each([
    ['without a Host', 400, 'content-length: 2\r\n\r\n{}'],
    ['with an unknown expectation', 417, 'host: x\r\nexpect: 200-ok\r\ncontent-length: 2\r\n\r\n{}'],
  ])('of a request %s are in the form of the prefix, too', async (_, status, rest) => {
    http.problemForms.set('/v1', (problem) => JSON.stringify({ v1: problem.status }));
    http.post('/v1/echo', async (request, reply) => reply.send(request.body));
    const url = await listen();
    const last = 'GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n';
    const inForm = await raw(url, `POST /v1/echo HTTP/1.1\r\n${rest}${last}`);
    expect(inForm).toMatch(new RegExp(`^HTTP/1\\.1 ${status} .*\\{"v1":${status}\\}HTTP/1\\.1 200 `, 's'));
    const plain = await raw(url, `POST /other HTTP/1.1\r\n${rest}${last}`);
    expect(plain).toMatch(
      new RegExp(`^HTTP/1\\.1 ${status} .*\\{"error":\\{"message":"[^"]+"\\}\\}HTTP/1\\.1 200 `, 's'),
    );
  });

  it('are none of HTTP/1.0, which needs no Host', async () => {
    const url = await listen();
    expect(await raw(url, 'GET /healthz HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('of a handler say nothing of what went wrong, but the log does', async () => {
    http.get('/broken', async () => {
      throw new Error('the password is 1234');
    });
    const url = await listen();
    const response = await fetch(`${url}/broken`);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('1234');
    expect(lines.join()).toContain('1234');
  });

  it('do not end an answer that has begun', async () => {
    http.get('/slow', (_request, reply) => {
      reply.hijack();
      reply.raw.writeHead(200, { 'content-length': 4 });
      reply.raw.write('ab');
    });
    const url = await listen();
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    const answered = text(socket);
    socket.write('GET /slow HTTP/1.1\r\nhost: x\r\n\r\n');
    while (socket.bytesRead === 0) await sleep(5);
    socket.write('nonsense\r\n\r\n');
    const answer = await answered;
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });
});

describe('bodies', () => {
  it('come as they are, whatever their type, up to the limit', async () => {
    http.post('/echo', async (request, reply) => reply.send(request.body));
    const url = await listen();
    const post = (body: string, type: string) =>
      fetch(`${url}/echo`, { method: 'POST', body, headers: { 'content-type': type } });
    expect(await (await post('{"a":', 'application/json')).text()).toBe('{"a":');
    expect(await (await post('x', 'text/plain')).text()).toBe('x');
    expect((await post('x'.repeat(1_001), 'text/plain')).status).toBe(413);
  });
});

describe('a request that waits for 100 Continue', () => {
  const head =
    'POST /echo HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\nconnection: close\r\n\r\n';
  const goOn = 'HTTP/1.1 100 Continue\r\n\r\n';
  const isEcho = /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nhi$/s;

  /** All that comes back where the body is sent once the client is told to. */
  const exchange = async (url: string, request: string) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    let answer = '';
    socket.on('data', (part) => {
      const isTold = answer.includes(goOn);
      answer += part;
      if (!isTold && answer.includes(goOn)) socket.write('hi');
    });
    socket.write(request);
    await new Promise((resolve) => socket.once('close', resolve));
    return answer;
  };

  /** The same behind a request that is answered once both have arrived: what comes after its answer. */
  const exchangeBehind = async (request: string) => {
    const arrived = Promise.withResolvers<void>();
    http.get('/slow', async () => {
      await arrived.promise;
      return 'slow';
    });
    http.post('/echo', async (given, reply) => reply.send(given.body));
    const url = await listen();
    let left = 2;
    http.server.on('request', () => {
      left -= 1;
      if (left === 0) arrived.resolve();
    });
    const answer = await exchange(url, `GET /slow HTTP/1.1\r\nhost: x\r\n\r\n${request}`);
    const [slow, ...rest] = answer.split('\r\n\r\nslow');
    expect(slow).toMatch(/^HTTP\/1\.1 200 OK/);
    return rest.join();
  };

  it('is told so, and answered', async () => {
    http.post('/echo', async (request, reply) => reply.send(request.body));
    const answer = await exchange(await listen(), head);
    expect(answer.startsWith(goOn)).toBe(true);
    expect(answer.slice(goOn.length)).toMatch(isEcho);
  });

  it('is told so in its turn where another was there before', async () => {
    const answer = await exchangeBehind(head);
    expect(answer.startsWith(goOn)).toBe(true);
    expect(answer.slice(goOn.length)).toMatch(isEcho);
  });

  it('is not told so where it is refused by then', async () => {
    const answer = await exchangeBehind(head.replace('/echo', '/nowhere'));
    expect(answer).toMatch(/^HTTP\/1\.1 404 .*\r\n\r\n\{"error":\{"message":"[^"]+"\}\}$/s);
    expect(answer).not.toContain(goOn);
  });
});

describe('closing', () => {
  it('waits for what is in flight, and not for connections that are kept alive', async () => {
    let asked = false;
    http.get('/slow', async () => {
      asked = true;
      await sleep(100);
      return 'done';
    });
    const url = await listen();
    const slow = fetch(`${url}/slow`);
    while (!asked) await sleep(5);
    const closed = http.close();
    expect(await (await slow).text()).toBe('done');
    // Kept alive, its connection would end the test by its time-out.
    await closed;
  });
});
