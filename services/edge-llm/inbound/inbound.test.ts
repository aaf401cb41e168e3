import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { actorToken } from '../../runtime/edge/actor-token.ts';
import { signing } from '../../runtime/signing-for-tests.ts';
import { chatAnswer, chatChunk, createWorld, type Edge, heldUp, KEY, OTHER_KEY, type World } from './harness.ts';

const chat = { model: 'small', messages: [{ role: 'user' as const, content: 'Hello' }] };

let world: World;
let edge: Edge;
beforeEach(async () => {
  world = await createWorld();
  edge = await world.edge();
});
afterEach(() => world.close());

const post = (body: unknown, headers: Record<string, string> = {}, path = '/v1/chat/completions') =>
  fetch(edge.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
  });

const errorOf = async (response: Response) => ((await response.json()) as { error: Record<string, unknown> }).error;

describe('a call', () => {
  it('is stated, and answered with what the mesh says, byte for byte', async () => {
    const whole = chatAnswer('Hi');
    world.behave(async (mesh) => {
      await mesh.permit();
      await mesh.complete(whole, { headers: { 'content-type': 'application/json; charset=utf-8', 'x-up': 'stream' } });
    });
    const response = await post(chat, { 'openai-beta': 'x', 'x-secret': 'y' });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(whole);
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(response.headers.get('x-up')).toBe('stream');
    const [received] = await world.events('mesh.requests', 'RequestReceived');
    const { request } = received!.data;
    expect(response.headers.get('x-request-id')).toBe(request.id);
    expect(response.headers.get('x-conversation-id')).toBe(request.contextId);
    expect(request).toMatchObject({
      subject: {
        tenant: 'acme',
        unit: 'research',
        agent: 'agent-first',
        person: 'first@example.com',
        credential: 'first',
        actors: [],
      },
      action: 'model.chat',
      resource: { type: 'model', id: 'small' },
      protocol: 'openai.chat',
      streaming: false,
      repeatable: true,
      headers: { 'openai-beta': 'x' },
    });
    expect(request.message.toString()).toBe(JSON.stringify(chat));
    expect(received).toMatchObject({ key: request.contextId, correlationId: request.id, source: 'edge-llm' });
    expect(request.deadline).toBeGreaterThan(Date.now() + 4_000);
    expect(await world.events('mesh.cancellations', 'CancelRequested')).toEqual([]);
  });

  it('is what an unmodified client expects', async () => {
    world.behave(async (mesh) => {
      await mesh.permit();
      if (mesh.request.protocol === 'openai.embeddings')
        await mesh.complete(JSON.stringify({ object: 'list', data: [{ embedding: [1, 2], index: 0 }] }));
      else if (mesh.request.protocol === 'openai.responses')
        await mesh.complete(JSON.stringify({ id: 'resp_1', object: 'response', output: [] }));
      else await mesh.complete(chatAnswer('Hi'));
    });
    const { client } = edge;
    expect((await client.chat.completions.create(chat)).choices[0]?.message.content).toBe('Hi');
    expect((await client.responses.create({ model: 'small', input: 'Hello' })).id).toBe('resp_1');
    const embeddings = await client.embeddings.create({ model: 'small', input: 'x', encoding_format: 'float' });
    expect(embeddings.data[0]?.embedding).toEqual([1, 2]);
    const actions = (await world.events('mesh.requests', 'RequestReceived')).map((e) => e.data.request.action);
    expect(actions).toEqual(['model.chat', 'model.respond', 'model.embed']);
  });

  it("carries the caller's trace", async () => {
    world.behave((mesh) => mesh.complete('{}'));
    const trace = '0af7651916cd43dd8448eb211c80319c';
    await post(chat, { traceparent: `00-${trace}-b7ad6b7169203331-01` });
    const [received] = await world.events('mesh.requests', 'RequestReceived');
    expect(received?.traceparent).toContain(trace);
    expect(edge.logged[0]).toMatchObject({ msg: 'call', trace, status: 200, ended: 'ResponseCompleted' });
  });

  it('is logged once and counted, without its body or its key', async () => {
    world.behave((mesh) => mesh.complete(chatAnswer('secret answer')));
    await (await post({ ...chat, messages: [{ role: 'user', content: 'secret question' }] })).text();
    const lines = edge.logged.filter((line) => line.msg === 'call');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ credential: 'first', protocol: 'openai.chat', model: 'small', status: 200 });
    expect(JSON.stringify(edge.logged)).not.toMatch(/secret|sk-parley/);
    const metrics = await edge.metrics.registry.metrics();
    expect(metrics).toContain('parley_requests_total{protocol="openai.chat",status="200"} 1');
    expect(metrics).toContain('parley_requests_in_flight{protocol="openai.chat"} 0');
    expect(metrics).toContain('parley_time_to_first_byte_seconds_count{protocol="openai.chat",streaming="false"} 1');
  });
});

