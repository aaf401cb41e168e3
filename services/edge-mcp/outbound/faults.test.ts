import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { listen, type Received, read, startServer } from './servers-for-tests.ts';
import { asking, KEY, legacyClient, modernClient, until, world } from './world-for-tests.ts';

type Answer = (request: Received, response: ServerResponse) => void | Promise<void>;

const json = (response: ServerResponse, body: object, status = 200, headers = {}) => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
};
const event = (message: object) => `data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`;
const stream = (response: ServerResponse) => response.writeHead(200, { 'content-type': 'text/event-stream' });

/** A server with sessions that shakes hands as it should, and answers calls of tools as the test says. */
const failing = async (answer: Answer): Promise<{ url: string; calls: Received[]; heard: Received[] }> => {
  const calls: Received[] = [];
  const heard: Received[] = [];
  const serve = async (got: Received, response: ServerResponse) => {
    heard.push(got);
    const { id, method } = got.body ?? {};
    if (got.method !== 'POST') return response.writeHead(405).end();
    if (method === 'initialize') {
      const result = {
        protocolVersion: '2025-11-25',
        capabilities: { tools: {} },
        serverInfo: { name: 'x', version: '1' },
      };
      return json(response, { jsonrpc: '2.0', id, result }, 200, { 'mcp-session-id': 'one' });
    }
    if (method === 'tools/call') {
      calls.push(got);
      return answer(got, response);
    }
    if (id === undefined || method === undefined) return response.writeHead(202).end();
    return json(response, { jsonrpc: '2.0', id, error: { code: -32601, message: 'Method not found' } });
  };
  const url = await listen((request, response) => void read(request).then((got) => serve(got, response)));
  return { url, calls, heard };
};

const outcome = async (
  answer: Answer,
  more: object = {},
  request: { repeatable?: boolean } = {},
  client: object = legacyClient,
) => {
  const server = await failing(answer);
  const w = await world({ one: { url: server.url, ...more } });
  await w.edge();
  const call = await w.tool('one', 'any', {}, client as typeof legacyClient, request);
  await until(() => w.types(call).some((type) => type === 'ResponseCompleted' || type === 'AttemptFailed'));
  const [failed] = w.of('AttemptFailed', call);
  return { server, w, call, failed: failed?.data, types: w.types(call) };
};

const drop: Answer = (_, response) => void response.destroy();

