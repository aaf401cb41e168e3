/** An agent of the A2A SDK that knows nothing of the mesh, and clients of the SDKs, with the mesh between them. */
import { Task, TaskState, verifyAgentCardSignature } from '@a2a-js/sdk';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  asTask,
  type Binding,
  bindings,
  type ClientOptions,
  cardOf,
  clientOf,
  collect,
  inShort,
  sending,
  stateOf,
  textOf,
} from './agents/client.ts';
import { type HttpAgent, startHttpAgent } from './agents/http-agent.ts';
import { type AgentMesh, createAgentMesh, keys, type Replica } from './agents/mesh.ts';
import { canRun, INSTALL_MS, pythonWith, runPython } from './agents/python.ts';
import { startWebhook } from './agents/webhook.ts';
import { until } from './mesh.ts';

let agent: HttpAgent;
let mesh: AgentMesh;
let edge: Replica;

beforeAll(async () => {
  agent = await startHttpAgent('obedient');
  const place = { url: agent.url };
  mesh = await createAgentMesh({ agents: { obedient: place, hidden: place }, a2a: { root: 'obedient' } });
  edge = await mesh.serve();
});
afterAll(async () => {
  await mesh?.close();
  await agent?.close();
});

const client = (binding: Binding = 'JSONRPC', options: ClientOptions = {}, name = 'obedient') =>
  clientOf(edge.url, name, binding, options);
const everyTask = {
  tenant: '',
  contextId: '',
  status: TaskState.TASK_STATE_UNSPECIFIED,
  pageToken: '',
  statusTimestampAfter: undefined,
};

const clients: [Binding, '1.0' | '0.3'][] = [
  ...bindings.map((binding): [Binding, '1.0'] => [binding, '1.0']),
  ...bindings.map((binding): [Binding, '0.3'] => [binding, '0.3']),
];

describe.each(clients)('a client that speaks %s of A2A %s', (binding, version) => {
  test('sends, and goes on with the task when it is asked', async () => {
    const one = await client(binding, { version });
    const asked = asTask(await one.sendMessage(sending('WORKING first INPUT_REQUIRED')));
    expect(stateOf(asked)).toBe('INPUT_REQUIRED');
    const { id: taskId, contextId } = asked;
    const done = asTask(await one.sendMessage(sending('second COMPLETED', { taskId, contextId })));
    expect([done.id, done.contextId, stateOf(done)]).toEqual([taskId, contextId, 'COMPLETED']);
    expect(done.history.map(({ parts }) => textOf(parts)[0])).toEqual([
      'WORKING first INPUT_REQUIRED',
      'second COMPLETED',
    ]);
    // 0.3's protobuf can't leave it out: without a number it asks for none.
    const got = await one.getTask({ tenant: '', id: taskId, historyLength: 10 });
    expect(Task.toJSON(got)).toEqual(Task.toJSON(done));
    const said = await one.sendMessage(sending('say hello'));
    expect('messageId' in said && textOf(said.parts)).toEqual(['hello']);
  });

  test('is streamed what the agent says, in order, from the start and from where it subscribes', async () => {
    const one = await client(binding, { version });
    const all = await collect(one.sendMessageStream(sending('WORKING count:20:1 COMPLETED')));
    const words = ['task SUBMITTED', 'WORKING', ...Array.from({ length: 20 }, (_, i) => `${i} `), 'COMPLETED'];
    expect(all.map(inShort)).toEqual(words);
    const later = asTask(await one.sendMessage(sending('WORKING wait', {}, { returnImmediately: true })));
    const following = one.resubscribeTask({ tenant: '', id: later.id });
    expect(inShort((await following.next()).value!)).toMatch(/^task /);
    await one.cancelTask({ tenant: '', id: later.id, metadata: undefined });
    expect((await collect(following)).map(inShort).at(-1)).toBe('CANCELED');
    expect(stateOf(await one.getTask({ tenant: '', id: later.id, historyLength: 0 }))).toBe('CANCELED');
  });
});