describe('a stream', () => {
  const stream = { ...chat, stream: true as const };

  it('comes in order, once each, and ends with [DONE]', async () => {
    world.behave(async (mesh) => {
      await mesh.permit();
      await mesh.chunk(0, chatChunk('a'));
      await mesh.chunk(0, chatChunk('a'));
      await mesh.chunk(1, chatChunk('b'));
      await mesh.chunk(0, chatChunk('again'), 2);
      await mesh.chunk(2, chatChunk('c'));
      await mesh.complete(chatAnswer('abc'), { chunks: 3 });
    });
    const response = await post(stream);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('no-cache');
    expect(response.headers.get('x-accel-buffering')).toBe('no');
    expect(await response.text()).toBe(`${chatChunk('a')}${chatChunk('b')}${chatChunk('c')}data: [DONE]\n\n`);
  });

  it('shows its first part before the rest is there', async () => {
    const goOn = heldUp(world);
    const parts: string[] = [];
    for await (const part of await edge.client.chat.completions.create(stream)) {
      parts.push(part.choices[0]?.delta.content ?? '');
      goOn();
    }
    expect(parts).toEqual(['a', 'b']);
  });

  it('of responses ends with its own last event', async () => {
    const last = 'event: response.completed\ndata: {"type":"response.completed","response":{}}\n\n';
    world.behave(async (mesh) => {
      await mesh.permit();
      await mesh.chunk(0, last);
      await mesh.complete('{}', { chunks: 1 });
    });
    const response = await post({ model: 'small', input: 'x', stream: true }, {}, '/v1/responses');
    expect(await response.text()).toBe(last);
  });

  it('that fails before it begins is an ordinary error', async () => {
    world.behave((mesh) => mesh.fail({ reason: 'FIRST_BYTE_TIMEOUT', message: 'It took too long.' }));
    const response = await post(stream);
    expect(response.status).toBe(504);
    expect(await errorOf(response)).toMatchObject({ code: 'upstream_timeout', type: 'server_error' });
  });

  it('that fails in the middle says so in the stream, where the clients look', async () => {
    world.behave(async (mesh) => {
      await mesh.permit();
      await mesh.chunk(0, chatChunk('a'));
      await mesh.fail({ reason: 'CONNECTION_LOST', message: 'It went away.' }, 1);
    });
    const text = await (await post(stream)).text();
    expect(text).toBe(
      `${chatChunk('a')}data: ${JSON.stringify({ error: { message: 'It went away.', type: 'server_error', param: null, code: 'upstream_connection_lost' } })}\n\n`,
    );
    const parts: unknown[] = [];
    const heard = async () => {
      for await (const part of await edge.client.chat.completions.create(stream)) parts.push(part);
    };
    await expect(heard()).rejects.toThrow('It went away.');
    expect(parts).toHaveLength(1);
    const responses = async () => {
      for await (const part of await edge.client.responses.create({ model: 'small', input: 'x', stream: true }))
        parts.push(part);
    };
    await expect(responses()).rejects.toThrow('It went away.');
  });

  it('with a part missing, or without parts, is an error', async () => {
    world.behave(async (mesh) => {
      await mesh.permit();
      await mesh.chunk(0, chatChunk('a'));
      await mesh.chunk(2, chatChunk('c'));
    });
    expect(await (await post(stream)).text()).toContain('upstream_bad_response');
    world.behave((mesh) => mesh.complete('{}', { chunks: 0 }));
    expect((await post(stream)).status).toBe(502);
  });
});

describe('errors of the mesh', () => {
  it('a refusal, no target and a failure come with their status and ids', async () => {
    world.behave((mesh) => mesh.deny());
    const denied = await post(chat);
    expect(denied.status).toBe(403);
    expect(await errorOf(denied)).toMatchObject({ code: 'permission_denied', message: 'Not on Sundays.' });
    expect(denied.headers.get('x-conversation-id')).toMatch(/^acme:/);
    expect(denied.headers.get('x-request-id')).toBeTruthy();
    world.behave((mesh) => mesh.deny('RESOURCE_UNKNOWN'));
    await expect(edge.client.chat.completions.create(chat)).rejects.toThrow(OpenAI.NotFoundError);
    world.behave((mesh) => mesh.unroutable({ reason: 'BREAKERS_OPEN', attempts: 0 }));
    const open = await post(chat);
    expect(open.status).toBe(503);
    expect(open.headers.get('retry-after')).toBe('5');
  });

  it("an upstream's error comes through verbatim", async () => {
    const body = '{"error": {"message":"Slow down","type":"tokens","param":null,"code":"rate_limit_exceeded", "x":1}}';
    world.behave((mesh) =>
      mesh.fail({
        reason: 'RATE_LIMITED',
        status: 429,
        retryAfterMs: 1_500,
        headers: { 'x-ratelimit-remaining': '0' },
        body: Buffer.from(body),
      }),
    );
    const response = await post(chat);
    expect(response.status).toBe(429);
    expect(await response.text()).toBe(body);
    expect(response.headers.get('x-ratelimit-remaining')).toBe('0');
    expect(response.headers.get('retry-after')).toBe('2');
  });
});