describe('a server that fails', () => {
  test('that is not there is another’s turn, whatever the call does', async () => {
    const w = await world({ one: { url: 'http://127.0.0.1:2/mcp' } });
    await w.edge();
    const call = await w.tool('one', 'any');
    const [failed] = await w.wait('AttemptFailed', call);
    expect(failed!.data).toMatchObject({
      retryable: true,
      targetAtFault: true,
      tool: '',
      failure: { reason: 'CONNECT_FAILED' },
    });
    expect(failed!.data.failure.message).toBe('The MCP server could not be reached (ECONNREFUSED).');
    expect(w.types(call)).toEqual(['AttemptBegun', 'AttemptFailed']);
  });

  test('in the midst of a call that may be repeated is another’s turn', async () => {
    const { failed, types } = await outcome(drop, {}, { repeatable: true });
    expect(failed).toMatchObject({ retryable: true, failure: { reason: 'CONNECTION_LOST' } });
    expect(failed!.failure.message).not.toContain('taken effect');
    expect(types).toEqual(['AttemptFailed']);
  });

  test('in the midst of a call that may not be is the end of it', async () => {
    const { failed, types, server } = await outcome(drop);
    expect(failed).toMatchObject({ retryable: false, failure: { reason: 'CONNECTION_LOST' } });
    expect(failed!.failure.message).toContain('The call may have taken effect: look before you repeat it.');
    expect(types).toEqual(['AttemptBegun', 'ResponseFailed', 'AttemptFailed']);
    expect(server.calls).toHaveLength(1);
  });

  test('after it said something is the end of it too', async () => {
    const params = { progress: 1 };
    const { failed, types } = await outcome(
      ({ body }, response) => {
        const { progressToken } = body.params._meta;
        stream(response).write(event({ method: 'notifications/progress', params: { ...params, progressToken } }));
        setTimeout(() => response.destroy(), 50);
      },
      {},
      { repeatable: true },
      { ...legacyClient, progressToken: 1 },
    );
    expect(failed).toMatchObject({ retryable: false, failure: { reason: 'CONNECTION_LOST' } });
    expect(types).toEqual(['ResponseChunk', 'ResponseFailed', 'AttemptFailed']);
  });

  test.each([
    [401, 'MISCONFIGURED', true, ''],
    [403, 'MISCONFIGURED', true, ''],
    [302, 'MISCONFIGURED', true, ''],
    [429, 'RATE_LIMITED', true, 'any'],
    [500, 'UPSTREAM_ERROR', false, 'any'],
    [502, 'UPSTREAM_ERROR', false, ''],
    [503, 'UPSTREAM_ERROR', false, ''],
    [504, 'UPSTREAM_ERROR', false, 'any'],
    [400, 'REQUEST_REFUSED', false, 'any'],
  ])('with %i is %s', async (status, reason, retryable, tool) => {
    const { failed } = await outcome((_, response) =>
      json(response, { secret: 'words' }, status, { 'retry-after': '7' }),
    );
    // The breaker of a tool, or with none of its server.
    expect(failed).toMatchObject({ retryable, tool, failure: { reason, status, body: null } });
    if (status === 429) expect(failed!.failure.retryAfterMs).toBe(7_000);
  });

  test('may refuse a call in JSON-RPC: that is its answer', async () => {
    const error = { code: -32_602, message: 'bad', data: { why: 1 } };
    const { w, call } = await outcome(({ body }, response) =>
      json(response, { jsonrpc: '2.0', id: body.id, error }, 400),
    );
    expect(await w.answer(call)).toEqual({ error });
  });

  test.each([
    [
      'garbage',
      (response: ServerResponse) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"a'),
    ],
    ['a page', (response: ServerResponse) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>')],
    ['a broken event', (response: ServerResponse) => stream(response).end('data: {"jsonrpc"\n\n')],
  ])('with %s gives a bad response', async (_, say) => {
    const { failed } = await outcome((_, response) => void say(response));
    expect(failed).toMatchObject({ retryable: false, failure: { reason: 'BAD_RESPONSE' } });
  });

  test('by saying nothing is waited for so long, and told that it is no longer', async () => {
    const { failed, server } = await outcome(() => {}, { firstByteTimeoutMs: 100 });
    expect(failed).toMatchObject({ targetAtFault: true, tool: 'any', failure: { reason: 'FIRST_BYTE_TIMEOUT' } });
    await until(() => server.heard.some(({ body }) => body?.method === 'notifications/cancelled'));
  });

  test('by falling silent is not waited for forever', async () => {
    const { failed } = await outcome((_, response) => void stream(response).write(': begun\n\n'), {
      idleTimeoutMs: 100,
    });
    expect(failed).toMatchObject({ failure: { reason: 'IDLE_TIMEOUT' } });
  });

  test.each([
    [
      'in one answer',
      (id: string, response: ServerResponse, big: string) => json(response, { jsonrpc: '2.0', id, result: { big } }),
    ],
    [
      'in one event',
      (id: string, response: ServerResponse, big: string) => stream(response).end(event({ id, result: { big } })),
    ],
  ])('by saying too much %s is cut off', async (_, say) => {
    const { failed } = await outcome(({ body }, response) => void say(body.id, response, 'x'.repeat(300_000)), {
      maxResponseBytes: 100_000,
    });
    expect(failed).toMatchObject({ retryable: false, failure: { reason: 'RESPONSE_TOO_LARGE' } });
  });

  test('by not ceasing to say little is cut off', async () => {
    let isClosed = false;
    const { failed, call, w } = await outcome(
      async (_, response) => {
        stream(response);
        response.on('close', () => {
          isClosed = true;
        });
        const params = { level: 'info', data: 'x'.repeat(1_000) };
        while (!isClosed) {
          response.write(event({ method: 'notifications/message', params }));
          await sleep(0);
        }
      },
      { maxResponseBytes: 100_000 },
    );
    expect(failed).toMatchObject({ failure: { reason: 'RESPONSE_TOO_LARGE' } });
    expect(w.of('ResponseChunk', call).length).toBeLessThan(101);
    await until(() => isClosed);
  });

  test('to answer the right request is not heard', async () => {
    const { w, call } = await outcome(({ body }, response) => {
      const wrong = [1, 'x', 0].map((id) => event({ id, result: { wrong: true } })).join('');
      const right = event({ id: body.id, result: { content: [] } });
      stream(response).end(wrong + right + event({ id: body.id, result: { wrong: true } }));
    });
    expect(await w.answer(call)).toEqual({ result: { content: [] } });
  });
});

test('a secret is sent where it belongs, and shown nowhere', async () => {
  const answer: Answer = ({ body, headers }, response) =>
    json(response, { jsonrpc: '2.0', id: body.id, result: { content: [], echoed: headers.authorization } });
  const { w, call, server } = await outcome(answer, { credential: `$\{KEY}`, headers: { 'x-key': `$\{KEY}` } });
  expect(server.calls[0]!.headers).toMatchObject({ authorization: `Bearer ${KEY}`, 'x-key': KEY });
  expect(await w.answer(call)).toEqual({ result: { content: [], echoed: 'Bearer [removed]' } });
  expect(w.logged.join()).not.toContain(KEY);
});

test('a secret that is not set is the mesh’s own fault', async () => {
  const { failed } = await outcome(drop, { credential: `$\{MISSING}` });
  expect(failed).toMatchObject({ retryable: true, targetAtFault: false, failure: { reason: 'MISCONFIGURED' } });
  expect(failed!.failure.message).toContain('MISSING');
});

test('as many calls as are allowed are in flight; the next is refused at once', async () => {
  const server = await startServer(['modern']);
  const w = await world({ one: { url: server.url } }, { callsInFlight: 1 });
  await w.edge();
  const first = await w.tool('one', 'wait');
  await until(() => server.of('tools/call').length === 1);
  const second = await w.tool('one', 'wait');
  const [failed] = await w.wait('AttemptFailed', second);
  expect(failed!.data).toMatchObject({ retryable: true, targetAtFault: false, failure: { reason: 'RATE_LIMITED' } });
  await w.cancel(first);
  await w.failure(first);
  const third = await w.tool('one', 'echo', { said: 'hi' });
  expect((await w.answer(third)).result.content[0].text).toBe('modern: hi');
});

describe('limits of a tool', () => {
  const none = { callsInFlight: null, callsPerMinute: null, resultBytes: null, tooLarge: null };
  const noTimeouts = { firstByteTimeoutMs: null, idleTimeoutMs: null };
  const tool = (name: string, own: object) => ({ name, ...none, ...noTimeouts, ...own });

  test('a result that is larger than its tool’s may be is cut or refused, as the file says', async () => {
    const server = await startServer(['modern', 'legacy']);
    const tools = [tool('long', { resultBytes: 2_000 }), tool('echo', { tooLarge: 'refuse' })];
    const w = await world({ one: { url: server.url } }, { resultBytes: 4_000, tooLarge: 'truncate', tools });
    await w.edge();
    for (const client of [modernClient, legacyClient]) {
      const { result } = await w.answer(await w.tool('one', 'long', {}, client));
      expect(result.content[0].text).toMatch(/^x{1500,}… \[\d+ bytes left out by the mesh\]$/);
      expect(result._meta['parley/truncated']).toEqual({ bytes: expect.any(Number), maxBytes: 2_000 });
      expect(result._meta['parley/truncated'].bytes).toBeGreaterThan(5_000);
    }
    const refused = await w.tool('one', 'echo', { said: 'x'.repeat(5_000) });
    const { reason, message } = await w.failure(refused);
    expect(reason).toBe('RESPONSE_TOO_LARGE');
    expect(message).toMatch(/^The answer of \d+ bytes is larger than it may be: 4000 bytes\.$/);
    expect((await w.answer(await w.tool('one', 'echo', { said: 'small' }))).result.content[0].text).toMatch(/small/);
  });

  test('its time-out is its own', async () => {
    const server = await startServer(['modern']);
    const w = await world({ one: { url: server.url } }, { tools: [tool('wait', { firstByteTimeoutMs: 50 })] });
    await w.edge();
    expect(await w.failure(await w.tool('one', 'wait', {}, modernClient))).toMatchObject({
      reason: 'FIRST_BYTE_TIMEOUT',
    });
  });
});

test('a twin is called by the target that routing chose, with the same tool', async () => {
  const [one, two] = [await startServer(['modern']), await startServer(['legacy'])];
  const w = await world({ one: { url: one.url }, two: { url: two.url } });
  await w.edge();
  const target = { id: 'mcp/two', connection: 'mcp:two', name: 'two' };
  const call = await w.call(
    'one',
    'tools/call',
    { name: 'echo', arguments: { said: 'hi' } },
    modernClient,
    {},
    { target },
  );
  expect((await w.answer(call)).result.content[0].text).toBe('legacy: hi');
  expect(one.of('tools/call')).toEqual([]);
});

test('a call that was under way in an instance that is gone ends as unknown, and is not made again', async () => {
  const server = await startServer(['legacy']);
  const w = await world({ one: { url: server.url } });
  const first = await w.edge();
  const client = { ...legacyClient, capabilities: asking };
  const call = await w.tool('one', 'asks', {}, client);
  await w.wait('ResponseChunk', call);
  await first.stop();
  await w.edge();
  expect((await w.failure(call)).reason).toBe('OUTCOME_UNKNOWN');
  expect(server.of('tools/call')).toHaveLength(1);
});

/** A server with sessions that begins to talk, and answers nothing more of what is named. */
const mute = async (silent: string): Promise<string> => {
  const serve = ({ method: verb, body }: Received, response: ServerResponse) => {
    const { id, method } = body ?? {};
    if (method === silent) return;
    if (verb !== 'POST') return response.writeHead(405).end();
    if (id === undefined) return response.writeHead(202).end();
    const capabilities = { tools: {}, logging: {} };
    const hello = { protocolVersion: '2025-11-25', capabilities, serverInfo: { name: 'x', version: '1' } };
    if (method === 'initialize')
      return json(response, { jsonrpc: '2.0', id, result: hello }, 200, { 'mcp-session-id': 'one' });
    if (method === 'tools/call') return json(response, { jsonrpc: '2.0', id, result: { content: [] } });
    return json(response, { jsonrpc: '2.0', id, error: { code: -32601, message: 'Method not found' } });
  };
  return listen((request, response) => void read(request).then((got) => serve(got, response)));
};

describe('a server that hangs before a call', () => {
  test('in the midst of shaking hands is not waited for', async () => {
    const w = await world({ one: { url: await mute('notifications/initialized'), firstByteTimeoutMs: 100 } });
    await w.edge();
    const [failed] = await w.wait('AttemptFailed', await w.tool('one', 'any'));
    expect(failed!.data).toMatchObject({ retryable: true, failure: { reason: 'CONNECT_TIMEOUT' } });
  });

  test('when it is told what to log is called all the same', async () => {
    const w = await world({ one: { url: await mute('logging/setLevel'), firstByteTimeoutMs: 100 } });
    await w.edge();
    const call = await w.tool('one', 'any', {}, { ...legacyClient, logLevel: 'info' });
    expect(await w.answer(call)).toEqual({ result: { content: [] } });
  });
});

test('a server that has forgotten the session of the mesh itself is asked in another', async () => {
  let session = 0;
  const serve = ({ method: verb, headers, body }: Received, response: ServerResponse) => {
    const { id, method } = body ?? {};
    if (verb !== 'POST') return response.writeHead(405).end();
    const hello = {
      protocolVersion: '2025-11-25',
      capabilities: { tools: {} },
      serverInfo: { name: 'x', version: '1' },
    };
    if (method === 'initialize')
      return json(response, { jsonrpc: '2.0', id, result: hello }, 200, { 'mcp-session-id': `${session}` });
    if (headers['mcp-session-id'] !== `${session}`) return response.writeHead(404).end();
    if (id === undefined) return response.writeHead(202).end();
    if (method === 'tools/list') return json(response, { jsonrpc: '2.0', id, result: { tools: [] } });
    if (method === 'resources/subscribe') return json(response, { jsonrpc: '2.0', id, result: {} });
    return json(response, { jsonrpc: '2.0', id, error: { code: -32601, message: 'Method not found' } });
  };
  const url = await listen((request, response) => void read(request).then((got) => serve(got, response)));
  const w = await world({ one: { url } });
  const { connections } = await w.edge();
  const { signal } = new AbortController();
  const list = () => connections.withConnection('one', { signal }, (peer) => peer.request('tools/list'));
  expect(await list()).toEqual({ tools: [] });
  session += 1;
  expect(await list()).toEqual({ tools: [] });
  session += 1;
  expect(await w.answer(await w.call('one', 'resources/subscribe', { uri: 'test://watched' }))).toEqual({ result: {} });
});
