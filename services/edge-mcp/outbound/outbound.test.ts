import { describe, expect, test } from 'vitest';
import { derivedId } from '../../runtime/event.ts';
import type { Event } from '../../runtime/log.ts';
import { startServer } from './servers-for-tests.ts';
import { asking, legacyClient, modernClient, until, world } from './world-for-tests.ts';

const form = { result: { action: 'accept', content: { name: 'Ada' } } };

describe.each([
  ['a modern server', ['modern'], 'modern', 'modern'],
  ['a server with sessions', ['legacy'], 'legacy', 'legacy'],
  ['a server of both eras', ['modern', 'legacy'], 'modern', 'legacy'],
] as const)('%s', (_, eras, ofModern, ofLegacy) => {
  test.each([
    ['modern', modernClient, ofModern],
    ['legacy', legacyClient, ofLegacy],
  ] as const)('is called by a %s client, in its era where it can be', async (_, client, era) => {
    const server = await startServer(eras);
    const w = await world({ one: { url: server.url, credential: `$\{KEY}` } });
    await w.edge();
    const call = await w.tool('one', 'echo', { said: 'hi' }, client);
    const { result } = await w.answer(call);
    expect(result.content).toEqual([{ type: 'text', text: `${era}: hi` }]);
    expect(result.structuredContent).toEqual({ said: 'hi', unknownToAnyone: [1, { two: true }] });
    expect(result._meta['example.com/kept']).toBe('yes');
    expect(result._meta.told['example.com/own']).toBe('kept');
    expect(w.types(call)).toEqual(['AttemptBegun', 'ResponseCompleted']);
    const [completed] = await w.wait('ResponseCompleted', call);
    expect(completed!.id).toBe(derivedId(call.correlationId, 'outcome'));
    expect(completed!.data.meters).toMatchObject({ tool_calls: 1, response_bytes: completed!.data.message.length });
    expect(server.of('tools/call')[0]?.headers.authorization).toBe('Bearer sk-from-environment');
    expect(w.spans).toMatchObject([{ name: 'tools/call echo', error: undefined }]);
  });

  test('reports progress and log messages on the way', async () => {
    const server = await startServer(eras);
    const w = await world({ one: { url: server.url } });
    await w.edge();
    const client = { ...legacyClient, progressToken: 'mine', logLevel: 'info' };
    const call = await w.tool('one', 'progress', {}, client);
    expect((await w.answer(call)).result.content).toEqual([{ type: 'text', text: 'done' }]);
    expect(w.chunks(call)).toMatchObject([
      { method: 'notifications/progress', params: { progress: 1, total: 2 } },
      { method: 'notifications/progress', params: { progress: 2, total: 2 } },
      { method: 'notifications/message', params: { level: 'warning', data: 'careful' } },
    ]);
    expect(JSON.stringify(w.chunks(call))).not.toContain('progressToken');
  });

  test('gives errors as it answers them', async () => {
    const server = await startServer(eras);
    const w = await world({ one: { url: server.url } });
    await w.edge();
    const failing = await w.tool('one', 'fails');
    expect((await w.answer(failing)).result.isError).toBe(true);
    const unknown = await w.call('one', 'resources/read', { uri: 'test://nowhere' });
    expect((await w.answer(unknown)).error.code).toBeLessThan(0);
  });

  test('hears that a call is cancelled', async () => {
    const server = await startServer(eras);
    const w = await world({ one: { url: server.url } });
    await w.edge();
    const call = await w.tool('one', 'wait');
    await until(() => server.of('tools/call').length === 1);
    await w.cancel(call);
    expect((await w.failure(call)).reason).toBe('CANCELLED');
    await until(() => server.cancelled() === 1);
  });

  test('says that its lists changed, and that a resource did', async () => {
    const server = await startServer(eras);
    const w = await world({ one: { url: server.url } });
    const { connections } = await w.edge();
    let told = 0;
    connections.onListChanged('one', () => {
      told += 1;
    });
    const call = await w.call('one', 'resources/subscribe', { uri: 'test://watched' });
    expect(await w.answer(call)).toEqual({ result: {} });
    const says = setInterval(() => {
      server.say('tools');
      server.say({ uri: 'test://watched' });
    }, 50);
    try {
      await until(() => told > 0);
      await until(() => w.said.some((r) => r.type === 'ResourceChanged'));
    } finally {
      clearInterval(says);
    }
    const changed = w.said.find((r) => r.type === 'ResourceChanged');
    expect(changed).toMatchObject({ key: 'one', data: { server: 'one', uri: 'test://watched' } });
  });

  test('is subscribed to again where its connection was lost, for as long as somebody listens', async () => {
    const server = await startServer(eras);
    const w = await world({ one: { url: server.url } });
    const { connections } = await w.edge();
    const isModern = eras[0] === 'modern';
    const asks = isModern ? 'subscriptions/listen' : 'resources/subscribe';
    const naming = () => server.of(asks).filter(({ body }) => JSON.stringify(body).includes('test://watched'));
    const end = connections.watchOf('one').hold('test://watched');
    await until(() => naming().length === 1);
    server.lose();
    await until(() => naming().length === 2);
    const says = setInterval(() => server.say({ uri: 'test://watched' }), 50);
    try {
      await until(() => w.said.some((r) => r.type === 'ResourceChanged'));
    } finally {
      clearInterval(says);
    }
    end();
    if (isModern) await until(() => !JSON.stringify(server.of(asks).at(-1)?.body).includes('test://watched'));
    else await until(() => server.of('resources/unsubscribe').length === 1);
  });

  test('a resource is told of once a second at most, though all who listen are others', async () => {
    const server = await startServer(eras);
    const w = await world({ one: { url: server.url } });
    const { connections } = await w.edge();
    const { hold } = connections.watchOf('one');
    const uri = 'test://watched';
    const asks = eras[0] === 'modern' ? 'subscriptions/listen' : 'resources/subscribe';
    const told = () => w.said.filter((r) => r.type === 'ResourceChanged').map(({ time }) => time);
    const end = hold(uri);
    await until(() => server.of(asks).some(({ body }) => JSON.stringify(body).includes(uri)));
    const say = async (count: number) => {
      const says = setInterval(() => server.say({ uri }), 50);
      await until(() => told().length === count).finally(() => clearInterval(says));
    };
    await say(1);
    end();
    hold(uri);
    await say(2);
    const [first, second] = told();
    expect(second! - first!).toBeGreaterThan(900);
  });

  test('is asked by the mesh itself, and answers whole', async () => {
    const server = await startServer(eras);
    const w = await world({ one: { url: server.url } });
    const { connections } = await w.edge();
    const { signal } = new AbortController();
    await connections.withConnection('one', { signal }, async (peer) => {
      expect(peer.info.name).toBe('for-tests');
      expect(peer.capabilities.tools).toBeDefined();
      const { tools } = (await peer.request('tools/list')) as { tools: { name: string; inputSchema: object }[] };
      expect(tools.map(({ name }) => name)).toContain('echo');
      expect(JSON.stringify(tools)).toContain('x-mcp-header');
      await expect(peer.request('nothing/like-this')).rejects.toMatchObject({ name: 'AnsweredError', code: -32601 });
    });
  });
});

