import { connect } from 'node:net';
import { AgentCard, verifyAgentCardSignature } from '@a2a-js/sdk';
import { request } from 'undici';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { actorToken } from '../../runtime/edge/actor-token.ts';
import { createWorld, KEY, OTHER_KEY, requestIn, type World } from './harness.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

/** When to give up; Vitest does after a second. */
const patient = { timeout: 15_000 };
const json = { 'content-type': 'application/json', 'a2a-version': '1.0' };
const keyed = { ...json, authorization: `Bearer ${KEY}` };

const post = async (path: string, body: string | ReadableStream, headers: Record<string, string> = keyed) => {
  const answered = await fetch(world.url + path, { method: 'POST', headers, body, duplex: 'half' } as RequestInit);
  return { status: answered.status, headers: answered.headers, body: JSON.parse(await answered.text()) };
};
const get = async (path: string, headers: Record<string, string> = keyed) => {
  const answered = await fetch(world.url + path, { headers });
  return { status: answered.status, headers: answered.headers, body: JSON.parse((await answered.text()) || 'null') };
};
const rpc = (method: string, params: unknown) => JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
const message = (text: string, more: object = {}) => ({
  message: { messageId: 'm', role: 'ROLE_USER', parts: [{ text }], ...more },
});

describe('who may come in', () => {
  it.each([
    ['no key', {}, 'Bearer realm="parley"'],
    ['a wrong key', { authorization: 'Bearer sk-wrong' }, 'Bearer realm="parley", error="invalid_token"'],
    ['a revoked key', { authorization: 'Bearer sk-revoked' }, 'Bearer realm="parley", error="invalid_token"'],
  ])('answers %s with 401 in the form of each binding', async (_, headers, challenge) => {
    const one = await post('/a2a/helper', rpc('GetTask', { id: 'x' }), { ...json, ...headers });
    expect([one.status, one.headers.get('www-authenticate')]).toEqual([401, challenge]);
    expect(one.body).toMatchObject({ jsonrpc: '2.0', id: null, error: { code: -32000, data: [{ domain: 'parley' }] } });
    const other = await get('/a2a/helper/tasks/x', { ...json, ...headers });
    expect([other.status, other.headers.get('www-authenticate')]).toEqual([401, challenge]);
    expect(other.body.error).toMatchObject({ code: 401, status: 'UNAUTHENTICATED' });
    expect(await world.events('mesh.requests', 'AuthenticationFailed')).toHaveLength(2);
    expect(JSON.stringify([one.body, other.body, world.logged])).not.toContain('sk-wrong');
  });

  it('says so in gRPC as UNAUTHENTICATED, and of an unknown agent NOT_FOUND', async () => {
    const stranger = await world.client('GRPC', { key: 'sk-wrong' });
    await expect(stranger.getTask({ tenant: '', id: 'x' })).rejects.toMatchObject({ status: 16 });
    const client = await world.client('GRPC');
    await expect(client.getTask({ tenant: 'nobody', id: 'x' })).rejects.toMatchObject({ status: 5 });
  });

  it('takes the person and the actors from a token that the mesh gave to this very agent', async () => {
    world.behave(({ answer }) => answer('done'));
    const said = { person: 'owner@example.com', actors: ['chief'], contextId: 'conversation', taskId: 'parent' };
    const times = { now: Date.now(), expiresAt: Date.now() + 60_000 };
    const token = await actorToken(world.signing.signJwt, { agent: 'agent-first', ...said }, times);
    const send = (headers: Record<string, string>) =>
      post('/a2a/helper/message:send', JSON.stringify(message('hi')), { ...headers, 'x-parley-actor': token });
    expect((await send(keyed)).status).toBe(200);
    expect(requestIn(await world.events('mesh.requests', 'RequestReceived'))).toMatchObject({
      contextId: 'conversation',
      parentTaskId: 'parent',
      subject: { agent: 'agent-first', person: 'owner@example.com', actors: ['chief'] },
    });
    const forged = await send({ ...json, authorization: `Bearer ${OTHER_KEY}` });
    expect([forged.status, forged.body.error.status]).toEqual([401, 'UNAUTHENTICATED']);
  });

  it('lets calls in one after the other where one may be in flight, over gRPC too', async () => {
    await world.close();
    world = await createWorld({ limits: { requestsInFlightPerCredential: 1 } });
    const client = await world.client('GRPC');
    for (let i = 0; i < 3; i++)
      await expect(client.getTask({ tenant: '', id: 'x' })).rejects.toMatchObject({ status: 5 });
    world.behave(({ begin }) => begin('WORKING'));
    const parts = [
      { content: { $case: 'text' as const, value: 'x' }, mediaType: '', filename: '', metadata: undefined },
    ];
    const asked = { messageId: 'm', role: 1, parts, contextId: '', taskId: '', extensions: [], referenceTaskIds: [] };
    const given = { tenant: '', configuration: undefined, metadata: undefined };
    const stream = client.sendMessageStream({ ...given, message: { ...asked, metadata: undefined } });
    await stream.next();
    await expect(client.getTask({ tenant: '', id: 'x' })).rejects.toMatchObject({ status: 8 });
    await stream.return();
    await vi.waitUntil(() => client.getTask({ tenant: '', id: 'x' }).catch(({ status }) => status === 5), patient);
  });

  it('turns away more than may be in flight, and lets others in when those have left', async () => {
    await world.close();
    world = await createWorld({ limits: { requestsInFlightPerCredential: 1 } });
    world.behave(({ begin }) => begin('WORKING'));
    const leaving = new AbortController();
    const headers = keyed;
    const body = JSON.stringify(message('wait'));
    const held = fetch(`${world.url}/a2a/helper/message:send`, {
      method: 'POST',
      headers,
      body,
      signal: leaving.signal,
    });
    await vi.waitUntil(async () => (await world.events('mesh.requests', 'RequestReceived')).length === 1, patient);
    const crowded = await get('/a2a/helper/tasks');
    expect([crowded.status, crowded.body.error.status]).toEqual([429, 'RESOURCE_EXHAUSTED']);
    leaving.abort();
    await expect(held).rejects.toThrow();
    await vi.waitUntil(async () => (await get('/a2a/helper/tasks')).status === 200, patient);
    expect(await world.events('mesh.cancellations', 'CancelRequested')).toHaveLength(0);
    expect(await world.events('mesh.cancellations', 'TaskCancelRequested')).toHaveLength(0);
  });
});

