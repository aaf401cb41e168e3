import { request as httpRequest } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { META } from '../../runtime/mcp/message.ts';
import { answerOf, createWorld, type EdgeForTests, KEY, OTHER_KEY, post, type World } from './harness.ts';

let world: World;
let edge: EdgeForTests;
beforeEach(async () => {
  world = await createWorld();
  await world.offer('files', 'TOOL', 'read', {
    name: 'read',
    inputSchema: { type: 'object', properties: { path: { type: 'string', 'x-mcp-header': 'Path' } } },
  });
  edge = await world.edge();
});
afterEach(() => world.close());

const initialize = (protocolVersion = '2025-11-25') => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion, capabilities: {}, clientInfo: { name: 't', version: '1' } },
});
const list = { jsonrpc: '2.0', id: 2, method: 'tools/list' };
const modern = (method: string, params: object = {}, version = '2026-07-28') => ({
  jsonrpc: '2.0',
  id: 3,
  method,
  params: {
    ...params,
    _meta: {
      [META.protocolVersion]: version,
      [META.clientInfo]: { name: 't', version: '1' },
      [META.clientCapabilities]: {},
    },
  },
});
const modernHeaders = (method: string, more: object = {}) => ({
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': method,
  ...more,
});
const open = async (url = edge.url, key = KEY) => {
  const answer = await post(url, initialize(), { authorization: `Bearer ${key}` });
  expect(answer.status).toBe(200);
  return answer.headers.get('mcp-session-id')!;
};

describe('the door', () => {
  it('is shut to who has no key, and says where to learn more', async () => {
    const answer = await post(edge.url, list, { authorization: 'Bearer sk-none' });
    expect(answer.status).toBe(401);
    expect(await answer.json()).toMatchObject({ jsonrpc: '2.0', error: { code: 401 }, id: null });
    const challenge = answer.headers.get('www-authenticate')!;
    const [, metadata] = /resource_metadata="([^"]+)"/.exec(challenge)!;
    expect(await (await fetch(metadata!)).json()).toMatchObject({
      resource: `${edge.url}/mcp/files`,
      bearer_methods_supported: ['header'],
    });
    expect((await fetch(`${edge.url}/.well-known/oauth-protected-resource`)).status).toBe(200);
  });

  it('is shut to pages of other origins, and to other hosts', async () => {
    expect((await post(edge.url, initialize(), { origin: 'https://evil.example' })).status).toBe(403);
    expect((await post(edge.url, initialize(), { origin: 'http://localhost:3000' })).status).toBe(200);
    const { port } = new URL(edge.url);
    const status = await new Promise((resolve) => {
      const headers = { host: 'evil.example', authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };
      httpRequest({ port, host: '127.0.0.1', path: '/mcp', method: 'POST', headers }, ({ statusCode }) =>
        resolve(statusCode),
      ).end('{}');
    });
    expect(status).toBe(403);
  });

  it('knows which endpoints there are, and which methods', async () => {
    expect((await post(edge.url, initialize(), {}, '/mcp/none')).status).toBe(404);
    expect((await post(edge.url, initialize(), {}, '/mcp/files/more')).status).toBe(404);
    const put = await fetch(`${edge.url}/mcp`, { method: 'PUT', headers: { authorization: `Bearer ${KEY}` } });
    expect([put.status, put.headers.get('allow')]).toEqual([405, 'GET, POST, DELETE']);
    expect((await fetch(`${edge.url}/mcp`, { headers: { authorization: `Bearer ${KEY}` } })).status).toBe(405);
  });

  it('turns away who has too much in flight, and everyone without a configuration', async () => {
    const { current } = world.configuration;
    world.configuration.current = {
      ...current!,
      version: '2',
      limits: { ...current!.limits, requestsInFlightPerCredential: 0 },
    };
    expect((await post(edge.url, initialize())).status).toBe(429);
    world.configuration.current = undefined;
    expect((await post(edge.url, initialize())).status).toBe(503);
  });
});