// What an agent's server streams first is the task as it was (A2A 1.0, 3.1.2): that it is still said to wait is no answer.
test('an agent that does not say when it asked is gone on with', async () => {
  const one = await client();
  const { id: taskId } = asTask(await one.sendMessage(sending('INPUT_REQUIRED!')));
  expect(stateOf(asTask(await one.sendMessage(sending('COMPLETED!', { taskId }))))).toBe('COMPLETED');
});

describe.each(bindings)('a client that speaks %s', (binding) => {
  test('lists its tasks by filters and pages', async () => {
    const one = await client(binding, { key: 'shop' });
    const contextId = `list-${binding}`;
    const made: string[] = [];
    for (const word of ['COMPLETED', 'INPUT_REQUIRED', 'COMPLETED'])
      made.unshift(asTask(await one.sendMessage(sending(`x ${word}`, { contextId }))).id);
    const inContext = { ...everyTask, contextId };
    const all = await one.listTasks(inContext);
    expect([all.totalSize, all.nextPageToken, all.tasks.map(({ id }) => id)]).toEqual([3, '', made]);
    expect(all.tasks.flatMap(({ artifacts }) => artifacts)).toEqual([]);
    const first = await one.listTasks({ ...inContext, pageSize: 2, includeArtifacts: true });
    const second = await one.listTasks({ ...inContext, pageSize: 2, pageToken: first.nextPageToken });
    expect([first, second].map(({ tasks }) => tasks.map(({ id }) => id))).toEqual([made.slice(0, 2), made.slice(2)]);
    expect(textOf(first.tasks[0]?.artifacts[0]?.parts)).toEqual(['x']);
    const waiting = await one.listTasks({ ...inContext, status: TaskState.TASK_STATE_INPUT_REQUIRED });
    expect(waiting.tasks.map(({ id }) => id)).toEqual([made[1]]);
    const since = { ...inContext, statusTimestampAfter: all.tasks[0]!.status!.timestamp };
    expect((await one.listTasks(since)).tasks.map(({ id }) => id)).toEqual([made[0]]);
  });

  test('cancels what is open, and nothing else', async () => {
    const one = await client(binding);
    const { id } = asTask(await one.sendMessage(sending('INPUT_REQUIRED')));
    expect(stateOf(await one.cancelTask({ tenant: '', id, metadata: undefined }))).toBe('CANCELED');
    expect(stateOf(await one.cancelTask({ tenant: '', id, metadata: undefined }))).toBe('CANCELED');
    const done = asTask(await one.sendMessage(sending('COMPLETED')));
    const again = one.cancelTask({ tenant: '', id: done.id, metadata: undefined });
    await expect(again).rejects.toMatchObject({ name: expect.stringContaining('TaskNotCancelable') });
  });

  test('is told by its webhook what it asked to be told', async () => {
    const webhook = await startWebhook(edge.url);
    onTestFinished(webhook.close);
    const one = await client(binding);
    const authentication = { scheme: 'Bearer', credentials: 'secret-credential' };
    const wanted = { tenant: '', id: 'mine', taskId: '', url: webhook.url, token: 'secret-token', authentication };
    const begun = sending('INPUT_REQUIRED', {}, { taskPushNotificationConfig: wanted });
    const { id: taskId, contextId } = asTask(await one.sendMessage(begun));
    const other = await one.createTaskPushNotificationConfig({ ...wanted, id: 'other', taskId, token: 'other-token' });
    expect(other).toMatchObject({ id: 'other', taskId, url: webhook.url });
    const asked = { tenant: '', taskId, id: 'mine' };
    expect(await one.getTaskPushNotificationConfig(asked)).toMatchObject({ token: 'secret-token', authentication });
    const list = () => one.listTaskPushNotificationConfig({ tenant: '', taskId, pageSize: 10, pageToken: '' });
    expect((await list()).configs.map(({ id }) => id).sort()).toEqual(['mine', 'other']);
    await one.deleteTaskPushNotificationConfig({ tenant: '', taskId, id: 'other' });
    expect((await list()).configs.map(({ id }) => id)).toEqual(['mine']);
    await one.sendMessage(sending('WORKING more COMPLETED', { taskId, contextId }));
    const told = () => webhook.told.filter(({ headers }) => headers['x-a2a-notification-token'] === 'secret-token');
    const states = () => told().map(({ update }) => update.task?.status?.state ?? update.statusUpdate?.status?.state);
    await until(() => states().includes('TASK_STATE_COMPLETED'), 'the webhook to be told of the end');
    expect(states()).toEqual([
      'TASK_STATE_SUBMITTED',
      'TASK_STATE_INPUT_REQUIRED',
      'TASK_STATE_WORKING',
      undefined,
      'TASK_STATE_COMPLETED',
    ]);
    expect(told().every(({ headers }) => headers.authorization === 'Bearer secret-credential')).toBe(true);
    expect(told().every(({ claims }) => claims.taskId === taskId)).toBe(true);
    expect(webhook.refused).toEqual([]);
  });

  test('finds nothing of the tasks of others', async () => {
    const { id, contextId } = asTask(await (await client(binding)).sendMessage(sending('INPUT_REQUIRED')));
    for (const key of ['shop', 'rival'] as const) {
      const other = await client(binding, { key });
      const notFound = { name: expect.stringContaining('TaskNotFound') };
      await expect(other.getTask({ tenant: '', id, historyLength: 0 })).rejects.toMatchObject(notFound);
      await expect(other.cancelTask({ tenant: '', id, metadata: undefined })).rejects.toMatchObject(notFound);
      await expect(other.sendMessage(sending('mine', { taskId: id }))).rejects.toMatchObject(notFound);
      await expect(collect(other.resubscribeTask({ tenant: '', id }))).rejects.toMatchObject(notFound);
      expect((await other.listTasks({ ...everyTask, contextId })).tasks).toEqual([]);
    }
  });

  test('is told why it may not', async () => {
    const heard = agent.heard.length;
    const denied = await client(binding, { key: 'shop' }, 'hidden');
    await expect(denied.sendMessage(sending('COMPLETED'))).rejects.toThrow(/Denied: .*others-may-not-hidden/);
    await expect(collect(denied.sendMessageStream(sending('COMPLETED')))).rejects.toThrow('Denied');
    const foreign = await client(binding, { key: 'rival' });
    await expect(foreign.sendMessage(sending('COMPLETED'))).rejects.toThrow('Denied');
    expect(agent.heard).toHaveLength(heard);
  });
});