describe('conversations', () => {
  beforeEach(() => world.behave((mesh) => mesh.complete('{}')));
  const conversation = async (id: string | undefined, key = KEY) => {
    const headers = { authorization: `Bearer ${key}`, ...(id === undefined ? {} : { 'x-conversation-id': id }) };
    const response = await post(chat, headers);
    return response.headers.get('x-conversation-id') ?? String(response.status);
  };

  it('are given or made, and are their own tenant’s', async () => {
    expect(await conversation('order-7')).toBe('acme:order-7');
    expect(await conversation('acme:order-7')).toBe('acme:order-7');
    expect(await conversation('acme:order-7', OTHER_KEY)).toBe('globex:acme:order-7');
    expect(await conversation(undefined)).toMatch(/^acme:[0-9a-f-]{36}$/);
    expect(await conversation(undefined)).not.toBe(await conversation(undefined));
    const [first] = await world.events('mesh.requests', 'RequestReceived');
    expect(first?.key).toBe('acme:order-7');
  });

  it('have ids of a kind', async () => {
    expect(await conversation('x'.repeat(128))).toBe(`acme:${'x'.repeat(128)}`);
    for (const bad of ['x'.repeat(129), 'a b', 'a/b', 'a,b']) expect(await conversation(bad)).toBe('400');
  });
});

describe('a call in the course of a task', () => {
  const actor = {
    agent: 'agent-first',
    person: 'lead@example.com',
    actors: ['front'],
    contextId: 'c-1',
    taskId: 't-1',
  };
  const given = (changes: Partial<typeof actor> = {}) => {
    const now = Date.now();
    return actorToken(signing.signJwt, { ...actor, ...changes }, { now, expiresAt: now + 60_000 });
  };

  it('is made for the person behind the task, through the agents before, and belongs to its conversation', async () => {
    world.behave((mesh) => mesh.complete(chatAnswer('yes')));
    expect((await post(chat, { 'x-parley-actor': await given() })).status).toBe(200);
    const [received] = await world.events('mesh.requests', 'RequestReceived');
    const subject = { agent: 'agent-first', person: 'lead@example.com', actors: ['front'] };
    expect(received).toMatchObject({
      key: 'c-1',
      data: { request: { contextId: 'c-1', parentTaskId: 't-1', subject } },
    });
  });

  it('cannot be claimed by another agent, nor made up', async () => {
    for (const token of [await given({ agent: 'agent-other' }), 'made.up.token']) {
      const refused = await post(chat, { 'x-parley-actor': token });
      expect(refused.status).toBe(400);
      expect(await errorOf(refused)).toMatchObject({ code: 'invalid_header', param: 'x-parley-actor' });
    }
    expect(await world.events('mesh.requests', 'RequestReceived')).toEqual([]);
  });
});

describe('models', () => {
  it('are those of the configuration', async () => {
    const list = await edge.client.models.list();
    expect(list.data.map((m) => m.id)).toEqual(['small', 'org/large']);
    expect(await edge.client.models.retrieve('small')).toMatchObject({ id: 'small', object: 'model' });
    expect((await edge.client.models.retrieve('org/large')).id).toBe('org/large');
    const unknown = edge.client.models.retrieve('nope');
    await expect(unknown).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  });
  it('are not for strangers', async () => {
    expect((await fetch(`${edge.url}/v1/models`)).status).toBe(401);
  });
});

describe('what is not served', () => {
  it('is 404 or 405 in OpenAI’s form', async () => {
    const unknown = await fetch(`${edge.url}/v1/files`, { method: 'POST', body: '{}' });
    expect(unknown.status).toBe(404);
    expect(await errorOf(unknown)).toMatchObject({ code: 'unknown_url', type: 'invalid_request_error' });
    const wrong = await fetch(`${edge.url}/v1/chat/completions`);
    expect(wrong.status).toBe(405);
    expect(wrong.headers.get('allow')).toBe('POST');
    expect(await errorOf(wrong)).toMatchObject({ code: 'method_not_supported' });
    expect((await fetch(`${edge.url}/v1/models/small`, { method: 'DELETE' })).status).toBe(405);
    const malformed = await fetch(`${edge.url}/v1/%zz`);
    expect(malformed.status).toBe(400);
    expect(await errorOf(malformed)).toMatchObject({ type: 'invalid_request_error' });
  });
});
