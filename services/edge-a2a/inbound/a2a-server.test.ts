import { Message, Role, type StreamResponse, Task, TaskState } from '@a2a-js/sdk';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bindings, createWorld, KEY, OTHER_KEY, requestIn, STRANGER_KEY, type World } from './harness.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

const sending = (text: string, more: object = {}, configuration: object = {}) => ({
  tenant: '',
  message: Message.fromJSON({ messageId: `m-${text}`, role: 'ROLE_USER', parts: [{ text }], ...more }),
  configuration: {
    acceptedOutputModes: [],
    taskPushNotificationConfig: undefined,
    historyLength: undefined,
    returnImmediately: false,
    ...configuration,
  },
  metadata: undefined,
});

const asTask = (result: Message | Task): Task => {
  if ('messageId' in result) throw new Error('a message, where a task was expected');
  return result;
};

const collect = async (stream: AsyncIterable<StreamResponse>) => {
  const all: StreamResponse[] = [];
  for await (const one of stream) all.push(one);
  return all;
};

const inShort = ({ payload }: StreamResponse): string => {
  if (payload?.$case === 'artifactUpdate')
    return (payload.value.artifact?.parts ?? []).map(({ content }) => String(content?.value)).join('');
  if (payload?.$case === 'task') return `task ${TaskState[payload.value.status!.state]}`;
  if (payload?.$case === 'statusUpdate') return TaskState[payload.value.status!.state];
  return payload?.$case ?? '';
};

/** Does what it is asked: a text of words, each a state, an artifact's text or a message. */
const obey = async ({ begin, status, artifact, answer, text }: Parameters<Parameters<World['behave']>[0]>[0]) => {
  if (text.startsWith('say ')) return answer(text.slice(4));
  await begin();
  let first = true;
  for (const word of text.split(' '))
    if (/^[A-Z_]+$/.test(word)) await status(word);
    else {
      await artifact(word, !first);
      first = false;
    }
};