test('each who subscribes is told if the server refuses, also where another asked first', async () => {
  const server = await startServer(['legacy']);
  const w = await world({ one: { url: server.url } });
  const { connections } = await w.edge();
  const { subscribe } = connections.watchOf('one');
  const { signal } = new AbortController();
  const asked = ['first', 'second'].map((who) => subscribe('test://refused', who, signal).catch(({ code }) => code));
  expect(await Promise.all(asked)).toEqual([-32602, -32602]);
});

test('a server with sessions hears last what was wanted last, however fast that changed', async () => {
  const server = await startServer(['legacy']);
  const w = await world({ one: { url: server.url } });
  const { connections } = await w.edge();
  const { hold } = connections.watchOf('one');
  let end = hold('test://watched');
  await until(() => server.subscribed.length === 1);
  for (let i = 0; i < 3; i += 1) {
    end();
    end = hold('test://watched');
  }
  await until(() => server.subscribed.length === 7);
  expect(server.subscribed.at(-1)).toBe(true);
  end();
  await until(() => server.subscribed.length === 8);
  expect(server.subscribed.at(-1)).toBe(false);
});

describe('a question', () => {
  test('of a session is put to the client, and its answer, whoever was given it, goes back', async () => {
    const server = await startServer(['legacy']);
    const w = await world({ one: { url: server.url, idleTimeoutMs: 300 } });
    await w.edge();
    const call = await w.tool('one', 'asks', {}, { ...modernClient, capabilities: asking });
    const [chunk] = await w.wait('ResponseChunk', call);
    const question = JSON.parse(chunk!.data.payload.toString());
    expect(question).toMatchObject({ id: '1-1', method: 'elicitation/create', params: { message: 'Who?' } });
    await w.provide(call, 'another', form);
    await w.provide(call, question.id, form);
    expect((await w.answer(call)).result.content).toEqual([{ type: 'text', text: 'hello Ada' }]);
  });

  test('that its server withdraws is withdrawn from the client', async () => {
    const server = await startServer(['legacy']);
    const w = await world({ one: { url: server.url } });
    await w.edge();
    const call = await w.tool('one', 'withdraws', {}, { ...legacyClient, capabilities: asking });
    const [, chunk] = await w.wait('ResponseChunk', call, 2);
    expect(JSON.parse(chunk!.data.payload.toString())).toMatchObject({
      method: 'notifications/cancelled',
      params: { requestId: '1-1', reason: expect.any(String) },
    });
    expect((await w.answer(call)).result.content).toEqual([{ type: 'text', text: 'never mind' }]);
  });

  test('goes to the client whose call it is, of many that are in flight', async () => {
    const server = await startServer(['legacy']);
    const w = await world({ one: { url: server.url } });
    await w.edge();
    const client = { ...legacyClient, capabilities: asking };
    const calls = await Promise.all(
      ['a', 'b', 'b'].map((contextId) => w.tool('one', 'asks', {}, client, { contextId })),
    );
    for (const call of calls) await w.wait('ResponseChunk', call);
    for (const [index, call] of calls.entries())
      await w.provide(call, '1-1', { result: { action: 'accept', content: { name: `number ${index}` } } });
    for (const [index, call] of calls.entries())
      expect((await w.answer(call)).result.content).toEqual([{ type: 'text', text: `hello number ${index}` }]);
    // A session of each conversation, and the mesh's own.
    expect(server.of('initialize').map(({ body }) => Object.keys(body.params.capabilities))).toEqual([
      [],
      ['elicitation'],
      ['elicitation'],
    ]);
  });

  test('for roots is put to the client in a call, the one that goes on or the next, once they changed', async () => {
    const server = await startServer(['legacy']);
    const w = await world({ one: { url: server.url } });
    await w.edge();
    const client = { ...legacyClient, capabilities: { roots: { listChanged: true } } };
    await w.answer(await w.tool('one', 'echo', { said: 'a' }, client));
    const asksIn = async (call: Event, uri: string) => {
      const [chunk] = await w.wait('ResponseChunk', call);
      expect(JSON.parse(chunk!.data.payload.toString())).toMatchObject({ method: 'roots/list' });
      await w.provide(call, '1-1', { result: { roots: [{ uri }] } });
      expect((await w.answer(call)).result.content).toEqual([{ type: 'text', text: uri }]);
    };
    await w.rootsChanged('context-1');
    await asksIn(await w.tool('one', 'roots', {}, client), 'file:///a');
    const waiting = await w.tool('one', 'roots', {}, client);
    await until(() => server.of('tools/call').length === 3);
    await w.rootsChanged('context-2');
    await w.rootsChanged('context-1');
    await asksIn(waiting, 'file:///b');
    expect(server.of('notifications/roots/list_changed')).toHaveLength(2);
  });

  test('that its client did not declare is refused without it', async () => {
    const server = await startServer(['legacy']);
    const w = await world({ one: { url: server.url } });
    await w.edge();
    const call = await w.tool('one', 'asks');
    expect((await w.answer(call)).result.isError).toBe(true);
    expect(w.chunks(call)).toEqual([]);
  });

  test('in an answer that a client of sessions would not know is asked on the way', async () => {
    const server = await startServer(['modern']);
    const w = await world({ one: { url: server.url } });
    await w.edge();
    const call = await w.tool('one', 'requires', {}, { ...legacyClient, capabilities: asking });
    const [chunk] = await w.wait('ResponseChunk', call);
    const question = JSON.parse(chunk!.data.payload.toString());
    expect(question).toMatchObject({ id: '1-1', method: 'elicitation/create', params: { message: 'Who?' } });
    await w.provide(call, question.id, form);
    expect((await w.answer(call)).result.content).toEqual([{ type: 'text', text: 'hello Ada' }]);
  });

  test('in an answer is left to a modern client', async () => {
    const server = await startServer(['modern']);
    const w = await world({ one: { url: server.url } });
    await w.edge();
    const client = { ...modernClient, capabilities: asking };
    const first = await w.tool('one', 'requires', {}, client);
    const { result } = await w.answer(first);
    expect(result).toMatchObject({
      resultType: 'input_required',
      inputRequests: { who: { params: { message: 'Who?' } } },
    });
    const again = { name: 'requires', arguments: {}, inputResponses: { who: form.result } };
    const second = await w.call('one', 'tools/call', again, client);
    expect((await w.answer(second)).result.content).toEqual([{ type: 'text', text: 'hello Ada' }]);
  });

  test('is answered although its server is configured otherwise meanwhile', async () => {
    const server = await startServer(['legacy']);
    const w = await world({ one: { url: server.url } });
    const { connections } = await w.edge();
    const call = await w.tool('one', 'asks', {}, { ...legacyClient, capabilities: asking });
    await w.wait('ResponseChunk', call);
    w.configure('one', { connectTimeoutMs: 3_000 });
    const { signal } = new AbortController();
    await connections.withConnection('one', { signal }, (peer) => peer.request('tools/list'));
    await w.provide(call, '1-1', { result: { action: 'accept', content: { name: 'Ada' } } });
    expect((await w.answer(call)).result.content[0].text).toBe('hello Ada');
  });

  test('that is cancelled with its call leaves nothing behind', async () => {
    const server = await startServer(['legacy']);
    const w = await world({ one: { url: server.url } });
    await w.edge();
    const call = await w.tool('one', 'asks', {}, { ...legacyClient, capabilities: asking });
    await w.wait('ResponseChunk', call);
    await w.cancel(call);
    expect((await w.failure(call)).reason).toBe('CANCELLED');
  });
});