describe('what is sent', () => {
  it('may name no agent that there is not', async () => {
    for (const agent of ['nobody', 'helper%2f', '..%2fhelper', 'a'.repeat(300), '__proto__']) {
      const { status, body } = await post(`/a2a/${agent}`, rpc('GetTask', { id: 'x' }));
      expect([agent, status, body.error.code]).toEqual([agent, 404, -32000]);
    }
    const { status, body } = await get('/a2a/nobody/tasks');
    expect([status, body.error.status]).toEqual([404, 'NOT_FOUND']);
    expect((await get('/a2a/%E0%A4%A/tasks')).status).toBe(400);
  });

  it.each([
    ['{"jsonrpc":', -32700],
    ['', -32600],
    ['[]', -32600],
    ['{"jsonrpc":"1.0","id":1,"method":"GetTask","params":{}}', -32600],
    ['{"jsonrpc":"2.0","id":{},"method":"GetTask","params":{}}', -32600],
    ['{"jsonrpc":"2.0","id":1,"params":{}}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"Dance","params":{}}', -32601],
    ['{"jsonrpc":"2.0","id":1,"method":"GetTask","params":[]}', -32602],
    ['{"jsonrpc":"2.0","id":1,"method":"GetTask","params":{}}', -32602],
    ['{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{}}', -32602],
    ['{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{"message":{"messageId":"m"}}}', -32602],
    ['{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{"message":{"messageId":"m","parts":[{}]}}}', -32602],
    ['{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{"message":{"messageId":"m","parts":[null]}}}', -32603],
    [
      '{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{"message":{"messageId":"m","parts":[{"text":"x"}],"role":"ROLE_KING"}}}',
      -32602,
    ],
    ['{"jsonrpc":"2.0","id":1,"method":"GetTask","params":{"id":"x","historyLength":-1}}', -32602],
    ['{"jsonrpc":"2.0","id":1,"method":"ListTasks","params":{"pageSize":0}}', -32602],
    ['{"jsonrpc":"2.0","id":1,"method":"ListTasks","params":{"status":"DANCING"}}', -32602],
    ['{"jsonrpc":"2.0","id":1,"method":"ListTasks","params":{"statusTimestampAfter":"soon"}}', -32602],
    ['{"jsonrpc":"2.0","id":1,"method":"GetExtendedAgentCard"}', -32004],
  ])('%s over JSON-RPC is %s', async (body, code) => {
    const answered = await post('/a2a/helper', body);
    expect([answered.status, answered.body.error.code]).toEqual([200, code]);
    expect(await world.events('mesh.requests', 'RequestReceived')).toHaveLength(0);
  });

  it('may be broken over REST too', async () => {
    for (const body of ['{"message":', 'null', '[]', '{"message":{"parts":[{"text":"x"}]}}']) {
      const { status, body: said } = await post('/a2a/helper/message:send', body);
      expect([body, status, said.error.status]).toEqual([body, 400, 'INVALID_ARGUMENT']);
    }
  });

  it('has a version and a type that are served', async () => {
    const asked = rpc('GetTask', { id: 'x' });
    const future = await post('/a2a/helper', asked, { ...keyed, 'a2a-version': '99.0' });
    expect(future.body.error.code).toBe(-32009);
    expect((await get('/a2a/helper/tasks/x', { ...keyed, 'a2a-version': '99.0' })).status).toBe(400);
    const plain = await post('/a2a/helper', asked, { ...keyed, 'content-type': 'text/plain' });
    expect(plain.body.error.code).toBe(-32005);
    expect((await post('/a2a/helper/message:send', 'x', { ...keyed, 'content-type': 'text/plain' })).status).toBe(400);
  });

  it('is served nowhere else', async () => {
    expect(await get('/a2a/helper/nowhere/at/all')).toMatchObject({
      status: 404,
      body: { error: { status: 'NOT_FOUND' } },
    });
    expect(await get('/a2a/helper')).toMatchObject({ status: 404, body: { error: { status: 'NOT_FOUND' } } });
    const patched = await fetch(`${world.url}/a2a/helper/tasks`, { method: 'PATCH', headers: keyed });
    expect(patched.status).toBe(404);
  });

  it('is not larger than the configuration says, whether or not it says how large it is', async () => {
    const large = rpc('SendMessage', message('x'.repeat(1_100_000)));
    const declared = await post('/a2a/helper', large);
    expect([declared.status, declared.body.error.code]).toEqual([413, -32000]);
    const chunks = new ReadableStream({
      start: (controller) => {
        for (let i = 0; i < 20; i++) controller.enqueue(Buffer.alloc(100_000, 0x20));
        controller.close();
      },
    });
    const chunked = await post('/a2a/helper/message:send', chunks);
    expect([chunked.status, chunked.body.error.status]).toEqual([413, 'INVALID_ARGUMENT']);
    // Larger than what the SDK would read by itself.
    world.behave(({ answer }) => answer('done'));
    expect((await post('/a2a/helper', rpc('SendMessage', message('x'.repeat(500_000))))).body.result).toBeDefined();
  });

  it('is not nested without end', async () => {
    const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
    const body = `{"message":{"messageId":"m","role":"ROLE_USER","parts":[{"data":${deep}}]}}`;
    const { status, body: said } = await post('/a2a/helper/message:send', body);
    expect([status, said.error.message]).toEqual([400, expect.stringContaining('nested')]);
  });

  it('does not pass the client’s push secrets on to the agent, and forgets them where no task came of it', async () => {
    world.behave(({ answer }) => answer('done'));
    const taskPushNotificationConfig = { url: 'https://client.example/', token: 'secret-token' };
    await post('/a2a/helper', rpc('SendMessage', { ...message('hi'), configuration: { taskPushNotificationConfig } }));
    const [received] = await world.events('mesh.requests', 'RequestReceived');
    expect(received!.value.includes('secret-token')).toBe(false);
    const [set] = await world.events('mesh.push-configurations', 'PushConfigurationSet');
    const [deleted] = await world.events('mesh.push-configurations', 'PushConfigurationDeleted');
    expect(deleted!.key).toBe(set!.key);
  });

  it('leaves no word on the console', async () => {
    const said = vi.spyOn(process.stderr, 'write');
    const printed = vi.spyOn(process.stdout, 'write');
    await post('/a2a/helper', rpc('SubscribeToTask', { id: 'x' }));
    await post('/a2a/helper', rpc('GetTask', { id: 'x' }), { ...keyed, 'a2a-version': '99.0' });
    expect([...said.mock.calls, ...printed.mock.calls]).toEqual([]);
    vi.restoreAllMocks();
    expect(world.logged.some(({ msg }) => msg === 'the A2A SDK says')).toBe(true);
  });
});