describe('a body', () => {
  it.each([
    ['broken JSON', '{"jsonrpc":', 400, -32700],
    ['no object', '3', 400, -32600],
    ['no message', '{"id":1}', 400, -32600],
    ['a batch', JSON.stringify([list, list]), 400, -32600],
    ['too large', JSON.stringify({ ...list, params: { x: 'x'.repeat(70_000) } }), 413, 413],
  ])('that is %s is refused', async (_, body, status, code) => {
    const answer = await post(edge.url, body);
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ jsonrpc: '2.0', error: { code } });
  });

  it('of another type is refused', async () => {
    expect((await post(edge.url, list, { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await post(edge.url, initialize(), { accept: 'application/json' })).status).toBe(406);
  });

  it('nested too deeply is refused', async () => {
    const session = await open();
    const deep = `${'['.repeat(15_000)}${']'.repeat(15_000)}`;
    const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","arguments":{"x":${deep}}}}`;
    const answer = await post(edge.url, body, { 'mcp-session-id': session });
    expect(await answer.text()).toContain('-32602');
    expect(world.events('mesh.requests', 'RequestReceived')).toEqual([]);
  });
});

describe('a modern request', () => {
  it('whose headers do not say what its body says is refused', async () => {
    const call = modern('tools/call', { name: 'read', arguments: { path: 'a' } });
    const wrong = [
      modernHeaders('tools/list', { 'mcp-name': 'read' }),
      modernHeaders('tools/call', { 'mcp-name': 'write' }),
      modernHeaders('tools/call', { 'mcp-name': 'read', 'mcp-param-path': 'b' }),
    ];
    for (const headers of wrong) {
      const answer = await post(edge.url, call, headers);
      expect([answer.status, (await answerOf(answer)).error.code]).toEqual([400, -32020]);
    }
    expect(world.events('mesh.requests', 'RequestReceived')).toEqual([]);
    const right = await post(
      edge.url,
      call,
      modernHeaders('tools/call', { 'mcp-name': 'read', 'mcp-param-path': 'a' }),
    );
    expect(await right.json()).toMatchObject({ result: { content: [{ text: 'done' }], resultType: 'complete' } });
  });

  it('of an unknown revision is told which there are', async () => {
    const headers = { ...modernHeaders('tools/list'), 'mcp-protocol-version': '2099-01-01' };
    const answer = await post(edge.url, modern('tools/list', {}, '2099-01-01'), headers);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ id: 3, error: { code: -32022, data: { supported: ['2026-07-28'] } } });
  });

  it('of an unknown method is refused; lists say for how long they hold', async () => {
    const answer = await post(edge.url, modern('tools/burn'), modernHeaders('tools/burn'));
    expect(await answer.json()).toMatchObject({ error: { code: -32601 } });
    const tools = await post(edge.url, modern('tools/list'), modernHeaders('tools/list'));
    expect(await tools.json()).toMatchObject({ result: { ttlMs: 5_000, cacheScope: 'private' } });
  });

  it("passes a server's requestState on, and takes none that the mesh sealed for another", async () => {
    world.behave((mesh) => mesh.chunk({ id: 'q', method: 'elicitation/create', params: { message: '?' } }));
    const call = modern('tools/call', { name: 'read' });
    const headers = modernHeaders('tools/call', { 'mcp-name': 'read' });
    const asked = (await answerOf(await post(edge.url, call, headers))).result;
    expect(asked).toMatchObject({
      resultType: 'input_required',
      inputRequests: { q: { method: 'elicitation/create' } },
    });
    const { requestState } = asked;
    const again = (more: object, key = KEY) =>
      post(edge.url, modern('tools/call', { name: 'read', ...more }), { ...headers, authorization: `Bearer ${key}` });
    const foreign = await answerOf(
      await again({ requestState, inputResponses: { q: { action: 'accept' } } }, OTHER_KEY),
    );
    expect(foreign.error).toMatchObject({ code: -32602, data: { reason: 'invalid_request_state' } });
    expect(world.events('mesh.inputs', 'InputProvided')).toEqual([]);
    // Brought back without an answer, it is asked again.
    expect(await (await again({ requestState })).json()).toMatchObject({ result: { inputRequests: { q: {} } } });
    expect(world.events('mesh.requests', 'RequestReceived')).toHaveLength(1);

    world.behave((mesh) =>
      mesh.complete({ result: { content: [{ type: 'text', text: mesh.message.params.requestState }] } }),
    );
    expect(await (await again({ requestState: 'its own' })).json()).toMatchObject({
      result: { content: [{ text: 'its own' }] },
    });
  });
});

