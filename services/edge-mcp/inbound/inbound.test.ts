import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { newId } from '../../runtime/event.ts';
import { META, withdrawal } from '../../runtime/mcp/message.ts';
import { answerOf, connect, connectV1, createWorld, KEY, OTHER_KEY, post, text, type World } from './harness.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
  await world.observe('files', { tools: {}, prompts: {}, resources: { subscribe: true }, logging: {} });
  await world.offer('files', 'INSTRUCTIONS', 'instructions', { instructions: 'Read first.' });
  await world.observe('web', { tools: {} });
  await world.offer('files', 'TOOL', 'read', {
    name: 'read',
    description: 'Reads.',
    inputSchema: { type: 'object', properties: { path: { type: 'string', 'x-mcp-header': 'Path' } } },
    annotations: { readOnlyHint: true },
    'x-unknown': { kept: true },
  });
  await world.offer('files', 'TOOL', 'secret', { name: 'secret', inputSchema: { type: 'object' } });
  await world.offer('files', 'PROMPT', 'sum', { name: 'sum', arguments: [{ name: 'of' }] });
  await world.offer('files', 'RESOURCE', 'file:///a', { uri: 'file:///a', name: 'a' });
  await world.offer('files', 'RESOURCE_TEMPLATE', 'file:///{+path}', { uriTemplate: 'file:///{+path}', name: 'any' });
  await world.offer('web', 'TOOL', 'read', { name: 'read', inputSchema: { type: 'object' } });
  await world.offer('web', 'TOOL', 'fetch', {
    name: 'fetch',
    inputSchema: { type: 'object', properties: { url: {}, depth: {} }, required: ['url', 'depth'] },
  });
});
afterEach(() => world.close());

const namesOf = ({ tools }: { tools: { name: string }[] }) => tools.map(({ name }) => name);
const eras = ['modern', 'legacy'] as const;

it('names the conversation of a call in its answer: in a session it is the session, whatever its client names', async () => {
  const { url } = await world.edge();
  const rpc = (method: string, params: object, headers: object) =>
    post(url, { jsonrpc: '2.0', id: 1, method, params }, { 'x-conversation-id': 'mine', ...headers });
  const named = (answer: Response) => answer.headers.get('x-conversation-id');
  const clientInfo = { name: 't', version: '1' };
  const opened = await rpc('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }, {});
  const session = opened.headers.get('mcp-session-id')!;
  expect(named(opened)).toBe(session);

  const call = { name: 'read', arguments: {} };
  expect(named(await rpc('tools/call', call, { 'mcp-session-id': session }))).toBe(session);
  const about = {
    [META.protocolVersion]: '2026-07-28',
    [META.clientInfo]: clientInfo,
    [META.clientCapabilities]: {},
  };
  const modern = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'read' };
  expect(named(await rpc('tools/call', { ...call, _meta: about }, modern))).toBe('acme:mine');
  const keys = (await world.until('mesh.requests', 'RequestReceived', 2)).map(({ key }) => key);
  expect(keys).toEqual(expect.arrayContaining([session, 'acme:mine']));
  const keyed = await post(
    url,
    { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { ...call, _meta: about } },
    { ...modern, 'idempotency-key': 'k' },
  );
  expect((await world.until('mesh.requests', 'RequestReceived', 3)).at(-1)!.key).toBe(named(keyed));
});