// biome-ignore lint/suspicious/noExplicitAny: what it is, is what is tested.
type Answer = any;

const ask = async (path: string, key: keyof typeof keys | undefined, init: RequestInit = {}) => {
  const authorization: Record<string, string> = key ? { authorization: `Bearer ${keys[key]}` } : {};
  const headers = { 'content-type': 'application/json', 'a2a-version': '1.0', ...authorization, ...init.headers };
  const response = await fetch(edge.url + path, { ...init, headers });
  return { status: response.status, body: (await response.json()) as Answer };
};
const post = (body: unknown, { path = '/a2a/obedient', key = 'desk' as keyof typeof keys, headers = {} } = {}) =>
  ask(path, key, { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) });
const rpc = (method: string, params: object) => ({ jsonrpc: '2.0', id: 7, method, params });
const message = { messageId: 'm', role: 'ROLE_USER', parts: [{ text: 'COMPLETED' }] };

test('GET /a2a shows to each what policy lets it ask', async () => {
  const seen = async (key?: keyof typeof keys) => {
    const { body } = await ask('/a2a', key);
    return body.agents?.map(({ agent }: { agent: string }) => agent);
  };
  await cardOf(edge.url, 'hidden');
  expect(await seen('desk')).toEqual(['hidden', 'obedient']);
  expect(await seen('shop')).toEqual(['obedient']);
  expect(await seen('rival')).toEqual([]);
  expect(await ask('/a2a', undefined)).toMatchObject({ status: 401 });
  const { body } = await ask('/a2a', 'shop');
  expect(body.agents[0]).toMatchObject({ description: 'Does as it is told.', skills: [{ id: 'obey' }] });
});