describe('cards', () => {
  it('are signed by the mesh, need no key, and are known again by their tag', async () => {
    const { status, headers, body } = await get('/a2a/helper/.well-known/agent-card.json', {});
    expect([status, body.name]).toEqual([200, 'The helper']);
    expect(body.supportedInterfaces).toMatchObject([
      { url: `${world.url}/a2a/helper`, protocolBinding: 'JSONRPC', protocolVersion: '1.0' },
      { url: `${world.url}/a2a/helper`, protocolBinding: 'HTTP+JSON', protocolVersion: '1.0' },
      { protocolBinding: 'GRPC', protocolVersion: '1.0', tenant: 'helper' },
      { protocolBinding: 'JSONRPC', protocolVersion: '0.3' },
      { protocolBinding: 'HTTP+JSON', protocolVersion: '0.3' },
      { protocolBinding: 'GRPC', protocolVersion: '0.3' },
    ]);
    expect(body.capabilities).toMatchObject({ streaming: true, pushNotifications: true });
    expect(body.capabilities.extensions).toHaveLength(1);
    expect(body.securitySchemes).toEqual({
      bearer: { httpAuthSecurityScheme: { description: expect.any(String), scheme: 'Bearer' } },
    });
    const { body: keys } = await get('/.well-known/jwks.json', {});
    const verify = verifyAgentCardSignature(async (kid) => keys.keys.find((key: { kid: string }) => key.kid === kid));
    await verify(AgentCard.fromJSON(body));
    // Not with fetch: it says no-cache where a tag is given.
    const again = await request(`${world.url}/.well-known/agent-card.json`, {
      headers: { 'if-none-match': headers.get('etag')! },
    });
    expect([again.statusCode, await again.body.text()]).toEqual([304, '']);
    expect((await get('/.well-known/agent-card.json', {})).body).toEqual(body);
  });

  it('are there for clients of 0.3', async () => {
    for (const [path, headers] of [
      ['/.well-known/agent-card.json', { 'a2a-version': '0.3' }],
      ['/.well-known/agent.json', {}],
    ] as const) {
      const { body } = await get(path, headers as Record<string, string>);
      expect(body).toMatchObject({
        protocolVersion: '0.3',
        url: `${world.url}/a2a/helper`,
        preferredTransport: 'JSONRPC',
      });
    }
  });

  it('are none of agents that have published none, or that there are not', async () => {
    expect(await get('/a2a/silent/.well-known/agent-card.json', {})).toMatchObject({ status: 404 });
    expect(await get('/a2a/nobody/.well-known/agent-card.json', {})).toMatchObject({ status: 404 });
    world.configuration.current = {
      ...world.configuration.current!,
      a2a: { ...world.configuration.current!.a2a, rootAgent: null },
    };
    expect(await get('/.well-known/agent-card.json', {})).toMatchObject({
      status: 404,
      body: { error: { status: 'NOT_FOUND' } },
    });
  });

  it('are listed of the agents that the caller may send to', async () => {
    expect((await get('/a2a', json)).status).toBe(401);
    const { body } = await get('/a2a');
    expect(body.agents.map(({ agent }: { agent: string }) => agent)).toEqual(['helper', 'silent']);
    expect(body.agents[0]).toMatchObject({
      name: 'The helper',
      skills: [{ id: 'help' }],
      cardUrl: `${world.url}/a2a/helper/.well-known/agent-card.json`,
    });
  });
});

