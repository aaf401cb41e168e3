import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { derivedId, newId } from '../../runtime/event.ts';
import type { Event, Log } from '../../runtime/log.ts';
import { createMemoryLog } from '../../runtime/memory-log.ts';
import {
  chatAnswer,
  chatChunk,
  createWorld,
  type Edge,
  heldUp,
  KEY,
  meshOf,
  OTHER_KEY,
  type World,
} from './harness.ts';

const chat = { model: 'small', messages: [{ role: 'user' as const, content: 'Hello' }] };
const other = { model: 'small', messages: [{ role: 'user' as const, content: 'Bye' }] };
const stream = { ...chat, stream: true };

let world: World;
let edge: Edge;
beforeEach(async () => {
  world = await createWorld();
  edge = await world.edge();
});
afterEach(() => world.close());

const post = (body: unknown, headers: Record<string, string> = {}, at = edge, path = '/v1/chat/completions') =>
  fetch(at.url + path, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${KEY}`,
      'content-type': 'application/json',
      'idempotency-key': 'order-7',
      ...headers,
    },
    body: JSON.stringify(body),
  });

const requests = () => world.events('mesh.requests', 'RequestReceived');
const codeOf = async (response: Response) => ((await response.json()) as { error: { code: string } }).error.code;

/** A mesh that performs each request that reaches it, and counts them. */
const performing = () => {
  const performed: string[] = [];
  world.behave(async (mesh) => {
    await mesh.permit();
    performed.push(mesh.request.id);
    const content = `answer ${performed.length}`;
    if (!mesh.request.streaming) return mesh.complete(chatAnswer(content));
    await mesh.chunk(0, chatChunk('answer '));
    await mesh.chunk(1, chatChunk(String(performed.length)));
    await mesh.complete(chatAnswer(content), { chunks: 2 });
  });
  return performed;
};

describe('the same key and body', () => {
  it('gets the same answer, and nothing is called again', async () => {
    const performed = performing();
    const first = await post(chat);
    const second = await post(chat);
    expect(await second.text()).toBe(await first.text());
    expect(first.headers.get('idempotency-replayed')).toBeNull();
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect(second.headers.get('x-request-id')).toBe(first.headers.get('x-request-id'));
    expect(second.headers.get('x-conversation-id')).toBe(first.headers.get('x-conversation-id'));
    expect(performed).toHaveLength(1);
    expect(await requests()).toHaveLength(1);
    const [used] = await world.events('mesh.idempotency-keys', 'IdempotencyKeyUsed');
    expect(used).toMatchObject({ key: used?.data.scope, data: { requestId: performed[0] } });
    expect(JSON.stringify(used?.data)).not.toContain('order-7');
  });

  it('is nothing to another edge’s use of it', async () => {
    const performed = performing();
    await post(chat);
    const [used] = await world.until('mesh.idempotency-keys', 'IdempotencyKeyUsed', 1);
    const log = await createMemoryLog(world.cluster);
    const theirs = { ...used!.data, requestId: newId(), fingerprint: 'another' };
    await log.append([{ ...used!, id: newId(), source: 'edge-a2a', time: Date.now(), data: theirs }]);
    await log.close();
    await world.until('mesh.idempotency-keys', 'IdempotencyKeyUsed', 2);
    const again = await post(chat);
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true']);
    expect(performed).toHaveLength(1);
  });

  it('gets the same stream, event for event', async () => {
    const performed = performing();
    const first = await (await post(stream)).text();
    const second = await post(stream);
    expect(second.headers.get('content-type')).toContain('text/event-stream');
    expect(await second.text()).toBe(first);
    expect(performed).toHaveLength(1);
  });

  it('joins an answer that is under way', async () => {
    const finish = heldUp(world);
    const first = await post(stream);
    const second = await post(stream);
    finish();
    expect(await second.text()).toBe(`${chatChunk('a')}${chatChunk('b')}data: [DONE]\n\n`);
    expect(await first.text()).toContain('[DONE]');
    expect(await requests()).toHaveLength(1);
  });

  it('gets it from another replica', async () => {
    const performed = performing();
    const replica = await world.edge();
    const first = await (await post(chat)).text();
    await world.until('mesh.idempotency-keys', 'IdempotencyKeyUsed', 1);
    expect(await (await post(chat, {}, replica)).text()).toBe(first);
    expect(performed).toHaveLength(1);
  });

  it('gets it after the edge was killed in the middle', async () => {
    const finish = heldUp(world);
    const first = await post(stream);
    await edge.crash();
    await expect(first.text()).rejects.toThrow();
    finish();
    edge = await world.edge();
    expect(await (await post(stream)).text()).toBe(`${chatChunk('a')}${chatChunk('b')}data: [DONE]\n\n`);
    expect(await requests()).toHaveLength(1);
  });

  it('from another agent is another call', async () => {
    const performed = performing();
    await post(chat);
    await post(chat, { authorization: `Bearer ${OTHER_KEY}` });
    expect(performed).toHaveLength(2);
  });

  it('under another key, or none, is another call', async () => {
    const performed = performing();
    await post(chat);
    await post(chat, { 'idempotency-key': 'order-8' });
    expect(performed).toHaveLength(2);
    expect(new Set(performed).size).toBe(2);
  });
});

describe('the same key', () => {
  it('with another body is refused', async () => {
    const performed = performing();
    await post(chat);
    const refused = await post(other);
    expect(refused.status).toBe(409);
    expect(refused.headers.get('x-should-retry')).toBe('false');
    expect(await codeOf(refused)).toBe('idempotency_key_reused');
    expect(performed).toHaveLength(1);
    expect(await world.events('mesh.cancellations', 'CancelRequested')).toEqual([]);
  });

  it('with another conversation is refused', async () => {
    const performed = performing();
    const first = await post(chat);
    expect((await post(chat, { 'x-conversation-id': 'elsewhere' })).status).toBe(409);
    const same = await post(chat, { 'x-conversation-id': first.headers.get('x-conversation-id')! });
    expect(same.status).toBe(200);
    expect(performed).toHaveLength(1);
  });

  it('at another endpoint is refused', async () => {
    const performed = performing();
    const body = { model: 'small', input: 'x' };
    await post(body, {}, edge, '/v1/responses');
    expect((await post(body, {}, edge, '/v1/embeddings')).status).toBe(409);
    expect(performed).toHaveLength(1);
  });
});

describe('an earlier call that', () => {
  const twice = async (body: unknown = chat) => {
    const first = await post(body);
    const text = await first.text();
    const second = await post(body);
    return { first, text, second };
  };

  it('was denied is made again, under a new id, once it is allowed', async () => {
    world.behave((mesh) => mesh.deny());
    const denied = await post(chat);
    expect(denied.status).toBe(403);
    const performed = performing();
    const allowed = await post(chat);
    expect(allowed.status).toBe(200);
    expect(allowed.headers.get('idempotency-replayed')).toBeNull();
    expect(performed).toEqual([derivedId(denied.headers.get('x-request-id')!, 'again')]);
    const third = await post(chat);
    expect(await third.text()).toBe(await allowed.text());
    expect(third.headers.get('idempotency-replayed')).toBe('true');
    expect(performed).toHaveLength(1);
    expect((await post(other)).status).toBe(409);
  });

  it('was denied, denied again and then allowed is made a third time', async () => {
    world.behave((mesh) => mesh.deny());
    for (let i = 0; i < 3; i++) expect((await post(chat)).status).toBe(403);
    const performed = performing();
    await post(chat);
    edge = await world.edge();
    expect((await post(chat)).headers.get('idempotency-replayed')).toBe('true');
    expect(performed).toHaveLength(1);
    expect(await requests()).toHaveLength(4);
  });

  it('failed is made again where that does no harm', async () => {
    let failing = true;
    world.behave(async (mesh) => {
      await mesh.permit();
      if (failing) await mesh.fail({ reason: 'UPSTREAM_ERROR', status: 500 });
      else await mesh.complete('{}');
      failing = false;
    });
    const { first, second } = await twice();
    expect([first.status, second.status]).toEqual([500, 200]);
  });

  it('failed and may have done something is not made again', async () => {
    world.behave(async (mesh) => {
      await mesh.permit();
      await mesh.begin();
      await mesh.fail({ reason: 'OUTCOME_UNKNOWN', message: 'The edge went away.' });
    });
    const { first, text, second } = await twice({ ...chat, store: true });
    expect([first.status, second.status]).toEqual([502, 502]);
    expect(await second.text()).toBe(text);
    expect(await requests()).toHaveLength(1);
  });

  it('may have done something is made again, or said to have been done, once somebody has settled it', async () => {
    world.behave(async (mesh) => {
      await mesh.permit();
      await mesh.begin();
      await mesh.fail({ reason: 'OUTCOME_UNKNOWN', message: 'The edge went away.' });
    });
    const storing = { ...chat, store: true };
    expect((await post(storing)).status).toBe(502);
    const [received] = await requests();
    const settle = async (happened: boolean) => {
      const { id, key } = received!;
      const data = { requestId: id, happened, by: 'lead@acme.example', note: 'it is in the list' };
      const at = { id: newId(), source: 'configuration', time: Date.now(), causationId: id, traceparent: '' };
      const settled = { ...at, type: 'EffectSettled' as const, key: `${key}/${id}`, correlationId: id, data };
      await (await createMemoryLog(world.cluster)).append([settled]);
    };
    await settle(true);
    const told = await post(storing);
    expect(told.status).toBe(502);
    expect(told.headers.get('idempotency-replayed')).toBe('true');
    expect(await told.text()).toContain('took effect, as lead@acme.example found out: it is in the list');
    expect(await requests()).toHaveLength(1);
    await settle(false);
    const performed = performing();
    expect((await post(storing)).status).toBe(200);
    expect(performed).toHaveLength(1);
  });

  it('was cancelled before it was begun is made again, whatever it would have done', async () => {
    world.behave(async (mesh) => {
      await mesh.permit();
      await mesh.fail({ reason: 'CANCELLED' });
    });
    const first = await post({ ...chat, store: true });
    expect(first.status).toBe(499);
    const performed = performing();
    expect((await post({ ...chat, store: true })).status).toBe(200);
    expect(performed).toHaveLength(1);
  });

  it('was refused by the upstream is refused the same way', async () => {
    world.behave(async (mesh) => {
      await mesh.permit();
      await mesh.fail({
        reason: 'REQUEST_REFUSED',
        status: 400,
        body: Buffer.from('{"error":{"message":"No such voice."}}'),
      });
    });
    const { text, second } = await twice();
    expect(second.status).toBe(400);
    expect(await second.text()).toBe(text);
    expect(await requests()).toHaveLength(1);
  });

  it('was cancelled because its client went away is made again', async () => {
    world.behave((mesh) => mesh.permit());
    const gone = new AbortController();
    const hanging = fetch(`${edge.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', 'idempotency-key': 'order-7' },
      body: JSON.stringify(chat),
      signal: gone.signal,
    });
    const [received] = await world.until('mesh.requests', 'RequestReceived', 1);
    gone.abort();
    await expect(hanging).rejects.toThrow();
    await world.until('mesh.cancellations', 'CancelRequested', 1);
    const performed = performing();
    const again = post(chat);
    await sleep(30);
    // What the outbound edge says of a call that was cancelled.
    const log = await createMemoryLog(world.cluster);
    await meshOf(log, received!).fail({ reason: 'CANCELLED' });
    expect((await again).status).toBe(200);
    expect(performed).toHaveLength(1);
  });
});