describe.each(bindings)('a client that speaks %s', (binding) => {
  it('sends a message and gets the task when the turn has ended', async () => {
    world.behave(obey);
    const client = await world.client(binding);
    const task = asTask(await client.sendMessage(sending('WORKING one two COMPLETED')));
    expect(task.status?.state).toBe(TaskState.TASK_STATE_COMPLETED);
    expect(task.artifacts[0]?.parts.map(({ content }) => content?.value)).toEqual(['one', 'two']);
    expect(task.history.map(({ role }) => role)).toEqual([Role.ROLE_USER]);
    expect(Task.toJSON(await client.getTask({ tenant: '', id: task.id }))).toEqual(Task.toJSON(task));
    const request = requestIn(await world.events('mesh.requests', 'RequestReceived'));
    expect(request).toMatchObject({
      taskId: task.id,
      contextId: task.contextId,
      action: 'agent.send',
      resource: { type: 'agent', id: 'helper' },
      protocol: 'a2a',
      streaming: false,
      subject: { agent: 'agent-first', tenant: 'acme', actors: [] },
    });
  });

  it('gets a message where the agent answers with one', async () => {
    world.behave(obey);
    const result = await (await world.client(binding)).sendMessage(sending('say hello'));
    expect('messageId' in result && result.parts[0]?.content?.value).toBe('hello');
  });

  it('returns immediately where it asks so, and lets the task go on', async () => {
    let finish = () => {};
    world.behave(async ({ begin, status }) => {
      await begin();
      finish = () => void status('COMPLETED');
    });
    const client = await world.client(binding);
    const task = asTask(await client.sendMessage(sending('later', {}, { returnImmediately: true })));
    expect(task.status?.state).toBe(TaskState.TASK_STATE_SUBMITTED);
    const following = collect(client.resubscribeTask({ tenant: '', id: task.id }));
    await new Promise((resolve) => setTimeout(resolve, 50));
    finish();
    expect((await following).map(inShort)).toEqual(['task TASK_STATE_SUBMITTED', 'TASK_STATE_COMPLETED']);
  });

  it('streams a turn, and another of the same task', async () => {
    world.behave(obey);
    const client = await world.client(binding);
    const first = await collect(client.sendMessageStream(sending('WORKING one two INPUT_REQUIRED')));
    expect(first.map(inShort)).toEqual([
      'task TASK_STATE_SUBMITTED',
      'TASK_STATE_WORKING',
      'one',
      'two',
      'TASK_STATE_INPUT_REQUIRED',
    ]);
    const task = first[0]!.payload!.value as Task;
    const second = await collect(client.sendMessageStream(sending('COMPLETED', { taskId: task.id })));
    expect(second.map(inShort)).toEqual(['task TASK_STATE_INPUT_REQUIRED', 'TASK_STATE_COMPLETED']);
    const request = requestIn(await world.events('mesh.requests', 'RequestReceived'));
    expect(request).toMatchObject({ taskId: task.id, contextId: task.contextId, streaming: true });
    const known = await client.getTask({ tenant: '', id: task.id });
    expect(known.history.map(({ messageId }) => messageId)).toEqual([
      'm-WORKING one two INPUT_REQUIRED',
      'm-COMPLETED',
    ]);
    expect((await client.getTask({ tenant: '', id: task.id, historyLength: 1 })).history).toHaveLength(1);
    expect((await client.getTask({ tenant: '', id: task.id, historyLength: 0 })).history).toHaveLength(0);
  });

  it('lists its own tasks, page by page', async () => {
    world.behave(obey);
    const client = await world.client(binding);
    const other = await world.client(binding, { key: OTHER_KEY });
    for (const word of ['one', 'two', 'three']) await client.sendMessage(sending(`${word} COMPLETED`));
    await other.sendMessage(sending('four COMPLETED'));
    const asked = {
      tenant: '',
      contextId: '',
      status: TaskState.TASK_STATE_UNSPECIFIED,
      pageToken: '',
      statusTimestampAfter: undefined,
    };
    const all = await client.listTasks({ ...asked, includeArtifacts: true });
    expect([all.totalSize, all.tasks.length, all.nextPageToken]).toEqual([3, 3, '']);
    expect(all.tasks.map(({ artifacts }) => artifacts[0]?.parts[0]?.content?.value)).toEqual(['three', 'two', 'one']);
    const page = await client.listTasks({ ...asked, pageSize: 2 });
    const rest = await client.listTasks({ ...asked, pageSize: 2, pageToken: page.nextPageToken });
    expect([...page.tasks, ...rest.tasks].map(({ id }) => id)).toEqual(all.tasks.map(({ id }) => id));
    expect(page.tasks[0]?.artifacts).toEqual([]);
    await expect(client.listTasks({ ...asked, pageSize: 101 })).rejects.toThrow('pageSize');
    await expect(client.listTasks({ ...asked, pageToken: 'mine' })).rejects.toThrow('pageToken');
  });

  it('cancels a task, twice, and not one that has ended', async () => {
    world.behave(obey);
    const client = await world.client(binding);
    const { id } = asTask(await client.sendMessage(sending('INPUT_REQUIRED')));
    const cancelling = { tenant: '', id, metadata: undefined };
    expect((await client.cancelTask(cancelling)).status?.state).toBe(TaskState.TASK_STATE_CANCELED);
    expect((await client.cancelTask(cancelling)).status?.state).toBe(TaskState.TASK_STATE_CANCELED);
    expect(await world.events('mesh.cancellations', 'TaskCancelRequested')).toHaveLength(1);
    const done = asTask(await client.sendMessage(sending('COMPLETED')));
    await expect(client.cancelTask({ ...cancelling, id: done.id })).rejects.toThrow('has ended');
    await expect(client.sendMessage(sending('more', { taskId: done.id }))).rejects.toThrow('has ended');
    await expect(collect(client.resubscribeTask({ tenant: '', id: done.id }))).rejects.toThrow('has ended');
  });

  it('finds nothing of tasks of others, of other agents, or of none', async () => {
    world.behave(obey);
    const client = await world.client(binding);
    const { id } = asTask(await client.sendMessage(sending('INPUT_REQUIRED')));
    const others = [
      await world.client(binding, { key: OTHER_KEY }),
      await world.client(binding, { key: STRANGER_KEY }),
      await world.client(binding, { agent: 'planner' }),
    ];
    for (const other of others) {
      await expect(other.getTask({ tenant: '', id })).rejects.toThrow(/not found/i);
      await expect(other.cancelTask({ tenant: '', id, metadata: undefined })).rejects.toThrow(/not found/i);
      await expect(other.sendMessage(sending('x', { taskId: id }))).rejects.toThrow(/not found/i);
      await expect(collect(other.resubscribeTask({ tenant: '', id }))).rejects.toThrow(/not found/i);
    }
    await expect(client.getTask({ tenant: '', id: 'nothing' })).rejects.toThrow(/not found/i);
    expect(await world.events('mesh.cancellations', 'TaskCancelRequested')).toHaveLength(0);
  });

  it('keeps push notification configurations, with their secrets sealed', async () => {
    world.behave(obey);
    const client = await world.client(binding);
    const { id: taskId } = asTask(await client.sendMessage(sending('INPUT_REQUIRED')));
    const given = {
      tenant: '',
      id: 'mine',
      taskId,
      url: 'https://client.example/hook',
      token: 'secret-token',
      authentication: { scheme: 'Bearer', credentials: 'secret-credential' },
    };
    const made = await client.createTaskPushNotificationConfig(given);
    expect(made).toMatchObject({ id: 'mine', taskId, token: 'secret-token' });
    const read = await client.getTaskPushNotificationConfig({ tenant: '', taskId, id: 'mine' });
    expect(read).toMatchObject({ url: given.url, token: given.token, authentication: given.authentication });
    const [event] = await world.events('mesh.push-configurations', 'PushConfigurationSet');
    expect(event!.value.includes('secret-')).toBe(false);
    await client.deleteTaskPushNotificationConfig({ tenant: '', taskId, id: 'mine' });
    await expect(client.getTaskPushNotificationConfig({ tenant: '', taskId, id: 'mine' })).rejects.toThrow();
    const bad = { ...given, url: 'file:///etc/passwd' };
    await expect(client.createTaskPushNotificationConfig(bad)).rejects.toThrow('url');
  });

  it('is told why its message came to nothing', async () => {
    const client = await world.client(binding);
    world.behave(({ deny }) => deny('POLICY'));
    await expect(client.sendMessage(sending('a'))).rejects.toThrow('not on Sundays');
    world.behave(({ unroutable }) => unroutable());
    await expect(client.sendMessage(sending('b'))).rejects.toThrow('BREAKERS_OPEN');
    world.behave(({ fail }) => fail({ reason: 'CONNECT_FAILED', message: 'Nobody is there.' }));
    await expect(collect(client.sendMessageStream(sending('c')))).rejects.toThrow('Nobody is there.');
    world.cluster.unavailable = true;
    await expect(client.sendMessage(sending('d'))).rejects.toThrow('cannot record');
    world.cluster.unavailable = false;
  });

  it('is refused what the agent could not take', async () => {
    const client = await world.client(binding);
    const part = { parts: [{ text: 'x', mediaType: 'application/x-unheard' }] };
    await expect(client.sendMessage(sending('x', part))).rejects.toThrow('does not take');
    await expect(client.sendMessage(sending('x', { parts: [] }))).rejects.toThrow('parts');
    expect(await world.events('mesh.requests', 'RequestReceived')).toHaveLength(0);
  });
});