describe('much', () => {
  it('takes two thousand messages to one task', async () => {
    world.behave(async ({ begin, status }) => {
      await begin();
      await status('INPUT_REQUIRED', 'More?');
    });
    const first = await post('/a2a/helper/message:send', JSON.stringify(message('begin')));
    const { id: taskId } = first.body.task;
    const configuration = { historyLength: 1 };
    for (let i = 0; i < 2_000; i += 100)
      await Promise.all(
        Array.from({ length: 100 }, async (_, j) => {
          const sent = { ...message('more', { taskId, messageId: `m${i + j}` }), configuration };
          expect((await post('/a2a/helper/message:send', JSON.stringify(sent))).body.task.status.state).toBe(
            'TASK_STATE_INPUT_REQUIRED',
          );
        }),
      );
    const { body } = await get(`/a2a/helper/tasks/${taskId}`);
    expect(body.history.filter(({ role }: { role: string }) => role === 'ROLE_USER')).toHaveLength(2_001);
  }, 90_000);

  it('ends a stream whose reader does not read, and says so', async () => {
    await world.close();
    world = await createWorld({ backlog: { changes: 20, bytes: 1_000_000_000 } });
    let go = () => {};
    const reading = new Promise<void>((resolve) => {
      go = resolve;
    });
    world.behave(async ({ begin, artifact }) => {
      await begin('WORKING');
      await reading;
      for (let i = 0; i < 100; i++) {
        await artifact('x'.repeat(500_000));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    });
    const body = JSON.stringify(message('much'));
    const socket = connect(Number(new URL(world.url).port), '127.0.0.1');
    socket.write(
      `POST /a2a/helper/message:stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\na2a-version: 1.0\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
    await new Promise((resolve) => socket.once('data', resolve));
    socket.pause();
    go();
    await vi.waitUntil(() => world.logged.some(({ said }) => String(said).includes('too slow')), patient);
    let rest = '';
    socket.on('data', (chunk) => {
      rest = (rest + chunk.toString()).slice(-4_000);
    });
    socket.resume();
    await vi.waitUntil(() => rest.includes('event: error'), patient);
    expect(rest).toContain('Subscribe to the task again');
    socket.destroy();
  });

  it('ends what is in flight when it stops, with a word', async () => {
    world.behave(({ begin }) => begin('WORKING'));
    const answered = await fetch(`${world.url}/a2a/helper/message:stream`, {
      method: 'POST',
      headers: keyed,
      body: JSON.stringify(message('wait')),
    });
    const reader = answered.body!.getReader();
    await reader.read();
    const stopped = world.stop();
    const decoder = new TextDecoder();
    let rest = '';
    for (let part = await reader.read(); !part.done; part = await reader.read()) rest += decoder.decode(part.value);
    expect(rest).toContain('This server is stopping');
    await stopped;
  });
});