describe('two edges with one key at the same time', () => {
  /** A log whose tail of keys comes late: the other edge's use is not known yet. */
  const behind =
    (ms: number) =>
    (log: Log): Log => ({
      ...log,
      tail: (topics, see, options) =>
        log.tail(
          topics,
          topics.includes('mesh.idempotency-keys') ? (record) => void setTimeout(() => see(record), ms) : see,
          options,
        ),
    });

  it('state the same request, which is performed once, and both answer it', async () => {
    const replica = await world.edge({ log: behind(300) });
    let finish = () => {};
    const rest = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const performed: string[] = [];
    world.behave(async (mesh) => {
      await mesh.permit();
      performed.push(mesh.request.id);
      await rest;
      await mesh.complete(chatAnswer('once'));
    });
    const both = Promise.all([post(chat), post(chat, {}, replica)]);
    const received = await world.until('mesh.requests', 'RequestReceived', 2);
    expect(new Set(received.map((r) => r.id)).size).toBe(1);
    finish();
    const [one, two] = await both;
    expect(await one.text()).toBe(await two.text());
    expect(performed).toHaveLength(1);
  });

  it('both answer it also where one comes when it is over', async () => {
    const replica = await world.edge({ log: behind(100) });
    const performed = performing();
    const first = await (await post(chat)).text();
    const second = await post(chat, {}, replica);
    expect(await second.text()).toBe(first);
    expect(performed).toHaveLength(1);
    expect(await requests()).toHaveLength(2);
  });

  it('and two bodies: the one that was let through is answered, the other refused', async () => {
    const replica = await world.edge({ log: behind(300) });
    let finish = () => {};
    const rest = new Promise<void>((resolve) => {
      finish = resolve;
    });
    world.behave(async (mesh) => {
      await rest;
      await mesh.permit();
      await mesh.complete(chatAnswer('once'));
    });
    const first = post(chat);
    await world.until('mesh.requests', 'RequestReceived', 1);
    const second = post(other, {}, replica);
    await world.until('mesh.requests', 'RequestReceived', 2);
    finish();
    expect((await first).status).toBe(200);
    expect((await second).status).toBe(409);
    expect(await world.events('mesh.cancellations', 'CancelRequested')).toEqual([]);
  });
});

