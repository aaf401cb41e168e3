/** Clients of the official SDKs, and servers made with them, with the mesh between: what each kind of message comes to. */
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canRun, INSTALL_MS, pythonWith, runPython } from './agents/python.ts';
import { clientOf, clientV1Of, type Era, textOf } from './mcp/client.ts';
import { createMcpMesh, keys, type McpMesh, type McpReplica } from './mcp/mesh.ts';
import { type McpUpstream, startMcpUpstream } from './mcp/upstream.ts';
import { readLog, until } from './mesh.ts';

const bin = join(import.meta.dirname, '../node_modules/.bin');
const directory = realpathSync(mkdtempSync(join(tmpdir(), 'parley-files-')));
writeFileSync(join(directory, 'note.txt'), 'a note');

const upstreams: Record<string, McpUpstream> = {};
let mesh: McpMesh;
let edge: McpReplica;

beforeAll(async () => {
  upstreams.both = await startMcpUpstream();
  upstreams.old = await startMcpUpstream({ eras: 'legacy' });
  upstreams.new = await startMcpUpstream({ eras: 'modern' });
  const over = (server: string) => ({ url: upstreams[server]!.url, apiKey: `\${MCP_UPSTREAM_KEY}` });
  mesh = await createMcpMesh({
    servers: {
      both: over('both'),
      old: over('old'),
      new: over('new'),
      narrow: { ...over('both'), responseSize: '64KiB' },
      everything: { command: [join(bin, 'mcp-server-everything'), 'stdio'] },
      files: { command: [join(bin, 'mcp-server-filesystem'), directory] },
      memory: {
        command: [join(bin, 'mcp-server-memory')],
        env: { MEMORY_FILE_PATH: join(directory, 'memory.jsonl') },
      },
    },
    endpoints: {
      chosen: {
        title: 'A chosen set',
        instructions: 'Use plus.',
        tools: { plus: { server: 'both', tool: 'add', description: 'Adds one.', defaults: { b: 1 } } },
      },
    },
  });
  edge = await mesh.serve();
  // What several servers offer under one name is held back until somebody has looked at it.
  for (const server of ['both', 'old', 'new', 'narrow']) {
    await mesh.offers(server, 'RESOURCE', 'test://watched-resource', 'any');
    await mesh.approve(server);
  }
  await mesh.offers('everything', 'TOOL', 'echo');
  await mesh.offers('files', 'TOOL', 'read_text_file');
  await mesh.offers('memory', 'TOOL', 'read_graph');
});
afterAll(async () => {
  await mesh?.close();
  for (const upstream of Object.values(upstreams)) await upstream.close();
  rmSync(directory, { recursive: true, force: true });
});

const at = (endpoint: string) => `${edge.url}/mcp/${endpoint}`;
const namesOf = (tools: { name: string }[]) => tools.map(({ name }) => name);

/** Answers all that a server can ask. */
const obliging = (client: Client) => {
  client.setRequestHandler('elicitation/create', () => ({
    action: 'accept' as const,
    content: { name: 'Ada', color: 'green', username: 'ada', email: 'ada@example.com', context: 'tests' },
  }));
  client.setRequestHandler('sampling/createMessage', () => ({
    model: 'test-model',
    role: 'assistant' as const,
    content: { type: 'text' as const, text: 'Paris' },
  }));
  client.setRequestHandler('roots/list', () => ({ roots: [{ uri: 'file:///home', name: 'home' }] }));
};
const able = { elicitation: {}, sampling: {}, roots: {} };

const pairs = (['modern', 'legacy'] as const).flatMap((era) =>
  (['both', 'old', 'new'] as const).map((server): [Era, string] => [era, server]),
);