test('what came of a call is said once the log can be reached again, in order', async () => {
  const server = await startServer(['legacy']);
  const w = await world({ one: { url: server.url } });
  await w.edge();
  await w.answer(await w.tool('one', 'echo', { said: 'a' }));
  const call = await w.tool('one', 'progress', {}, { ...legacyClient, progressToken: 'mine' }, { repeatable: true });
  w.cluster.unavailable = true;
  await until(() => server.of('tools/call').length === 2);
  expect(w.types(call)).toEqual([]);
  w.cluster.unavailable = false;
  await w.answer(call);
  expect(w.chunks(call).map(({ params }) => params?.progress)).toEqual([1, 2, undefined]);
  expect(w.types(call).at(-1)).toBe('ResponseCompleted');
});

describe('sessions', () => {
  test('are kept per conversation, and begun again where the server has forgotten one', async () => {
    const server = await startServer(['legacy']);
    const w = await world({ one: { url: server.url } });
    await w.edge();
    await w.answer(await w.tool('one', 'echo', { said: 'a' }));
    await w.answer(await w.tool('one', 'echo', { said: 'b' }));
    expect(server.of('initialize')).toHaveLength(2);
    server.sessions.clear();
    const call = await w.tool('one', 'echo', { said: 'c' });
    expect((await w.answer(call)).result.content[0].text).toBe('legacy: c');
    expect(w.types(call)).toEqual(['AttemptBegun', 'ResponseCompleted']);
  });

  test('arguments are repeated in headers where the tool’s schema says so', async () => {
    const server = await startServer(['modern']);
    const w = await world({ one: { url: server.url } });
    await w.log.append([
      {
        id: 'definition',
        type: 'DefinitionObserved',
        source: 'edge-mcp',
        key: 'one/TOOL region',
        time: 0,
        correlationId: '',
        causationId: '',
        traceparent: '',
        data: {
          server: 'one',
          kind: 'TOOL',
          name: 'region',
          definition: Buffer.from(
            JSON.stringify({ inputSchema: { properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } } }),
          ),
          digest: 'x',
          findings: [],
        },
      },
    ]);
    await w.edge();
    const call = await w.tool('one', 'region', { region: 'Zürich' }, modernClient);
    expect((await w.answer(call)).result.content[0].text).toBe('Zürich');
    expect(server.of('tools/call')[0]!.headers['mcp-param-region']).toBe('=?base64?WsO8cmljaA==?=');
  });
});
