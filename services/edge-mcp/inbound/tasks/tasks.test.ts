import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { META } from '../../../runtime/mcp/message.ts';
import {
  type Answer,
  answerOf,
  configurationOf,
  connect,
  createWorld,
  type EdgeForTests,
  KEY,
  type Mesh,
  OTHER_KEY,
  post,
  text,
  type World,
} from '../harness.ts';
import { TTL_MS } from './task.ts';

const TASKS = 'io.modelcontextprotocol/tasks';
/** Longer than any test: what becomes a task here has another reason. */
const NEVER = 60_000;

let world: World;
let meshes: Mesh[];
beforeEach(async () => {
  world = await createWorld();
  meshes = [];
  world.behave((mesh) => meshes.push(mesh));
  await world.offer('files', 'TOOL', 'read', { name: 'read', inputSchema: { type: 'object' } });
});
afterEach(() => world.close());

interface How {
  key?: string;
  path?: string;
  declares?: boolean;
  headers?: Record<string, string>;
}
const ask = async (
  { url }: EdgeForTests,
  method: string,
  params: Record<string, unknown>,
  { key = KEY, path = '/mcp/files', declares = true, headers = {} }: How = {},
): Promise<Answer & { status: number }> => {
  const capabilities = { elicitation: {}, ...(declares ? { extensions: { [TASKS]: {} } } : {}) };
  const _meta = {
    [META.protocolVersion]: '2026-07-28',
    [META.clientInfo]: { name: 't', version: '1' },
    [META.clientCapabilities]: capabilities,
  };
  const body = { jsonrpc: '2.0', id: 7, method, params: { ...params, _meta } };
  const said = {
    authorization: `Bearer ${key}`,
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': method,
    'mcp-name': String(params.taskId ?? params.name ?? ''),
    ...headers,
  };
  const response = await post(url, body, said, path);
  return { ...(await answerOf(response)), status: response.status };
};
const callTool = (edge: EdgeForTests, how?: How) => ask(edge, 'tools/call', { name: 'read', arguments: {} }, how);
/** The mesh behind the call of a number, once the call has come to it. */
const meshOf = async (nth: number): Promise<Mesh> => {
  for (let i = 0; i < 600 && meshes.length < nth; i++) await sleep(5);
  expect(meshes.length).toBeGreaterThanOrEqual(nth);
  return meshes[nth - 1]!;
};
/** Calls a tool and has a task of it. */
const taskAt = async (edge: EdgeForTests) => {
  const before = meshes.length;
  const { result } = await callTool(edge);
  expect(result).toMatchObject({ resultType: 'task', status: 'working' });
  return { taskId: String(result.taskId), mesh: await meshOf(before + 1) };
};
const get = async (edge: EdgeForTests, taskId: string) => (await ask(edge, 'tasks/get', { taskId })).result;
const until = async (edge: EdgeForTests, taskId: string, is: (task: Answer['result']) => boolean) => {
  for (let i = 0; i < 600; i++) {
    const task = await get(edge, taskId);
    if (is(task)) return task;
    await sleep(5);
  }
  throw new Error(`the task stays ${JSON.stringify(await get(edge, taskId))}`);
};
const untilStatus = (edge: EdgeForTests, taskId: string, status: string) =>
  until(edge, taskId, (task) => task.status === status);
const question = (id: string) => ({
  id,
  method: 'elicitation/create',
  params: { mode: 'form', message: id, requestedSchema: { type: 'object', properties: {} } },
});
const accept = { action: 'accept', content: { ok: true } };