test('the card is the mesh’s, signed with its key, and leads to the mesh', async () => {
  const card = await cardOf(edge.url, 'obedient');
  expect(card.supportedInterfaces.map(({ url }) => new URL(url.replace(/^(?!http)/, 'grpc://')).host)).toEqual(
    card.supportedInterfaces.map(({ protocolBinding }) =>
      protocolBinding === 'GRPC' ? edge.grpc : new URL(edge.url).host,
    ),
  );
  const keyOf = async (kid: string, jku?: string) => {
    expect(jku).toBe(`${edge.url}/.well-known/jwks.json`);
    const { keys } = (await (await fetch(jku!)).json()) as Answer;
    return keys.find((key: { kid: string }) => key.kid === kid);
  };
  await verifyAgentCardSignature(keyOf)(card);
  // The SDK tells the console of each signature that does not hold.
  const debug = vi.spyOn(console, 'debug').mockImplementation(() => {});
  onTestFinished(() => debug.mockRestore());
  const forged = { ...card, description: 'Another.' };
  await expect(verifyAgentCardSignature(keyOf)(forged)).rejects.toThrow();
  const root = await ask('/.well-known/agent-card.json', undefined);
  expect(root.body.name).toBe('obedient');
});

test('an agent that is not there is not found, in the words of each binding', async () => {
  const path = '/a2a/nobody';
  const { status, body } = await post(rpc('SendMessage', { message }), { path });
  expect([status, body.jsonrpc, body.error.code]).toEqual([404, '2.0', -32_000]);
  expect(body.error.message).toContain('no agent nobody');
  expect(await ask(`${path}/tasks`, 'desk')).toMatchObject({
    status: 404,
    body: { error: { code: 404, status: 'NOT_FOUND' } },
  });
  const lost = await client('GRPC');
  const request = { ...sending('COMPLETED'), tenant: 'nobody' };
  await expect(lost.sendMessage(request)).rejects.toThrow('no agent nobody');
});

test('bad input gets the error that the protocol has for it', async () => {
  const coded = async (answer: ReturnType<typeof post>) => (await answer).body.error.code;
  const version = { headers: { 'a2a-version': '2.7' } };
  expect(await coded(post(rpc('SendMessage', { message }), version))).toBe(-32_009);
  const rest = await ask('/a2a/obedient/tasks', 'desk', version);
  expect([rest.status, JSON.stringify(rest.body)]).toEqual([400, expect.stringContaining('VERSION_NOT_SUPPORTED')]);
  expect(await coded(post('{"jsonrpc": "2.0", '))).toBe(-32_700);
  expect(await coded(post({ jsonrpc: '1.0', id: 7, method: 'SendMessage' }))).toBe(-32_600);
  expect(await coded(post(rpc('Nonsense', {})))).toBe(-32_601);
  expect(await coded(post(rpc('SendMessage', { message: { ...message, parts: [] } })))).toBe(-32_602);
  expect(await coded(post(rpc('GetTask', { id: 'nothing' })))).toBe(-32_001);
  const bare = await fetch(`${edge.url}/a2a/obedient`, { method: 'POST', body: '{}' });
  expect([bare.status, ((await bare.json()) as Answer).error.message]).toEqual([401, expect.stringContaining('key')]);
});

test('a client of the Python SDK: sends, streams, lists, cancels', {
  timeout: INSTALL_MS + 60_000,
}, async (context) => {
  if (!canRun('python3')) context.skip('there is no python3 on this machine');
  const python = await pythonWith(context, ['a2a-sdk[grpc]'], 'import a2a.client, grpc, httpx');
  const said = await runPython(python, 'client.py', [edge.url, keys.desk]);
  for (const binding of bindings)
    expect(said[binding]).toEqual({
      sent: 'TASK_STATE_COMPLETED',
      message: 'hello',
      streamed: ['0 ', '1 ', '2 ', 'TASK_STATE_COMPLETED'],
      listed: true,
      cancelled: 'TASK_STATE_CANCELED',
      stranger: true,
    });
});