describe.each(['JSONRPC', 'HTTP+JSON'] as const)('a client of A2A 0.3 that speaks %s', (binding) => {
  it('sends, streams and reads', async () => {
    world.behave(obey);
    const client = await world.client(binding, { version: '0.3' });
    const task = asTask(await client.sendMessage(sending('WORKING one INPUT_REQUIRED')));
    expect(task.status?.state).toBe(TaskState.TASK_STATE_INPUT_REQUIRED);
    const streamed = await collect(client.sendMessageStream(sending('two COMPLETED', { taskId: task.id })));
    expect(streamed.map(inShort).slice(1)).toEqual(['two', 'TASK_STATE_COMPLETED']);
    expect((await client.getTask({ tenant: '', id: task.id })).history).toHaveLength(2);
    await expect(client.getTask({ tenant: '', id: 'nothing' })).rejects.toThrow(/not found/i);
  });
});

it('takes of A2A 0.3 over REST a push configuration by itself, or within its request as Python’s clients send it', async () => {
  world.behave(obey);
  const client = await world.client('HTTP+JSON', { version: '0.3' });
  const { id: taskId } = asTask(await client.sendMessage(sending('INPUT_REQUIRED')));
  const path = `tasks/${taskId}/pushNotificationConfigs`;
  const headers = { 'content-type': 'application/json', 'a2a-version': '0.3', authorization: `Bearer ${KEY}` };
  const set = async (id: string, bodyOf: (config: object) => object) => {
    const config = { name: `${path}/${id}`, pushNotificationConfig: { id, url: 'https://client.example/hook' } };
    const body = JSON.stringify(bodyOf(config));
    return (await fetch(`${world.url}/a2a/helper/v1/${path}`, { method: 'POST', headers, body })).ok;
  };
  expect(await set('bare', (config) => config)).toBe(true);
  expect(await set('whole', (config) => ({ parent: `tasks/${taskId}`, configId: 'whole', config }))).toBe(true);
  const read = await client.getTaskPushNotificationConfig({ tenant: '', taskId, id: 'whole' });
  expect(read).toMatchObject({ id: 'whole', url: 'https://client.example/hook' });
});