describe('a session', () => {
  it('is wanted, and is its credential’s and its endpoint’s alone', async () => {
    const session = await open();
    const status = async (headers: Record<string, string>, path?: string) =>
      (await post(edge.url, list, headers, path)).status;
    expect(await status({})).toBe(400);
    expect(await status({ 'mcp-session-id': session })).toBe(200);
    expect(await status({ 'mcp-session-id': 'none' })).toBe(404);
    expect(await status({ 'mcp-session-id': session, authorization: `Bearer ${OTHER_KEY}` })).toBe(404);
    expect(await status({ 'mcp-session-id': session }, '/mcp/web')).toBe(404);
    expect(await status({ 'mcp-session-id': session, 'mcp-protocol-version': '1999-01-01' })).toBe(400);
  });

  it('is over everywhere once it is deleted, its stream too', async () => {
    const second = await world.edge();
    const session = await open();
    const headers = { authorization: `Bearer ${KEY}`, 'mcp-session-id': session };
    const stream = await fetch(`${second.url}/mcp/files`, { headers: { ...headers, accept: 'text/event-stream' } });
    expect(stream.status).toBe(200);
    expect((await fetch(`${edge.url}/mcp/files`, { method: 'DELETE', headers })).status).toBe(204);
    expect(await stream.text()).toBe('');
    for (const { url } of [edge, second]) expect((await post(url, list, headers)).status).toBe(404);
    // Of any use later, too.
    expect((await post((await world.edge()).url, list, headers)).status).toBe(404);
  });

  it('is not opened by a client that says too much of itself: each instance would keep it', async () => {
    const { current } = world.configuration;
    world.configuration.current = { ...current!, version: '2', limits: { ...current!.limits, bodyBytes: 100_000 } };
    const { params, ...rest } = initialize();
    const clientInfo = { ...params.clientInfo, title: 'x'.repeat(70_000) };
    const answer = await post(edge.url, { ...rest, params: { ...params, clientInfo } });
    expect(await answer.text()).toMatch(/"code":-32602,"message":"[^"]*larger than 65536 bytes/);
    expect(await world.events('mesh.sessions', 'SessionChanged')).toEqual([]);
  });

  it('takes the newest revision that both speak', async () => {
    const answered = async (wanted: string) =>
      (await answerOf(await post(edge.url, initialize(wanted)))).result.protocolVersion;
    expect(await answered('2025-03-26')).toBe('2025-03-26');
    expect(await answered('1999-01-01')).toBe('2025-11-25');
  });

  it('outlives an instance that stops; what is in flight is told to look before it repeats', async () => {
    world.behave(() => {});
    const session = await open();
    const call = { jsonrpc: '2.0', id: 9, method: 'tools/call', params: { name: 'read' } };
    const answer = await post(edge.url, call, { 'mcp-session-id': session });
    await world.until('mesh.requests', 'RequestReceived');
    const stopped = edge.stop();
    expect(await answer.text()).toContain('"code":503');
    await stopped;
    expect(world.events('mesh.cancellations', 'CancelRequested')).toEqual([]);
    expect((await post((await world.edge()).url, list, { 'mcp-session-id': session })).status).toBe(200);
  });

  it('whose client only loses its stream has its call go on', async () => {
    const done = Promise.withResolvers<void>();
    world.behave(async (mesh) => {
      await done.promise;
      await mesh.complete({ result: { content: [] } });
    });
    const session = await open();
    const leaving = new AbortController();
    const call = { jsonrpc: '2.0', id: 9, method: 'tools/call', params: { name: 'read' } };
    const answer = await fetch(`${edge.url}/mcp/files`, {
      method: 'POST',
      signal: leaving.signal,
      body: JSON.stringify(call),
      headers: {
        authorization: `Bearer ${KEY}`,
        'mcp-session-id': session,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
    });
    expect(answer.status).toBe(200);
    await world.until('mesh.requests', 'RequestReceived');
    leaving.abort();
    while (!edge.logged.some(({ msg }) => msg === 'call')) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(world.events('mesh.cancellations', 'CancelRequested')).toEqual([]);
    done.resolve();
  });
});

test('a request that takes too long ends at its deadline, and is cancelled', async () => {
  world.behave(() => {});
  const headers = modernHeaders('tools/call', { 'mcp-name': 'read', 'x-request-timeout-ms': '50' });
  const answer = await post(edge.url, modern('tools/call', { name: 'read' }), headers);
  expect(await answer.json()).toMatchObject({ error: { code: 504, data: { reason: 'DEADLINE_EXCEEDED' } } });
  const [cancelled] = await world.until('mesh.cancellations', 'CancelRequested');
  expect(cancelled!.data.reason).toBe('DEADLINE');
});