/** What a stream of `subscriptions/listen` says, message by message, until it is left. */
const listen = async ({ url }: EdgeForTests, notifications: object) => {
  const capabilities = { extensions: { [TASKS]: {} } };
  const _meta = { [META.protocolVersion]: '2026-07-28', [META.clientCapabilities]: capabilities };
  const body = { jsonrpc: '2.0', id: 'l', method: 'subscriptions/listen', params: { notifications, _meta } };
  const left = new AbortController();
  const response = await fetch(`${url}/mcp/files`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: {
      authorization: `Bearer ${KEY}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'subscriptions/listen',
    },
    signal: left.signal,
  });
  const decoder = new TextDecoder();
  const reader = response.body!.getReader();
  let read = '';
  const next = async (): Promise<Heard> => {
    for (;;) {
      const end = read.indexOf('\n\n');
      if (end >= 0) {
        const data = /^data: (.*)$/m.exec(read.slice(0, end))?.[1];
        read = read.slice(end + 2);
        if (data) return JSON.parse(data);
        continue;
      }
      const { done, value } = await reader.read();
      if (done) throw new Error(`the stream ended: ${read}`);
      read += decoder.decode(value, { stream: true });
    }
  };
  return { next, leave: () => left.abort() };
};
interface Heard {
  method?: string;
  params: { status?: string; taskId?: string; [member: string]: unknown };
}

describe('a call that goes on', () => {
  it('becomes a task, which any instance tells of until its result', async () => {
    const [first, second] = [await world.edge({ taskMs: 1 }), await world.edge()];
    const { result } = await callTool(first);
    expect(result).toMatchObject({ resultType: 'task', status: 'working', ttlMs: TTL_MS, pollIntervalMs: 500 });
    const taskId = String(result.taskId);
    const mesh = await meshOf(1);
    expect(await get(second, taskId)).toMatchObject({ resultType: 'complete', taskId, status: 'working' });
    await mesh.chunk({ method: 'notifications/progress', params: { progress: 1, message: 'half' } });
    for (const edge of [first, second])
      expect(await until(edge, taskId, (task) => task.statusMessage === 'half')).toMatchObject({ status: 'working' });
    await mesh.complete(text('done'));
    for (const edge of [first, second, await world.edge()])
      expect(await untilStatus(edge, taskId, 'completed')).toMatchObject({ taskId, ...text('done') });

    const [received] = await world.until('mesh.requests', 'RequestReceived');
    const { deadline, message } = received!.data.request;
    expect(deadline - received!.time).toBeGreaterThan(configurationOf().limits.deadlineMs);
    const { params } = JSON.parse(message.toString());
    expect(params._meta[META.clientCapabilities]).toEqual({ elicitation: {}, extensions: {} });
    expect(world.events('mesh.cancellations', 'CancelRequested')).toEqual([]);
  });

  it('is answered plainly where it is fast, or its client takes no tasks', async () => {
    const [patient, eager] = [await world.edge({ taskMs: NEVER }), await world.edge({ taskMs: 1 })];
    world.behave(async (mesh) => {
      await sleep(30);
      await mesh.complete(text('done'));
    });
    expect((await callTool(patient)).result).toMatchObject({ resultType: 'complete', ...text('done').result });
    expect((await callTool(eager, { declares: false })).result).toMatchObject({ resultType: 'complete' });
    const { client } = await connect(world, eager.url, { mode: 'modern' });
    expect(await client.callTool({ name: 'read' })).toMatchObject(text('done').result);
    expect(client.getServerCapabilities()?.extensions).toEqual({ [TASKS]: {} });
    const { client: legacy } = await connect(world, eager.url, { mode: 'legacy' });
    expect(await legacy.callTool({ name: 'read' })).toMatchObject(text('done').result);
    expect(legacy.getServerCapabilities()?.extensions).toBeUndefined();
  });

  it('outlives its instance, which hands over what it has when it stops', async () => {
    const [first, second] = [await world.edge({ taskMs: 1 }), await world.edge({ taskMs: NEVER })];
    const { taskId, mesh } = await taskAt(first);
    const waiting = callTool(second);
    await world.until('mesh.requests', 'RequestReceived', 2);
    await Promise.all([first.stop(), second.stop()]);
    const { result } = await waiting;
    expect(result).toMatchObject({ resultType: 'task' });
    await mesh.complete(text('one'));
    await (await meshOf(2)).complete(text('two'));
    const third = await world.edge();
    expect(await untilStatus(third, taskId, 'completed')).toMatchObject(text('one'));
    expect(await untilStatus(third, String(result.taskId), 'completed')).toMatchObject(text('two'));
    expect(world.events('mesh.cancellations', 'CancelRequested')).toEqual([]);
  });

  it('goes on at its connection where too many tasks are open', async () => {
    const { limits } = configurationOf();
    world.configuration.current = configurationOf({ limits: { ...limits, requestsInFlightPerCredential: 1 } });
    const edge = await world.edge({ taskMs: 1 });
    const { taskId, mesh } = await taskAt(edge);
    world.behave(async (other) => {
      await sleep(30);
      await other.complete(text('two'));
    });
    expect((await callTool(edge)).result).toMatchObject({ resultType: 'complete', ...text('two').result });
    await mesh.complete(text('one'));
    await untilStatus(edge, taskId, 'completed');
    world.behave((other) => meshes.push(other));
    await taskAt(edge);
  });

  it('takes no place of a task where it is refused at once', async () => {
    const { limits } = configurationOf();
    world.configuration.current = configurationOf({ limits: { ...limits, requestsInFlightPerCredential: 1 } });
    const edge = await world.edge({ taskMs: 1 });
    expect((await ask(edge, 'tools/call', { name: 'read', arguments: 'none' })).error.code).toBe(-32602);
    await taskAt(edge);
  });
});

describe('a task', () => {
  it('says how its call failed', async () => {
    const edge = await world.edge({ taskMs: 1 });
    const [one, two, three] = [await taskAt(edge), await taskAt(edge), await taskAt(edge)];
    await one.mesh.complete({ error: { code: -32050, message: 'Too late.' } });
    await two.mesh.fail('OUTCOME_UNKNOWN', 'It died.');
    await three.mesh.deny('UNDECLARED');
    const error = async ({ taskId }: { taskId: string }) => (await untilStatus(edge, taskId, 'failed')).error;
    expect(await error(one)).toEqual({ code: -32050, message: 'Too late.' });
    expect(await error(two)).toMatchObject({ code: 502, data: { reason: 'OUTCOME_UNKNOWN' } });
    expect(await error(three)).toEqual({ code: -32602, message: 'Unknown tool: read' });
  });

  it('is cancelled at any instance, and that is said once', async () => {
    const [first, second] = [await world.edge({ taskMs: 1 }), await world.edge()];
    const { taskId, mesh } = await taskAt(first);
    const { result } = await ask(second, 'tasks/cancel', { taskId });
    expect(result).toEqual({ resultType: 'complete', _meta: expect.anything() });
    const [cancelled] = await world.until('mesh.cancellations', 'CancelRequested');
    expect(cancelled).toMatchObject({ correlationId: mesh.request.id, key: mesh.request.contextId });
    expect(await get(second, taskId)).toMatchObject({ status: 'working' });
    await mesh.fail('CANCELLED', 'Nobody waits.');
    for (const edge of [first, second]) await untilStatus(edge, taskId, 'cancelled');
    expect((await ask(first, 'tasks/cancel', { taskId })).result).toMatchObject({ resultType: 'complete' });
    await callTool(first);
    await world.until('mesh.requests', 'RequestReceived', 2);
    expect(world.events('mesh.cancellations', 'CancelRequested')).toHaveLength(1);
  });

  it('asks for input, and gets it one by one at any instance', async () => {
    const [first, second] = [await world.edge({ taskMs: NEVER }), await world.edge()];
    world.behave(async (mesh) => {
      meshes.push(mesh);
      await mesh.chunk(question('1-1'));
      await mesh.chunk(question('1-2'));
      const inputs = await world.until('mesh.inputs', 'InputProvided', 2);
      await mesh.complete(text(inputs.map(({ data }) => `${data.inputId} ${data.payload}`).join('; ')));
    });
    const { taskId, mesh } = await taskAt(first);
    const { inputRequests } = await until(second, taskId, (task) => Object.keys(task.inputRequests ?? {}).length === 2);
    const { id: _, ...asked } = question('1-1');
    expect(inputRequests).toMatchObject({ '1-1': asked });
    const update = (edge: EdgeForTests, inputResponses: object) =>
      ask(edge, 'tasks/update', { taskId, inputResponses });
    const { result } = await update(second, { '1-1': accept, unknown: accept });
    expect(result).toEqual({ resultType: 'complete', _meta: expect.anything() });
    const next = await get(second, taskId);
    expect(Object.keys(next.inputRequests as object)).toEqual(['1-2']);
    await update(second, { '1-1': { action: 'decline' } });
    await update(first, { '1-2': accept });
    const said = JSON.stringify({ result: accept });
    expect(await untilStatus(second, taskId, 'completed')).toMatchObject(text(`1-1 ${said}; 1-2 ${said}`));
    const inputs = world.events('mesh.inputs', 'InputProvided');
    expect(inputs.map(({ key, correlationId }) => [key, correlationId])).toEqual(
      [1, 2].map(() => [mesh.request.contextId, mesh.request.id]),
    );
  });

  it('is found by nobody else, nowhere else, and not by an id that is made up', async () => {
    const edge = await world.edge({ taskMs: 1 });
    const { taskId } = await taskAt(edge);
    const notFound = { status: 200, error: { code: -32602, message: 'Task not found' } };
    for (const method of ['tasks/get', 'tasks/cancel', 'tasks/update'])
      for (const [id, how] of [
        [taskId, { key: OTHER_KEY }],
        [taskId, { path: '/mcp/desk' }],
        [`${taskId.slice(0, -4)}AAAA`, {}],
        ['none', {}],
      ] as [string, How][])
        expect(await ask(edge, method, { taskId: id, inputResponses: {} }, how)).toMatchObject(notFound);
    expect(world.events('mesh.cancellations', 'CancelRequested')).toEqual([]);
  });

  it('is for clients that declare the extension, and name it in their headers', async () => {
    const edge = await world.edge({ taskMs: 1 });
    const { taskId } = await taskAt(edge);
    const missing = {
      status: 400,
      error: { code: -32021, data: { requiredCapabilities: { extensions: { [TASKS]: {} } } } },
    };
    for (const method of ['tasks/get', 'tasks/cancel', 'tasks/update'])
      expect(await ask(edge, method, { taskId, inputResponses: {} }, { declares: false })).toMatchObject(missing);
    const listen = { notifications: { taskIds: [taskId] } };
    expect(await ask(edge, 'subscriptions/listen', listen, { declares: false })).toMatchObject(missing);
    const mismatch = { status: 400, error: { code: -32020 } };
    for (const headers of [{ 'mcp-name': 'another' }, { 'mcp-method': 'tasks/cancel' }] as Record<string, string>[])
      expect(await ask(edge, 'tasks/get', { taskId }, { headers })).toMatchObject(mismatch);
    for (const method of ['tasks/result', 'tasks/list'])
      expect(await ask(edge, method, { taskId })).toMatchObject({ error: { code: -32601 } });
    expect(await ask(edge, 'tasks/update', { taskId })).toMatchObject({ error: { code: -32602 } });
  });
});

describe('a client that listens to tasks', () => {
  const _meta = { 'io.modelcontextprotocol/subscriptionId': 'l' };
  const acknowledged = (notifications: object) => ({
    method: 'notifications/subscriptions/acknowledged',
    params: { notifications, _meta },
  });
  const told = (taskId: string, more: object) => ({
    method: 'notifications/tasks',
    params: { _meta, taskId, ttlMs: TTL_MS, ...more },
  });

  it('is told of each change as tasks/get would tell it, at any instance, until the end', async () => {
    const [first, second] = [await world.edge({ taskMs: 1 }), await world.edge()];
    const { taskId, mesh } = await taskAt(first);
    for (const edge of [first, second]) {
      const heard = await listen(edge, { taskIds: [taskId] });
      expect(await heard.next()).toMatchObject(acknowledged({ taskIds: [taskId] }));
      expect(await heard.next()).toMatchObject(told(taskId, { status: 'working' }));
      heard.leave();
    }
    const streams = [await listen(first, { taskIds: [taskId] }), await listen(second, { taskIds: [taskId] })];
    for (const heard of streams) for (let i = 0; i < 2; i++) await heard.next();
    const hear = async (more: object) => {
      for (const heard of streams) expect(await heard.next()).toMatchObject(told(taskId, more));
    };
    await mesh.chunk({ method: 'notifications/progress', params: { progress: 1, message: 'half' } });
    await hear({ status: 'working', statusMessage: 'half' });
    await mesh.chunk(question('1-1'));
    const { id: _, ...asked } = question('1-1');
    await hear({ status: 'input_required', inputRequests: { '1-1': asked } });
    await ask(first, 'tasks/update', { taskId, inputResponses: { '1-1': accept } });
    await hear({ status: 'working' });
    await mesh.complete(text('done'));
    const { resultType: _type, _meta: _info, ...ended } = await untilStatus(second, taskId, 'completed');
    const { pollIntervalMs: _poll, ...same } = ended;
    await hear(same);

    const late = await listen(await world.edge(), { taskIds: [taskId] });
    await late.next();
    expect(await late.next()).toMatchObject(told(taskId, same));
  });

  it('hears of its own tasks only, and beside them of what else it listens to', async () => {
    const edge = await world.edge({ taskMs: 1 });
    const { taskId, mesh } = await taskAt(edge);
    const own = await listen(edge, { taskIds: [taskId, 'none'] });
    expect(await own.next()).toEqual({ jsonrpc: '2.0', ...acknowledged({ taskIds: [taskId] }) });
    await own.next();
    const both = await listen(edge, { toolsListChanged: true, taskIds: [taskId] });
    expect(await both.next()).toEqual({
      jsonrpc: '2.0',
      ...acknowledged({ toolsListChanged: true, taskIds: [taskId] }),
    });
    await both.next();
    await world.offer('files', 'TOOL', 'write', { name: 'write', inputSchema: { type: 'object' } });
    expect(await both.next()).toMatchObject({ method: 'notifications/tools/list_changed', params: { _meta } });
    await mesh.complete(text('done'));
    for (const heard of [own, both]) expect(await heard.next()).toMatchObject(told(taskId, { status: 'completed' }));

    const none = await listen(edge, { taskIds: ['none'] });
    expect(await none.next()).toMatchObject(acknowledged({}));
    expect(await none.next()).toMatchObject({ id: 'l', result: { resultType: 'complete' } });
    const params = { notifications: { taskIds: taskId } };
    expect(await ask(edge, 'subscriptions/listen', params)).toMatchObject({ error: { code: -32602 } });
  });

  it('is told by an instance that stops that it ends', async () => {
    const edge = await world.edge({ taskMs: 1 });
    const { taskId } = await taskAt(edge);
    const heard = await listen(edge, { taskIds: [taskId] });
    await heard.next();
    await heard.next();
    const stopped = edge.stop();
    expect(await heard.next()).toMatchObject({ id: 'l', result: { resultType: 'complete' } });
    await stopped;
  });
});
