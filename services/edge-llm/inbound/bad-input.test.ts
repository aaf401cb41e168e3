import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { topics } from '../../../topics/index.ts';
import { RuntimeError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import { chatAnswer, chatChunk, createWorld, type Edge, KEY, OTHER_KEY, type World } from './harness.ts';

const chat = { model: 'small', messages: [{ role: 'user' as const, content: 'Hello' }] };

let world: World;
let edge: Edge;
let sockets: Socket[];
beforeEach(async () => {
  sockets = [];
  world = await createWorld({ requestsInFlight: 3, requestsInFlightPerCredential: 2, deadlineMs: 2_000 });
  edge = await world.edge({ times: { appendMs: 100, buffer: { bytes: 64 * 1024, patienceMs: 100 } } });
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await world.close();
});

const post = (body: unknown, headers: Record<string, string> = {}, path = '/v1/chat/completions') =>
  fetch(edge.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
  });

const errorOf = async (response: Response) => ((await response.json()) as { error: Record<string, unknown> }).error;

/** A connection on which nothing happens by itself. */
const dial = async (at = edge): Promise<Socket> => {
  const socket = connect(Number(new URL(at.url).port), '127.0.0.1');
  socket.on('error', () => {});
  sockets.push(socket);
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
};

const head = (headers: Record<string, string | number> = {}, path = '/v1/chat/completions') =>
  [
    `POST ${path} HTTP/1.1`,
    'host: x',
    `authorization: Bearer ${KEY}`,
    'content-type: application/json',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    '\r\n',
  ].join('\r\n');

const request = (body: unknown) => {
  const json = JSON.stringify(body);
  return head({ 'content-length': Buffer.byteLength(json) }) + json;
};

const inFlight = async () => {
  const metrics = await edge.metrics.requestsInFlight.get();
  return metrics.values.reduce((sum, { value }) => sum + value, 0);
};

const until = async (holds: () => boolean | Promise<boolean>) => {
  for (let i = 0; i < 300; i++) {
    if (await holds()) return;
    await sleep(10);
  }
  throw new Error('it never came');
};

describe('credentials', () => {
  it.each([
    ['no key', undefined, 'missing', ''],
    ['another scheme', 'Basic YTpi', 'malformed', ''],
    ['no token', 'Bearer ', 'malformed', ''],
    ['a wrong key', 'Bearer sk-wrong', 'unknown', /^[0-9a-f]{12}$/],
    ['a revoked key', 'Bearer sk-revoked', 'revoked', 'revoked'],
    ['an expired key', 'Bearer sk-expired', 'expired', 'expired'],
  ])('%s is 401, and on record', async (_name, authorization, reason, credential) => {
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
    const response = await fetch(`${edge.url}/v1/chat/completions`, {
      method: 'POST',
      headers,
      body: JSON.stringify(chat),
    });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer realm="parley"/);
    expect(await errorOf(response)).toMatchObject({ code: 'invalid_api_key', type: 'invalid_request_error' });
    const [failed] = await world.until('mesh.requests', 'AuthenticationFailed', 1);
    expect(failed?.data).toEqual({
      protocol: 'openai.chat',
      reason,
      credential: credential instanceof RegExp ? expect.stringMatching(credential) : credential,
      count: 1,
    });
    expect(failed?.correlationId).toBe(failed?.id);
    expect(failed?.key).not.toBe(failed?.id);
    expect(await world.events('mesh.requests', 'RequestReceived')).toEqual([]);
  });

  it('a flood of wrong keys is counted, not repeated', async () => {
    const wrong = () => post(chat, { authorization: 'Bearer sk-wrong' }).then((r) => r.text());
    await Promise.all(Array.from({ length: 60 }, wrong));
    expect((await world.events('mesh.requests', 'AuthenticationFailed')).length).toBe(10);
    const stated = await world.until('mesh.requests', 'AuthenticationFailed', 11);
    expect(stated.map((e) => e.data.count)).toEqual([...Array(10).fill(1), 50]);
  });

  it('without a configuration nobody comes in', async () => {
    world.configuration.current = undefined;
    const response = await post(chat);
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('2');
    expect((await fetch(`${edge.url}/readyz`)).status).toBe(503);
  });
});