describe('a log that fails', () => {
  it('leaves no key behind that names nothing', async () => {
    const performed = performing();
    world.cluster.unavailable = true;
    expect((await post(chat)).status).toBe(503);
    world.cluster.unavailable = false;
    expect((await post(chat)).status).toBe(200);
    expect(performed).toHaveLength(1);
  });

  it('leaves an earlier call that it names in its place', async () => {
    world.behave((mesh) => mesh.deny());
    expect((await post(chat)).status).toBe(403);
    world.cluster.unavailable = true;
    expect((await post(chat)).status).toBe(503);
    world.cluster.unavailable = false;
    const performed = performing();
    expect((await post(chat)).status).toBe(200);
    expect(performed).toHaveLength(1);
  });

  it('and has the key but not the request is mended by the next call', async () => {
    const performed = performing();
    const first = await post(chat);
    const [used] = await world.events('mesh.idempotency-keys', 'IdempotencyKeyUsed');
    const requestId = derivedId(used!.data.requestId, 'again');
    const lost: Event<'IdempotencyKeyUsed'> = {
      id: newId(),
      type: 'IdempotencyKeyUsed',
      source: 'edge-llm',
      key: used!.key,
      time: Date.now() - 20_000,
      correlationId: requestId,
      causationId: requestId,
      traceparent: '',
      data: { ...used!.data, requestId },
    };
    await (await createMemoryLog(world.cluster)).append([lost]);
    await sleep(20);
    const second = await post(chat);
    expect(first.status).toBe(200);
    expect(second.status).toBe(200);
    expect(second.headers.get('x-request-id')).toBe(requestId);
    expect(performed).toHaveLength(2);
  });
});