describe.each(pairs)('a %s client and the server %s', (era, server) => {
  test('lists and calls tools, reads resources, gets prompts, completes', async () => {
    const client = await clientOf(at(server), { era });
    const { tools } = await client.listTools();
    expect(tools.find(({ name }) => name === 'add')).toMatchObject({
      description: 'Adds two numbers.',
      inputSchema: { type: 'object', required: ['a', 'b'] },
      annotations: { readOnlyHint: true },
    });
    expect(textOf(await client.callTool({ name: 'add', arguments: { a: 1, b: 2 } }))).toBe('3');
    expect(await client.callTool({ name: 'test_error_handling', arguments: {} })).toMatchObject({ isError: true });
    expect((await client.listResources()).resources.map(({ uri }) => uri)).toContain('test://static-text');
    const { resourceTemplates } = await client.listResourceTemplates();
    expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual(['test://template/{id}/data']);
    const { contents } = await client.readResource({ uri: 'test://template/7/data' });
    expect(contents).toMatchObject([{ uri: 'test://template/7/data', text: expect.stringContaining('"id":"7"') }]);
    await expect(client.readResource({ uri: 'test://nothing' })).rejects.toThrow(/not found/i);
    const prompt = await client.getPrompt({
      name: 'test_prompt_with_arguments',
      arguments: { arg1: 'one', arg2: 'two' },
    });
    expect(prompt.messages[0]?.content).toMatchObject({ text: "Prompt with arguments: arg1='one', arg2='two'" });
    const ofPrompt = await client.complete({
      ref: { type: 'ref/prompt', name: 'test_prompt_with_arguments' },
      argument: { name: 'arg1', value: 'par' },
    });
    expect(ofPrompt.completion.values).toEqual(['paris', 'park', 'party']);
    const ofTemplate = await client.complete({
      ref: { type: 'ref/resource', uri: 'test://template/{id}/data' },
      argument: { name: 'id', value: '1' },
    });
    expect(ofTemplate.completion.values).toEqual(['100', '123']);
  });

  test('hears of progress, and of what is logged where it wants to', async () => {
    const logged: unknown[] = [];
    const client = await clientOf(at(server), { era }, (one) =>
      one.setNotificationHandler('notifications/message', ({ params }) => void logged.push(params.data)),
    );
    const progress: number[] = [];
    const onprogress = (told: { progress: number }) => void progress.push(told.progress);
    await client.callTool({ name: 'test_tool_with_progress', arguments: {} }, { onprogress });
    expect(progress).toEqual([0, 50, 100]);
    const call = { name: 'test_tool_with_logging', arguments: {} };
    if (era === 'legacy') await client.setLoggingLevel('info');
    await client.callTool(era === 'legacy' ? call : { ...call, _meta: { 'io.modelcontextprotocol/logLevel': 'info' } });
    const said = ['Tool execution started', 'Tool processing data', 'Tool execution completed'];
    expect(logged).toEqual(said);
    if (era === 'modern') await client.callTool(call);
    else {
      await client.setLoggingLevel('error');
      await client.callTool(call);
    }
    expect(logged).toEqual(said);
  });

  test('is asked what the server wants to know, one thing after the other and several at once', async () => {
    const client = await clientOf(at(server), { era, capabilities: able }, obliging);
    const call = async (name: string, args: Record<string, unknown> = {}) =>
      textOf(await client.callTool({ name, arguments: args }));
    expect(await call('test_elicitation', { message: 'Who are you?' })).toContain('"username":"ada"');
    expect(await call('test_sampling', { prompt: 'The capital of France?' })).toBe('LLM response: Paris');
    expect(await call('test_input_required_result_multi_round')).toBe('Ada likes green');
    expect(await call('test_input_required_result_multiple_inputs')).toBe('Paris, Ada, at file:///home');
    const { messages } = await client.getPrompt({ name: 'test_input_required_result_prompt' });
    expect(messages[0]?.content).toMatchObject({ text: 'In the context of tests' });
  });

  test('that cannot be asked is not', async () => {
    const client = await clientOf(at(server), { era });
    const call = client.callTool({ name: 'test_sampling', arguments: { prompt: 'Anything?' } });
    // The SDK's servers say so as an error of the tool where there are sessions.
    const said = await call.then(textOf, (error: Error) => error.message);
    expect(said).toMatch(/capabilit|does not support/i);
  });

  test('gives a call up, and the server hears of it', async () => {
    const upstream = upstreams[server]!;
    const client = await clientOf(at(server), { era });
    const before = upstream.calls.read_held ?? 0;
    const given = upstream.cancelled.length;
    const abort = new AbortController();
    const call = client.callTool({ name: 'read_held', arguments: {} }, { signal: abort.signal });
    const over = expect(call).rejects.toThrow();
    await until(() => (upstream.calls.read_held ?? 0) > before, 'the call');
    abort.abort('enough');
    await over;
    await until(() => upstream.cancelled.length > given, 'the call to be given up');
    expect(upstream.cancelled.at(-1)).toBe('read_held');
  });
});