describe('bodies', () => {
  it.each([
    ['none', '', 400],
    ['not JSON', 'hello', 400],
    ['of another shape', '[1,2]', 400],
    ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]), 400],
    ['nested deeply', `{"model":"small","messages":${'['.repeat(100_000)}`, 400],
    ['too large', `{"model":"${'x'.repeat(1024 * 1024)}"}`, 413],
  ])('%s: %#', async (_name, body, status) => {
    const response = await post(body as string);
    expect(response.status).toBe(status);
    expect(await errorOf(response)).toMatchObject({ type: 'invalid_request_error' });
    expect(response.headers.get('x-conversation-id')).toMatch(/^acme:/);
    await until(async () => (await inFlight()) === 0);
  });

  it('of another type or encoding are 415', async () => {
    expect((await post('a=b', { 'content-type': 'application/x-www-form-urlencoded' })).status).toBe(415);
    expect((await post(chat, { 'content-type': 'nonsense' })).status).toBe(415);
    expect((await post(chat, { 'content-encoding': 'gzip' })).status).toBe(415);
    await until(async () => (await inFlight()) === 0);
  });

  it('of 100 MB are cut at the limit, and the client hears why', async () => {
    const socket = await dial();
    socket.write(head({ 'transfer-encoding': 'chunked' }));
    const answered = text(socket);
    const piece = Buffer.alloc(64 * 1024, 0x20);
    let sent = 0;
    while (sent < 100 * 1024 * 1024 && socket.writable && !socket.readableEnded) {
      const frame = Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]);
      const more = socket.write(frame);
      sent += piece.length;
      if (!more) await Promise.race([new Promise((r) => socket.once('drain', r)), sleep(3_000)]);
      if (sent % (1024 * 1024) === 0) await sleep(1);
      if (socket.bytesRead > 0) break;
    }
    socket.end();
    const answer = await answered;
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('request_too_large');
    expect(answer.split('\r\n\r\n', 1)[0]?.toLowerCase()).toContain('connection: close');
    expect(sent).toBeLessThan(60 * 1024 * 1024);
    await until(async () => (await inFlight()) === 0);
  });

  it('announced as 100 MB are refused unread, and a client that goes on sending hears why', async () => {
    const socket = await dial();
    socket.pause();
    socket.write(head({ 'content-length': 100 * 1024 * 1024 }));
    for (let i = 0; i < 20; i++) {
      socket.write(Buffer.alloc(32 * 1024));
      await sleep(10);
    }
    const answer = text(socket);
    await until(() => socket.bytesRead > 0);
    socket.end();
    expect(await answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('from strangers are not read', async () => {
    const socket = await dial();
    socket.write('POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 100000000\r\n\r\n');
    await until(() => socket.bytesRead > 0);
    const unknown = await dial();
    unknown.write('POST /anything HTTP/1.1\r\nhost: x\r\ncontent-length: 100000000\r\n\r\n');
    await until(() => unknown.bytesRead > 0);
  });

  it('that never come are 408', async () => {
    const slow = await world.edge({ http: { headersMs: 100, requestMs: 200 } });
    const socket = await dial(slow);
    socket.write(`${head({ 'content-length': 100 })}{`);
    const answer = await text(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toContain('request_timeout');
    const headers = await dial(slow);
    headers.write('POST /v1/chat/completions HTTP/1.1\r\n');
    expect(await text(headers)).toMatch(/^HTTP\/1\.1 408 /);
    expect(await world.events('mesh.cancellations', 'CancelRequested')).toEqual([]);
  });
});

describe('HTTP', () => {
  it('a header bomb is 431', async () => {
    const socket = await dial();
    const answer = text(socket);
    socket.write(head({ 'x-bomb': 'x'.repeat(200_000) }));
    expect(await answer).toMatch(/^HTTP\/1\.1 431 .*headers_too_large/s);
  });

  it('what is not HTTP is 400', async () => {
    const socket = await dial();
    const answer = text(socket);
    socket.write('\x16\x03\x01 hello\r\n\r\n');
    expect(await answer).toMatch(/^HTTP\/1\.1 400 .*malformed_request/s);
  });

  it('headers that are not what they should be are 400', async () => {
    for (const timeout of ['0', '-1', 'soon', '1.5'])
      expect((await post(chat, { 'x-request-timeout-ms': timeout })).status).toBe(400);
    const response = await post(chat, { 'idempotency-key': 'x'.repeat(256) });
    expect(await errorOf(response)).toMatchObject({ code: 'invalid_header', param: 'idempotency-key' });
    expect(await world.events('mesh.requests', 'RequestReceived')).toEqual([]);
  });
});

describe('a client', () => {
  it('that hangs up cancels, once', async () => {
    world.behave((mesh) => mesh.permit());
    const socket = await dial();
    socket.write(request(chat));
    const [received] = await world.until('mesh.requests', 'RequestReceived', 1);
    socket.destroy();
    const [cancelled] = await world.until('mesh.cancellations', 'CancelRequested', 1);
    expect(cancelled).toMatchObject({
      key: received!.key,
      correlationId: received!.correlationId,
      causationId: received!.id,
      data: { reason: 'CLIENT_GONE' },
    });
    await until(async () => (await inFlight()) === 0);
    await sleep(50);
    expect(await world.events('mesh.cancellations', 'CancelRequested')).toHaveLength(1);
    expect(edge.logged.at(-1)).toMatchObject({ status: 499, ended: 'CLIENT_GONE' });
  });

  it('that hangs up in a stream cancels', async () => {
    world.behave(async (mesh) => {
      await mesh.permit();
      await mesh.chunk(0, chatChunk('a'));
    });
    const socket = await dial();
    socket.write(request({ ...chat, stream: true }));
    await until(() => socket.bytesRead > 0);
    socket.destroy();
    const [cancelled] = await world.until('mesh.cancellations', 'CancelRequested', 1);
    expect(cancelled?.data.reason).toBe('CLIENT_GONE');
  });

  it('that has its answer and hangs up cancels nothing', async () => {
    world.behave((mesh) => mesh.complete('{}'));
    const socket = await dial();
    socket.write(request(chat));
    await until(() => socket.bytesRead > 0);
    socket.destroy();
    await sleep(50);
    expect(await world.events('mesh.cancellations', 'CancelRequested')).toEqual([]);
  });

  it('that stops reading is cut off, and others are not', async () => {
    const payload = chatChunk('x'.repeat(256 * 1024));
    world.behave(async (mesh) => {
      await mesh.permit();
      if (!mesh.request.streaming) return mesh.complete(chatAnswer('Hi'));
      for (let i = 0; i < 60; i++) {
        await mesh.chunk(i, payload);
        await sleep(2);
      }
    });
    const socket = await dial();
    socket.pause();
    socket.write(request({ ...chat, stream: true }));
    await world.until('mesh.responses', 'ResponseChunk', 5);
    expect((await post(chat)).status).toBe(200);
    const [cancelled] = await world.until('mesh.cancellations', 'CancelRequested', 1);
    expect(cancelled?.data.reason).toBe('CLIENT_TOO_SLOW');
    await until(async () => (await inFlight()) === 0);
    expect(await world.events('mesh.cancellations', 'CancelRequested')).toHaveLength(1);
  });

  it('that reads slowly gets everything', async () => {
    edge = await world.edge({ times: { buffer: { bytes: 64 * 1024, patienceMs: 2_000 } } });
    const payload = chatChunk('x'.repeat(64 * 1024));
    world.behave(async (mesh) => {
      await mesh.permit();
      for (let i = 0; i < 100; i++) await mesh.chunk(i, payload);
      await mesh.complete('{}', { chunks: 100 });
    });
    const response = await post({ ...chat, stream: true });
    let length = 0;
    for await (const part of response.body!) {
      length += part.length;
      await sleep(1);
    }
    expect(length).toBe(100 * payload.length + 'data: [DONE]\n\n'.length);
  });
});

describe('time', () => {
  it('that runs out is 504, and cancels', async () => {
    const response = await post(chat, { 'x-request-timeout-ms': '100' });
    expect(response.status).toBe(504);
    expect(await errorOf(response)).toMatchObject({ code: 'deadline_exceeded' });
    const [received] = await world.events('mesh.requests', 'RequestReceived');
    expect(received!.data.request.deadline - received!.time).toBeLessThanOrEqual(100);
    const [cancelled] = await world.until('mesh.cancellations', 'CancelRequested', 1);
    expect(cancelled).toMatchObject({ correlationId: received!.correlationId, data: { reason: 'DEADLINE' } });
  });

  it('that runs out in a stream is said in it', async () => {
    world.behave(async (mesh) => {
      await mesh.permit();
      await mesh.chunk(0, chatChunk('a'));
    });
    const response = await post({ ...chat, stream: true }, { 'x-request-timeout-ms': '150' });
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('"code":"deadline_exceeded"');
    await world.until('mesh.cancellations', 'CancelRequested', 1);
  });

  it('is the configured one, at most the configured most', async () => {
    world.behave((mesh) => mesh.complete('{}'));
    await post(chat);
    await post(chat, { 'x-request-timeout-ms': '999999999' });
    const times = (await world.events('mesh.requests', 'RequestReceived')).map((e) => e.data.request.deadline - e.time);
    expect(times[0]).toBeGreaterThan(1_900);
    expect(times[0]).toBeLessThanOrEqual(2_000);
    expect(times[1]).toBeGreaterThan(9_900);
    expect(times[1]).toBeLessThanOrEqual(10_000);
  });
});

describe('too many requests in flight', () => {
  it('are turned away, of a credential with 429, of all with 503', async () => {
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    world.behave(async (mesh) => {
      await released;
      await mesh.complete('{}');
    });
    const held = [post(chat), post(chat)];
    await world.until('mesh.requests', 'RequestReceived', 2);
    const third = await post(chat);
    expect(third.status).toBe(429);
    expect(third.headers.get('retry-after')).toBe('1');
    const other = { authorization: `Bearer ${OTHER_KEY}` };
    held.push(post(chat, other));
    await world.until('mesh.requests', 'RequestReceived', 3);
    const fifth = await post(chat, other);
    expect(fifth.status).toBe(503);
    expect(fifth.headers.get('retry-after')).toBe('1');
    release();
    expect((await Promise.all(held)).map((r) => r.status)).toEqual([200, 200, 200]);
    await until(async () => (await inFlight()) === 0);
    expect((await post(chat)).status).toBe(200);
  });
});

describe('the log', () => {
  it('that cannot be reached is 503, and a request that may be in it is cancelled when it can be', async () => {
    world.cluster.unavailable = true;
    const response = await post(chat);
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('2');
    expect(await errorOf(response)).toMatchObject({ code: 'log_unavailable' });
    world.cluster.unavailable = false;
    const [cancelled] = await world.until('mesh.cancellations', 'CancelRequested', 1);
    expect(cancelled?.data.reason).toBe('APPEND_UNCONFIRMED');
    expect(cancelled?.correlationId).toBe(response.headers.get('x-request-id'));
  });

  it('that does not answer is 503 after the bound', async () => {
    const hanging = (log: Log): Log => ({ ...log, append: () => new Promise(() => {}) });
    const stuck = await world.edge({ times: { appendMs: 50 }, log: hanging });
    const response = await fetch(`${stuck.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify(chat),
    });
    expect(response.status).toBe(503);
  });

  it('that fails in another way is 500, and says nothing of it', async () => {
    const broken = (log: Log): Log => ({
      ...log,
      append: async () => {
        throw new RuntimeError('PARLEY_NOT_APPLIED', 'schema 17 at http://registry.internal is missing');
      },
    });
    const unlucky = await world.edge({ log: broken });
    const response = await fetch(`${unlucky.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify(chat),
    });
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('registry');
  });
});

describe('a poisoned record', () => {
  const poison = (
    topic: 'mesh.responses' | 'mesh.idempotency-keys',
    type: string,
    correlationId: string,
    key: string,
  ) =>
    Array.from({ length: topics[topic].partitions }, (_, partition) =>
      world.cluster.put({
        topic,
        partition,
        key: Buffer.from(key),
        value: Buffer.from('garbage'),
        headers: Object.fromEntries(
          Object.entries({
            ce_id: `poison-${partition}`,
            ce_type: `mesh.${type}`,
            ce_time: new Date().toISOString(),
            ce_correlationid: correlationId,
          }).map(([name, value]) => [name, Buffer.from(value)]),
        ),
        time: Date.now(),
      }),
    );

  it('among the answers is an error of its own call and of no other', async () => {
    world.behave(async (mesh) => {
      await mesh.permit();
      if (mesh.request.streaming) poison('mesh.responses', 'ResponseChunk', mesh.request.id, mesh.request.contextId);
      else await mesh.complete(chatAnswer('Hi'));
    });
    const poisoned = await post({ ...chat, stream: true });
    expect(poisoned.status).toBe(500);
    expect(await errorOf(poisoned)).toMatchObject({ code: 'internal_error' });
    expect((await post(chat)).status).toBe(200);
    await world.until('mesh.cancellations', 'CancelRequested', 1);
  });

  it('among the keys is passed over', async () => {
    world.behave((mesh) => mesh.permit().then(() => mesh.complete(chatAnswer('Hi'))));
    poison('mesh.idempotency-keys', 'IdempotencyKeyUsed', 'x', 'x');
    await sleep(20);
    edge = await world.edge();
    expect((await post(chat, { 'idempotency-key': 'k' })).status).toBe(200);
    expect((await post(chat, { 'idempotency-key': 'k' })).headers.get('idempotency-replayed')).toBe('true');
  });
});

describe('stopping', () => {
  it('lets what is in flight finish and takes nothing new', async () => {
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    world.behave(async (mesh) => {
      await released;
      await mesh.complete(chatAnswer('Hi'));
    });
    const held = post(chat);
    await world.until('mesh.requests', 'RequestReceived', 1);
    const stopped = edge.stop();
    const refused = await post(chat);
    expect(refused.status).toBe(503);
    expect(refused.headers.get('connection')).toBe('close');
    expect(await errorOf(refused)).toMatchObject({ code: 'stopping' });
    release();
    expect((await held).status).toBe(200);
    await stopped;
  });

  it('does not wait for ever, and cancels nothing: the conversation goes on', async () => {
    const held = post(chat);
    await world.until('mesh.requests', 'RequestReceived', 1);
    await edge.stop();
    // Had it waited for the answer, this would be 504.
    expect((await held).status).toBe(503);
    expect(await world.events('mesh.cancellations', 'CancelRequested')).toEqual([]);
  });
});