describe.each(eras)('a %s client', (mode) => {
  it('sees what its agent has declared, and policy permits', async () => {
    const { url } = await world.edge();
    const { client } = await connect(world, url, { mode });
    const { client: other } = await connect(world, url, { mode, key: OTHER_KEY });
    expect(namesOf(await client.listTools())).toEqual(['read', 'secret']);
    expect(namesOf(await other.listTools())).toEqual(['read']);
    expect((await client.listPrompts()).prompts).toEqual([{ name: 'sum', arguments: [{ name: 'of' }] }]);
    expect((await client.listResources()).resources).toEqual([{ uri: 'file:///a', name: 'a' }]);
    expect((await client.listResourceTemplates()).resourceTemplates).toHaveLength(1);
    expect(client.getInstructions()).toBe('Read first.');
    expect(client.getServerCapabilities()).toMatchObject({ tools: { listChanged: true }, logging: {} });

    const { client: all } = await connect(world, url, { mode, path: '/mcp' });
    expect(namesOf(await all.listTools())).toEqual(['files__read', 'files__secret', 'web__fetch', 'web__read']);
    const { client: narrow } = await connect(world, url, { mode, path: '/mcp', key: OTHER_KEY });
    expect(namesOf(await narrow.listTools())).toEqual(['files__read']);
    const { client: desk } = await connect(world, url, { mode, path: '/mcp/desk' });
    expect(namesOf(await desk.listTools())).toEqual(['get_page', 'read', 'secret', 'fetch', 'web__read']);
    expect(desk.getInstructions()).toBe('Be kind.');
  });

  it("calls a tool by its server's own name, with the endpoint's defaults", async () => {
    const { url } = await world.edge();
    const { client } = await connect(world, url, { mode, path: '/mcp/desk' });
    world.behave((mesh) => mesh.complete({ result: { ...text('page').result, _meta: { 'x/kept': 1 } } }));
    const { content, _meta } = await client.callTool({
      name: 'get_page',
      arguments: { url: 'http://a' },
      _meta: { own: 1 },
    });
    expect(content).toEqual([{ type: 'text', text: 'page' }]);
    expect(_meta).toMatchObject({ 'x/kept': 1 });
    const [received] = await world.until('mesh.requests', 'RequestReceived');
    const { request } = received!.data;
    expect(request).toMatchObject({
      action: 'tool.call',
      resource: { type: 'tool', id: 'web/fetch' },
      protocol: 'mcp',
      repeatable: false,
      arguments: { url: 'http://a', depth: '1' },
      subject: { agent: 'agent-first', credential: 'first' },
    });
    const message = JSON.parse(request.message.toString());
    expect(message).toMatchObject({
      method: 'tools/call',
      params: { name: 'fetch', arguments: { url: 'http://a', depth: 1 } },
    });
    expect(message.params._meta).toMatchObject({
      own: 1,
      [META.protocolVersion]: mode === 'modern' ? '2026-07-28' : '2025-11-25',
      [META.clientInfo]: { name: 'test', version: '1' },
      [META.clientCapabilities]: {},
    });
  });

  it('gets prompts, resources and errors as the server gives them; a read-only tool may be repeated', async () => {
    const { url } = await world.edge();
    const { client } = await connect(world, url, { mode });
    world.behave((mesh) => {
      if (mesh.request.action === 'prompt.get')
        return mesh.complete({ result: { messages: [{ role: 'user', content: { type: 'text', text: 'hi' } }] } });
      if (mesh.request.action === 'resource.read')
        return mesh.complete({ result: { contents: [{ uri: mesh.message.params.uri, text: 'A' }] } });
      return mesh.complete({ error: { code: -32050, message: 'Too late.', data: { hour: 3 } } });
    });
    expect((await client.getPrompt({ name: 'sum', arguments: { of: 'x' } })).messages).toHaveLength(1);
    expect((await client.readResource({ uri: 'file:///b/c' })).contents).toEqual([{ uri: 'file:///b/c', text: 'A' }]);
    await expect(client.callTool({ name: 'read', arguments: { path: 'a' } })).rejects.toMatchObject({
      code: -32050,
      data: { hour: 3 },
    });
    const requests = await world.until('mesh.requests', 'RequestReceived', 3);
    expect(requests.map(({ data }) => [data.request.resource.id, data.request.repeatable])).toEqual([
      ['files/sum', true],
      ['files/file:///b/c', true],
      ['files/read', true],
    ]);
  });

  it('is told that what is hidden is unknown, and the log that it was asked for', async () => {
    const { url } = await world.edge();
    const { client } = await connect(world, url, { mode, key: OTHER_KEY });
    world.behave((mesh) => mesh.deny(mesh.request.resource.id === 'files/secret' ? 'POLICY' : 'RESOURCE_UNKNOWN'));
    for (const name of ['secret', 'none'])
      await expect(client.callTool({ name })).rejects.toMatchObject({
        code: -32602,
        message: expect.stringContaining(`Unknown tool: ${name}`),
      });
    const requests = await world.until('mesh.requests', 'RequestReceived', 2);
    expect(requests.map(({ data }) => data.request.resource.id)).toEqual(['files/secret', 'files/none']);
    await expect(client.readResource({ uri: 'file:///x' })).rejects.toMatchObject({
      data: { uri: 'file:///x' },
    });
  });

  it('is told of a denial that depends on its arguments, and of failures, what to do', async () => {
    const { url } = await world.edge();
    const { client } = await connect(world, url, { mode });
    world.behave((mesh) => mesh.deny('POLICY'));
    await expect(client.callTool({ name: 'read' })).rejects.toMatchObject({
      code: 403,
      message: expect.stringContaining('not on Sundays'),
      data: { reason: 'POLICY' },
    });
    world.behave((mesh) => mesh.fail('OUTCOME_UNKNOWN', 'The process died.'));
    await expect(client.callTool({ name: 'read' })).rejects.toMatchObject({
      code: 502,
      message: expect.stringContaining('look before you repeat it'),
      data: { reason: 'OUTCOME_UNKNOWN' },
    });
  });

  it('hears progress with its own token', async () => {
    const { url } = await world.edge();
    const { client } = await connect(world, url, { mode });
    const { promise: heard, resolve } = Promise.withResolvers<void>();
    world.behave(async (mesh) => {
      await mesh.chunk({ method: 'notifications/progress', params: { progress: 1, total: 2, message: 'half' } });
      // Not before: a stream is never buffered.
      await heard;
      await mesh.complete(text('done'));
    });
    const progress: unknown[] = [];
    const onprogress = (one: unknown) => {
      progress.push(one);
      resolve();
    };
    await client.callTool({ name: 'read' }, { onprogress });
    expect(progress).toEqual([{ progress: 1, total: 2, message: 'half' }]);
  });

  it('answers a question of the server, whichever instance it comes to', async () => {
    const [first, second] = [await world.edge(), await world.edge()];
    world.behave(async (mesh) => {
      await mesh.chunk({
        id: 'q-1',
        method: 'elicitation/create',
        params: {
          mode: 'form',
          message: 'Sure?',
          requestedSchema: { type: 'object', properties: { ok: { type: 'boolean' } } },
        },
      });
      const [input] = await world.until('mesh.inputs', 'InputProvided');
      const { action, content } = JSON.parse(input!.data.payload.toString()).result;
      await mesh.complete(
        text(
          `${input!.correlationId === mesh.request.id} ${input!.key === mesh.request.contextId} ${action} ${content.ok}`,
        ),
      );
    });
    const { client, transport } = await connect(world, first.url, {
      mode,
      elicit: () => {
        // From here on the client speaks to another replica.
        Object.assign(transport, { _url: new URL(`${second.url}/mcp/files`) });
        return { action: 'accept', content: { ok: true } };
      },
    });
    const { content } = await client.callTool({ name: 'secret' });
    expect(content).toEqual([{ type: 'text', text: 'true true accept true' }]);
    const inputs = await world.until('mesh.inputs', 'InputProvided');
    expect(inputs.map(({ data }) => data.inputId)).toEqual(['q-1']);
    expect(world.events('mesh.requests', 'RequestReceived')).toHaveLength(1);
    expect(world.events('mesh.cancellations', 'CancelRequested')).toHaveLength(0);
  });

  it('cancels, whichever instance it tells', async () => {
    const [first, second] = [await world.edge(), await world.edge()];
    world.behave(() => {});
    const { client, transport } = await connect(world, first.url, { mode });
    const leaving = new AbortController();
    const call = client.callTool({ name: 'secret' }, { signal: leaving.signal });
    const [request] = await world.until('mesh.requests', 'RequestReceived');
    Object.assign(transport, { _url: new URL(`${second.url}/mcp/files`) });
    leaving.abort();
    await expect(call).rejects.toThrow();
    const found = async () => {
      for (let i = 1; ; i++) {
        const cancelled = await world.until('mesh.cancellations', 'CancelRequested', i);
        if (cancelled.some(({ correlationId }) => correlationId === request!.correlationId)) return cancelled.at(-1);
      }
    };
    expect(await found()).toMatchObject({ key: request!.data.request.contextId, data: { reason: 'CLIENT_GONE' } });
  });

  it('hears that what it sees has changed, and of the resources that it listens to', async () => {
    const { url, held } = await world.edge();
    const { client, transport } = await connect(world, url, { mode });
    const heard: string[] = [];
    client.setNotificationHandler('notifications/tools/list_changed', () => void heard.push('tools'));
    client.setNotificationHandler('notifications/prompts/list_changed', () => void heard.push('prompts'));
    client.setNotificationHandler('notifications/resources/updated', ({ params }) => void heard.push(params.uri));
    world.behave((mesh) => mesh.complete({ result: {} }));
    const wanted = { toolsListChanged: true, promptsListChanged: true, resourceSubscriptions: ['file:///a'] };
    const subscription = mode === 'modern' ? await client.listen(wanted) : undefined;
    if (!subscription) await client.subscribeResource({ uri: 'file:///a' });
    const [subscribed] = await world.until('mesh.requests', 'RequestReceived');
    expect(subscribed!.data.request).toMatchObject({
      action: 'resource.subscribe',
      resource: { id: 'files/file:///a' },
    });

    await vi.waitFor(() => expect(held).toEqual(['files file:///a']), 10_000);

    const until = async (what: string, again: () => Promise<unknown>) => {
      while (!heard.includes(what)) {
        await again();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    let version = 0;
    await until('tools', () =>
      world.offer('files', 'TOOL', 'new', {
        name: 'new',
        description: `${version++}`,
        inputSchema: { type: 'object' },
      }),
    );
    await until('file:///a', async () => {
      await world.state('ResourceChanged', 'files', { server: 'files', uri: 'file:///b' });
      await world.state('ResourceChanged', 'files', { server: 'web', uri: 'file:///a' });
      await world.state('ResourceChanged', 'files', { server: 'files', uri: 'file:///a' });
    });
    expect(new Set(heard)).toEqual(new Set(['tools', 'file:///a']));
    expect(namesOf(await client.listTools())).toContain('new');

    await (subscription?.close() ?? transport.terminateSession());
    const [, ended] = await world.until('mesh.requests', 'RequestReceived', 2);
    expect(ended!.key).toBe(subscribed!.key);
    expect(JSON.parse(ended!.data.request.message.toString())).toMatchObject({ method: 'resources/unsubscribe' });
    await vi.waitFor(() => expect(held).toEqual([]), 10_000);
  });

  it('pages through five thousand tools', async () => {
    for (let i = 0; i < 5_000; i++)
      await world.offer('web', 'TOOL', `t${String(i).padStart(4, '0')}`, {
        name: `t${String(i).padStart(4, '0')}`,
        inputSchema: { type: 'object' },
      });
    const { url } = await world.edge();
    const { client } = await connect(world, url, { mode, path: '/mcp/web' });
    const names: string[] = [];
    let cursor: string | undefined;
    do {
      const page: { tools: { name: string }[]; nextCursor?: string } = await client.request({
        method: 'tools/list',
        params: cursor ? { cursor } : {},
      });
      names.push(...namesOf(page));
      cursor = page.nextCursor;
    } while (cursor);
    expect(names).toHaveLength(5_002);
    expect(names).toEqual([...names].sort());
    await expect(client.request({ method: 'tools/list', params: { cursor: 'x' } })).rejects.toMatchObject({
      code: -32602,
    });
  });
});

describe('a question that its server withdraws', () => {
  const question = {
    id: 'q-1',
    method: 'elicitation/create',
    params: { mode: 'form', message: 'Sure?', requestedSchema: { type: 'object', properties: {} } },
  };

  it('is withdrawn from a client that has it', async () => {
    const { url } = await world.edge();
    const asked = Promise.withResolvers<void>();
    const withdrawn = Promise.withResolvers<unknown>();
    world.behave(async (mesh) => {
      await mesh.chunk(question);
      await asked.promise;
      await mesh.chunk(withdrawal('q-1', 'Too late.'));
      await withdrawn.promise;
      await mesh.complete(text('never mind'));
    });
    const { client } = await connect(world, url, { mode: 'legacy', elicit: () => ({}) });
    client.setRequestHandler('elicitation/create', (_, { mcpReq }) => {
      mcpReq.signal.addEventListener('abort', () => withdrawn.resolve(mcpReq.signal.reason));
      asked.resolve();
      return new Promise(() => {});
    });
    expect(await client.callTool({ name: 'secret' })).toMatchObject(text('never mind').result);
    expect(await withdrawn.promise).toBe('Too late.');
  });

  it('may still be answered by a client that comes back with it', async () => {
    const { url } = await world.edge();
    world.behave(async (mesh) => {
      await mesh.chunk(question);
      await mesh.chunk(withdrawal('q-1', 'Too late.'));
      await world.until('mesh.inputs', 'InputProvided');
      await mesh.complete(text('never mind'));
    });
    const { client } = await connect(world, url, { mode: 'modern', elicit: () => ({ action: 'decline' }) });
    expect(await client.callTool({ name: 'secret' })).toMatchObject(text('never mind').result);
  });
});

it('forgets a client that left while its session was waited for', async () => {
  const edge = await world.edge({ sessionMs: 60_000 });
  const inFlight = async () =>
    /^parley_requests_in_flight\S* (\d)/m.exec(await (await fetch(`${edge.url}/metrics`)).text())?.[1];
  const session = newId();
  const headers = { authorization: `Bearer ${KEY}`, 'mcp-session-id': session, accept: 'text/event-stream' };
  const left = new AbortController();
  const listening = fetch(`${edge.url}/mcp/files`, { headers, signal: left.signal }).catch(() => {});
  await vi.waitFor(async () => expect(await inFlight()).toBe('1'), 10_000);
  left.abort();
  await listening;
  await vi.waitFor(async () => expect(await inFlight()).toBe('0'), 10_000);
  await world.state('SessionChanged', session, {
    session,
    endpoint: 'files',
    credential: 'first',
    protocolVersion: '2025-11-25',
    client: Buffer.from('{}'),
    capabilities: Buffer.from('{}'),
    logLevel: '',
    subscriptions: ['file:///a'],
    closed: false,
    follows: '',
  });
  const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
  expect(await answerOf(await post(edge.url, ping, { 'mcp-session-id': session }))).toMatchObject({ result: {} });
  expect(edge.held).toEqual([]);
});

it('says in the log that the roots of a session are others', async () => {
  const { url } = await world.edge();
  const { client, transport } = await connect(world, url, { mode: 'legacy', roots: true });
  await client.sendRootsListChanged();
  const [changed] = await world.until('mesh.sessions', 'RootsChanged');
  expect(changed).toMatchObject({ key: transport.sessionId, data: { session: transport.sessionId } });
});

describe('a client of SDK v1', () => {
  it('lists and calls, its session at any instance, until it ends it', async () => {
    const [first, second] = [await world.edge(), await world.edge()];
    const { client, transport } = await connectV1(world, first.url);
    expect(namesOf(await client.listTools())).toEqual(['read', 'secret']);
    Object.assign(transport, { _url: new URL(`${second.url}/mcp/files`) });
    expect(await client.callTool({ name: 'read' })).toMatchObject({ content: [{ type: 'text', text: 'done' }] });
    await client.setLoggingLevel('error');
    const [request] = await world.until('mesh.requests', 'RequestReceived');
    expect(request!.key).toBe(transport.sessionId);
    await transport.terminateSession();
    await world.until('mesh.sessions', 'SessionChanged', 3);
    await expect(client.listTools()).rejects.toThrow();
  });

  it('can read a tool whose results are no objects, and what it answers', async () => {
    const array = { name: 'rows', inputSchema: { type: 'object' }, outputSchema: { type: 'array' } };
    await world.offer('files', 'TOOL', 'rows', array);
    const { url } = await world.edge();
    const { client } = await connectV1(world, url);
    expect(namesOf(await client.listTools())).toContain('rows');
    world.behave((mesh) => mesh.complete({ result: { ...text('[1]').result, structuredContent: [1] } }));
    expect(await client.callTool({ name: 'rows' })).toMatchObject({ structuredContent: { result: [1] } });
  });

  it('gets the log messages that are severe enough', async () => {
    const { url } = await world.edge();
    const { client } = await connectV1(world, url);
    const heard: unknown[] = [];
    client.setNotificationHandler(
      (await import('@modelcontextprotocol/sdk/types.js')).LoggingMessageNotificationSchema,
      ({ params }) => void heard.push(params.data),
    );
    await client.setLoggingLevel('warning');
    world.behave(async (mesh) => {
      for (const level of ['info', 'warning', 'error'])
        await mesh.chunk({ method: 'notifications/message', params: { level, data: level } });
      await mesh.complete(text('done'));
    });
    await client.callTool({ name: 'read' });
    expect(heard).toEqual(['warning', 'error']);
  });
});