test.each(['modern', 'legacy'] as const)(
  'a %s client hears each word of a server once that goes on while it asks',
  async (era) => {
    const client = await clientOf(at('old'), { era, capabilities: able }, obliging);
    for (let i = 0; i < 5; i += 1) {
      const progress: number[] = [];
      // The SDK's client counts the rounds in which it answers, as progress of its own.
      const onprogress = (told: { progress: number; message?: string }) => {
        if (!told.message?.startsWith('Fulfilling input')) progress.push(told.progress);
      };
      expect(textOf(await client.callTool({ name: 'tell_while_asking', arguments: {} }, { onprogress }))).toBe('Ada');
      expect(progress).toEqual([1, 2, 3, 4]);
    }
  },
);

test('a client of version 1 of the SDK', async () => {
  const client = await clientV1Of(at('both'));
  expect(namesOf((await client.listTools()).tools)).toContain('add');
  const progress: number[] = [];
  const call = { name: 'test_tool_with_progress', arguments: {} };
  const told = await client.callTool(call, undefined, { onprogress: (one) => void progress.push(one.progress) });
  expect([textOf(told), progress]).toEqual(['All done', [0, 50, 100]]);
  expect((await client.readResource({ uri: 'test://static-text' })).contents).toHaveLength(1);
});

test('a client of the Python SDK, in both eras', { timeout: INSTALL_MS + 60_000 }, async (context) => {
  if (!canRun('python3')) context.skip('there is no python3 on this machine');
  const python = await pythonWith(context, ['mcp>=2'], 'import httpx2; from mcp import Client');
  const said = await runPython(python, '../mcp/client.py', [at('both'), keys.desk]);
  for (const version of ['2025-11-25', '2026-07-28'])
    expect(said[version === '2025-11-25' ? 'legacy' : version]).toEqual({
      version,
      tools: true,
      added: '3',
      told: 'All done',
      progress: [0, 50, 100],
      greeted: 'Hello, Ada!',
      read: '7',
      prompt: "Prompt with arguments: arg1='a', arg2='b'",
    });
});

test.each(['modern', 'legacy'] as const)('a %s client uses real servers over stdio', async (era) => {
  const everything = await clientOf(at('everything'), { era });
  expect(textOf(await everything.callTool({ name: 'echo', arguments: { message: 'hello' } }))).toBe('Echo: hello');
  const progress: number[] = [];
  const steps = { name: 'trigger-long-running-operation', arguments: { duration: 0.2, steps: 2 } };
  await everything.callTool(steps, { onprogress: (one) => void progress.push(one.progress) });
  expect(progress).toEqual([1, 2]);
  const files = await clientOf(at('files'), { era });
  const read = { name: 'read_text_file', arguments: { path: join(directory, 'note.txt') } };
  expect(textOf(await files.callTool(read))).toBe('a note');
  expect(await files.callTool({ ...read, arguments: { path: '/etc/hostname' } })).toMatchObject({ isError: true });
  const memory = await clientOf(at('memory'), { era });
  const entity = { name: era, entityType: 'era', observations: ['it is'] };
  await memory.callTool({ name: 'create_entities', arguments: { entities: [entity] } });
  expect(textOf(await memory.callTool({ name: 'search_nodes', arguments: { query: era } }))).toContain('it is');
});

test('every server is at /mcp, and a chosen set at its own name, with its own names and defaults', async () => {
  const all = await clientOf(`${edge.url}/mcp`);
  const names = namesOf((await all.listTools()).tools);
  expect(names).toEqual(
    expect.arrayContaining(['both__add', 'old__add', 'files__read_text_file', 'memory__read_graph']),
  );
  expect(textOf(await all.callTool({ name: 'old__add', arguments: { a: 2, b: 2 } }))).toBe('4');
  const chosen = await clientOf(at('chosen'));
  const { tools } = await chosen.listTools();
  expect(tools).toMatchObject([{ name: 'plus', description: 'Adds one.' }]);
  expect(chosen.getInstructions()).toBe('Use plus.');
  expect(textOf(await chosen.callTool({ name: 'plus', arguments: { a: 1 } }))).toBe('2');
  await expect(chosen.callTool({ name: 'add', arguments: { a: 1, b: 1 } })).rejects.toThrow('Unknown tool');
});

test("the mesh's own key goes to the server, the caller's never", async () => {
  for (const era of ['modern', 'legacy'] as const) {
    const client = await clientOf(at('both'), { era });
    const headers = textOf(await client.callTool({ name: 'headers', arguments: {} }));
    expect(headers).not.toContain(keys.desk);
    // A secret of the mesh is not shown either: the server sent it back, and it was taken out.
    expect(headers).not.toContain('upstream-secret');
    expect(JSON.parse(headers).authorization).toBeDefined();
  }
});

test('a result that is larger than it may be is refused', async () => {
  const client = await clientOf(at('narrow'));
  expect(textOf(await client.callTool({ name: 'large', arguments: { kib: 10 } }))).toHaveLength(10 * 1024);
  await expect(client.callTool({ name: 'large', arguments: { kib: 200 } })).rejects.toThrow('more than 65536 bytes');
  const failed = await readLog(mesh.log, 0, 'ResponseFailed');
  expect(failed.map(({ data }) => (data as { failure: { reason: string } }).failure.reason)).toContain(
    'RESPONSE_TOO_LARGE',
  );
  expect(textOf(await client.callTool({ name: 'add', arguments: { a: 1, b: 1 } }))).toBe('2');
});

test('an answer that never ends is ended', async () => {
  const client = await clientOf(at('narrow'));
  const call = client.callTool({ name: 'endless', arguments: {} }, { onprogress: () => {} });
  await expect(call).rejects.toThrow('more than 65536 bytes');
  await until(() => upstreams.both!.cancelled.includes('endless'), 'the call to be given up');
});

const post = (body: object, headers: Record<string, string> = {}) => {
  const both = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' };
  const authorization = `Bearer ${keys.desk}`;
  const init = { method: 'POST', headers: { ...both, authorization, ...headers }, body: JSON.stringify(body) };
  return fetch(at('both'), init);
};

test('headers that say something else than the body are refused', async () => {
  const version = '2026-07-28';
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': version,
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const call = {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'write', arguments: { line: 'x' }, _meta },
  };
  const honest = { 'mcp-protocol-version': version, 'mcp-method': 'tools/call', 'mcp-name': 'write' };
  const before = upstreams.both!.calls.write ?? 0;
  for (const lie of [{ 'mcp-method': 'tools/list' }, { 'mcp-name': 'add' }, { 'mcp-protocol-version': '2025-11-25' }]) {
    const refused = await post(call, { ...honest, ...lie });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ id: 1, error: { code: -32_020 } });
  }
  expect(upstreams.both!.calls.write ?? 0).toBe(before);
  expect((await post(call, honest)).status).toBe(200);
  expect(upstreams.both!.calls.write).toBe(before + 1);
});

test('who has no key, or asks for an endpoint that is not there, is told so', async () => {
  const list = { jsonrpc: '2.0', id: 1, method: 'initialize', params: {} };
  const stranger = await post(list, { authorization: 'Bearer nobody' });
  expect([stranger.status, stranger.headers.get('www-authenticate')]).toEqual([
    401,
    expect.stringContaining('resource_metadata='),
  ]);
  const foreign = await post(list, { origin: 'https://evil.example.com' });
  expect(foreign.status).toBe(403);
  const lost = clientOf(at('nothing'));
  await expect(lost).rejects.toThrow();
});
