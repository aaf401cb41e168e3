import { setTimeout as sleep } from 'node:timers/promises';
import { TaskState } from '@a2a-js/sdk';
import { describe, expect, test } from 'vitest';
import { readUpdate } from '../../runtime/a2a/json.ts';
import { readActorToken } from '../../runtime/edge/actor-token.ts';
import { type Acting, type AgentOptions, startAgent } from './agent-for-tests.ts';
import { remoteContextId } from './outgoing-message.ts';
import { createWorld, until, type World } from './world-for-tests.ts';

const { TASK_STATE_WORKING, TASK_STATE_COMPLETED, TASK_STATE_INPUT_REQUIRED, TASK_STATE_CANCELED, TASK_STATE_FAILED } =
  TaskState;

/** Opened once, from outside. */
const gate = () => Promise.withResolvers<void>();

const work = ({ task, status, artifact }: Acting, letters: Iterable<string> = 'abc') => {
  task();
  status(TASK_STATE_WORKING);
  for (const letter of letters) artifact(letter);
  status(TASK_STATE_COMPLETED, 'done');
};

const stateOf = (world: World, taskId: string) => world.tasks.task(taskId)?.status?.state;
const untilState = (world: World, taskId: string, state: TaskState) =>
  until(
    () => stateOf(world, taskId) === state,
    () => JSON.stringify([stateOf(world, taskId), world.said.map(({ type }) => type), world.tasks.updates]),
  );
const textOfStatus = (world: World, taskId: string) =>
  world.tasks
    .task(taskId)
    ?.status?.message?.parts.map(({ content }) => content?.value)
    .join('');

describe('a message to an agent', () => {
  test.each([
    { binding: 'JSONRPC', streaming: true },
    { binding: 'JSONRPC', streaming: false },
    { binding: 'HTTP+JSON', streaming: true },
    { binding: 'HTTP+JSON', streaming: false },
    { binding: 'GRPC', streaming: true },
    { binding: 'GRPC', streaming: false },
    { binding: 'JSONRPC', streaming: true, version: '0.3' },
    { binding: 'JSONRPC', streaming: false, version: '0.3' },
    { binding: 'HTTP+JSON', streaming: true, version: '0.3' },
    { binding: 'GRPC', streaming: true, version: '0.3' },
  ] as const)('becomes a task, reported with the mesh’s ids: %o', async (options) => {
    const agent = await startAgent(async (acting) => {
      acting.task();
      acting.status(TASK_STATE_WORKING);
      await sleep(20);
      for (const letter of 'abc') acting.artifact(letter);
      acting.status(TASK_STATE_COMPLETED, 'done');
    }, options);
    const world = await createWorld(agent);
    await world.edge();
    const request = await world.send('hello');
    await untilState(world, request.taskId, TASK_STATE_COMPLETED);

    const task = world.tasks.task(request.taskId)!;
    expect(world.textOf(request)).toBe('abc');
    expect(task.history.map(({ messageId }) => messageId)).toContain(`message-${request.id}`);
    const [first, ...rest] = world.of('TaskReported');
    expect(first?.data.turn).toMatchObject({ requestId: request.id, attempt: 1, deadline: request.deadline });
    expect(first?.data.remote?.taskId).not.toBe(request.taskId);
    expect(rest.every(({ data }) => data.turn === null)).toBe(true);
    for (const { data, key, correlationId } of world.of('TaskReported')) {
      expect({ taskId: data.taskId, key, correlationId }).toEqual({
        taskId: request.taskId,
        key: request.contextId,
        correlationId: request.id,
      });
      const text = data.update.toString();
      expect(text).not.toContain(first!.data.remote!.taskId);
      expect(text).not.toContain(first!.data.remote!.contextId);
    }
    expect(world.said.map(({ type }) => type).filter((type) => type !== 'TaskReported')).toEqual(['AttemptBegun']);
    expect(agent.acted()).toBe(1);
  });

  test('carries the mesh’s credential, and says who asks in a token of the mesh’s', async () => {
    const agent = await startAgent(work);
    const world = await createWorld(agent);
    await world.edge();
    const request = await world.send('hello');
    await untilState(world, request.taskId, TASK_STATE_COMPLETED);
    const [headers] = agent.headers;
    expect(headers).toMatchObject({
      authorization: 'Bearer sk-agent-secret',
      'x-own': 'yes',
      'a2a-version': '1.0',
      'a2a-extensions': 'https://example.com/ext',
    });
    const token = String(headers?.['x-parley-actor']);
    expect(await readActorToken(world.signing.verifyJwt, token, 'helper')).toEqual({
      agent: 'helper',
      person: 'p@example.com',
      actors: ['first', 'caller'],
      contextId: request.contextId,
      taskId: request.taskId,
    });
    await expect(readActorToken(world.signing.verifyJwt, token, 'other')).rejects.toThrow('another agent');
  });

  test.each([true, false])('is answered by a message without a task: streaming %s', async (streaming) => {
    const agent = await startAgent(({ message }) => message('just so'), { streaming });
    const world = await createWorld(agent);
    await world.edge();
    const request = await world.send('hello');
    const { data } = await world.untilSaid('ResponseCompleted');
    const update = readUpdate(data.message);
    expect(update).toMatchObject({ $case: 'message', value: { contextId: request.contextId, taskId: '' } });
    expect(world.of('TaskReported')).toEqual([]);
  });

  test('continues a task under the agent’s own ids', async () => {
    const seen: string[] = [];
    const agent = await startAgent((acting) => {
      seen.push(acting.taskId);
      if (acting.text === 'hello') {
        acting.task();
        acting.status(TASK_STATE_INPUT_REQUIRED, 'what colour?');
      } else work(acting, acting.text);
    });
    const world = await createWorld(agent);
    await world.edge();
    const request = await world.send('hello');
    await untilState(world, request.taskId, TASK_STATE_INPUT_REQUIRED);
    expect(world.tasks.isOpen(request.taskId)).toBe(false);
    const { contextId, taskId } = request;
    const more = await world.send('red', { contextId, continues: taskId });
    await untilState(world, taskId, TASK_STATE_COMPLETED);
    expect(seen[1]).toBe(seen[0]);
    expect(world.textOf(request)).toBe('red');
    expect(world.tasks.task(taskId)?.history.map(({ messageId }) => messageId)).toEqual(
      expect.arrayContaining([`message-${request.id}`, `message-${more.id}`]),
    );
    const turns = world.of('TaskReported').flatMap(({ data }) => (data.turn ? [data.turn.requestId] : []));
    expect(turns).toEqual([request.id, more.id]);
  });

  test('that continues a task of which nothing is known is refused as A2A says it', async () => {
    const agent = await startAgent(work);
    const world = await createWorld(agent);
    await world.edge();
    await world.send('hello', { continues: 'nobody-knows' });
    const { data } = await world.untilSaid('ResponseFailed');
    expect(data.failure).toMatchObject({ reason: 'REQUEST_REFUSED', status: 404 });
    expect(JSON.parse(String(data.failure.body))).toMatchObject({ code: -32001 });
    expect(agent.acted()).toBe(0);
  });

  test('two tenants that name their conversations alike are two conversations to the agent', async () => {
    const other = { tenant: 'other', unit: 'u', agent: 'caller', person: 'p', credential: 'c', actors: [] };
    const one = remoteContextId({ contextId: 'same', subject: { ...other, tenant: 'acme' } });
    expect(remoteContextId({ contextId: 'same', subject: other })).not.toBe(one);
    expect(remoteContextId({ contextId: 'same', subject: { ...other, tenant: 'acme' } })).toBe(one);
  });
});

describe('what goes wrong before anything is heard', () => {
  test('an agent that cannot be reached: another attempt may be made', async () => {
    const agent = await startAgent(work);
    await agent.stop();
    const world = await createWorld(agent);
    await world.edge();
    await world.send('hello');
    const { data } = await world.untilSaid('AttemptFailed');
    expect(data).toMatchObject({ retryable: true, targetAtFault: true, failure: { reason: 'CONNECT_FAILED' } });
    expect(data.request?.taskId).toBeTruthy();
  });

  test.each([
    { status: 401, reason: 'MISCONFIGURED', retryable: true },
    { status: 404, reason: 'MISCONFIGURED', retryable: true },
    { status: 429, reason: 'RATE_LIMITED', retryable: true },
    { status: 503, reason: 'UPSTREAM_ERROR', retryable: false },
    { status: 302, reason: 'MISCONFIGURED', retryable: true },
    { status: 307, reason: 'MISCONFIGURED', retryable: true },
  ])('an agent’s server that answers $status', async ({ status, reason, retryable }) => {
    const agent = await startAgent(work, {
      before: (_, response) => {
        response.writeHead(status, { 'retry-after': '7', location: 'http://127.0.0.1:1/' });
        response.end('<p>sk-agent-secret</p>');
        return true;
      },
    });
    const world = await createWorld(agent);
    await world.edge();
    await world.send('hello');
    const { data } = await world.untilSaid('AttemptFailed');
    expect(data.retryable).toBe(retryable);
    const ends = world.of('ResponseFailed').map((one) => one.data.failure);
    expect(retryable ? [data.failure.reason] : ends.map((end) => end.reason)).toEqual([reason]);
    expect(JSON.stringify([data.failure, ends])).not.toContain('sk-agent-secret');
  });

  test.each(['JSONRPC', 'HTTP+JSON', 'GRPC'] as const)('an agent’s own error is passed on: %s', async (binding) => {
    const { UnsupportedOperationError } = await import('@a2a-js/sdk/errors');
    const agent = await startAgent(
      () => {
        throw new UnsupportedOperationError('no such thing here');
      },
      { binding, streaming: false },
    );
    // The SDK makes a failed task of what an executor throws: the card's own limits are what it refuses.
    agent.card.capabilities = { ...agent.card.capabilities!, streaming: false };
    const world = await createWorld({
      ...agent,
      card: { ...agent.card, capabilities: { streaming: true, extensions: [] } },
    });
    await world.edge();
    await world.send('hello');
    const { data } = await world.untilSaid('ResponseFailed');
    expect(data.failure.reason).toBe('REQUEST_REFUSED');
    expect(JSON.parse(String(data.failure.body))).toMatchObject({ code: -32004, message: expect.any(String) });
    expect(agent.acted()).toBe(0);
  });

  test('an agent that never answers', async () => {
    const agent = await startAgent(work, { before: () => true });
    const world = await createWorld(agent, { firstByteTimeoutMs: 50 });
    await world.edge();
    await world.send('hello');
    const { data } = await world.untilSaid('ResponseFailed');
    expect(data.failure.reason).toBe('OUTCOME_UNKNOWN');
    expect(world.of('AttemptFailed')[0]?.data).toMatchObject({ retryable: false, targetAtFault: true });
  });

  test('a message whose answer was lost is found by its task', async () => {
    let isLost = false;
    const opened = gate();
    const agent = await startAgent(
      async (acting) => {
        acting.task();
        isLost = true;
        setTimeout(() => agent.cut(), 20);
        await opened.promise;
        for (const letter of 'xyz') acting.artifact(letter);
        acting.status(TASK_STATE_COMPLETED);
      },
      {
        // Nothing of the first answer gets out.
        before: (_, response) => {
          if (!isLost && agent.acted() === 0) response.write = () => true;
          return false;
        },
      },
    );
    const world = await createWorld(agent);
    await world.edge();
    const request = await world.send('hello');
    await world.untilSaid('TaskReported');
    opened.resolve();
    await untilState(world, request.taskId, TASK_STATE_COMPLETED);
    expect(world.textOf(request)).toBe('xyz');
    expect(agent.acted()).toBe(1);
    expect(world.of('ResponseFailed')).toEqual([]);
  });

  test('a message that was begun by an edge that died is not sent again', async () => {
    const agent = await startAgent(work);
    const world = await createWorld(agent);
    const request = await world.send('hello');
    const dispatched = (await world.log.read('mesh.dispatches', world.log.partitionOf(request.contextId), 0))!;
    await world.log.append([
      {
        id: 'begun',
        type: 'AttemptBegun',
        source: 'edge-a2a',
        key: request.contextId,
        time: Date.now(),
        correlationId: request.id,
        causationId: dispatched.id,
        traceparent: '',
        data: { target: { id: 'a2a/helper', connection: 'agent:helper', name: 'helper' }, attempt: 1 },
      },
    ]);
    await world.edge();
    const { data } = await world.untilSaid('ResponseFailed');
    expect(data.failure.reason).toBe('OUTCOME_UNKNOWN');
    expect(agent.acted()).toBe(0);
  });
});

describe('following', () => {
  const slow = (before: ReturnType<typeof gate>, letters = 'abc', more = 'def') =>
    async function act(acting: Acting) {
      acting.task();
      acting.status(TASK_STATE_WORKING);
      for (const letter of letters) acting.artifact(letter);
      await before.promise;
      for (const letter of more) acting.artifact(letter);
      acting.status(TASK_STATE_COMPLETED);
    };

  test.each(['1.0', '0.3'] as const)('a connection that is cut in the midst of a stream: %s', async (version) => {
    const go = gate();
    const agent = await startAgent(slow(go), { version });
    const world = await createWorld(agent);
    await world.edge();
    const request = await world.send('hello');
    await until(() => world.textOf(request) === 'abc');
    const before = agent.headers.length;
    agent.cut();
    await until(() => agent.headers.length >= before + 2);
    go.resolve();
    await untilState(world, request.taskId, TASK_STATE_COMPLETED);
    expect(world.textOf(request)).toBe('abcdef');
    expect(agent.acted()).toBe(1);
  });

  test('an edge that dies: the other follows on without gap or repeat', async () => {
    const go = gate();
    const agent = await startAgent(slow(go));
    const world = await createWorld(agent);
    const first = await world.edge();
    const request = await world.send('hello');
    await until(() => world.textOf(request) === 'abc' && world.tasks.isOpen(request.taskId));
    await world.edge();
    await first.crash();
    await first.stop();
    go.resolve();
    await untilState(world, request.taskId, TASK_STATE_COMPLETED);
    expect(world.textOf(request)).toBe('abcdef');
    expect(agent.acted()).toBe(1);
    const artifacts = world.tasks.updates.flatMap(({ update }) =>
      update.$case === 'artifactUpdate' ? [update.value] : [],
    );
    // Each part once, and none said anew.
    expect(artifacts.map(({ append }) => append)).toEqual([false, ...artifacts.slice(1).map(() => true)]);
    const parts = artifacts.flatMap(({ artifact }) => artifact?.parts ?? []);
    expect(parts.map(({ content }) => content?.value).join('')).toBe('abcdef');
  });

  test('a conversation that changes hands is followed by one at a time', async () => {
    const go = gate();
    const agent = await startAgent(slow(go));
    const world = await createWorld(agent);
    const first = await world.edge();
    const requests = await Promise.all(Array.from({ length: 6 }, () => world.send('hello')));
    await until(() => requests.every((request) => world.textOf(request) === 'abc'));
    await world.edge();
    await world.edge();
    await first.stop();
    go.resolve();
    for (const { taskId } of requests) await untilState(world, taskId, TASK_STATE_COMPLETED);
    expect(requests.map((request) => world.textOf(request))).toEqual(Array(6).fill('abcdef'));
    expect(agent.acted()).toBe(6);
  });

  test('an instance that may have been given up says nothing until it knows', async () => {
    const go = gate();
    const agent = await startAgent(slow(go));
    const world = await createWorld(agent);
    await world.edge();
    const request = await world.send('hello');
    await until(() => world.textOf(request) === 'abc');
    world.cluster.isSure = () => false;
    go.resolve();
    await sleep(100);
    expect(world.textOf(request)).toBe('abc');
    world.cluster.isSure = () => true;
    await untilState(world, request.taskId, TASK_STATE_COMPLETED);
    expect(world.textOf(request)).toBe('abcdef');
  });

  test('whatever becomes of edges and connections, what the agent says is heard once and in order', async () => {
    const letters = 'abcdefghijklmnopqrst';
    const agent = await startAgent(async ({ task, status, artifact }) => {
      task();
      status(TASK_STATE_WORKING);
      for (const letter of letters) {
        artifact(letter);
        await sleep(30);
      }
      status(TASK_STATE_COMPLETED, 'done');
    });
    const world = await createWorld(agent);
    let edges = [await world.edge(), await world.edge()];
    const requests = await Promise.all(Array.from({ length: 12 }, () => world.send('hello')));
    await until(() => requests.every((request) => world.textOf(request) !== ''));
    for (const isCrash of [true, false, true]) {
      const [first, ...rest] = edges;
      edges = [...rest, await world.edge()];
      agent.cut();
      if (isCrash) await first!.crash();
      await first!.stop();
      await sleep(100);
    }
    for (const { taskId } of requests) await untilState(world, taskId, TASK_STATE_COMPLETED);
    expect(requests.map((request) => world.textOf(request))).toEqual(requests.map(() => letters));
    expect(agent.acted()).toBe(requests.length);
    // Each part was told once: nothing was taken back and said anew.
    for (const { taskId } of requests) {
      const told = world.tasks.updates.flatMap(({ taskId: of, update }) =>
        of === taskId && update.$case === 'artifactUpdate' ? (update.value.artifact?.parts ?? []) : [],
      );
      expect(told.map(({ content }) => content?.value).join('')).toBe(letters);
    }
  });

  test('a server that is started again with its tasks', async () => {
    const agent = await startAgent(async (acting) => {
      acting.task();
      acting.artifact('a');
      await new Promise(() => {});
    });
    const world = await createWorld(agent);
    await world.edge();
    const request = await world.send('hello');
    await until(() => world.textOf(request) === 'a');
    const { remote } = world.of('TaskReported')[0]!.data;
    await agent.stop();
    const context = { user: undefined, tenant: undefined } as never;
    const stored = (await agent.store.load(remote!.taskId, context))!;
    const status = { state: TASK_STATE_COMPLETED, message: undefined, timestamp: undefined };
    await agent.store.save({ ...stored, status }, context);
    await agent.restart();
    await untilState(world, request.taskId, TASK_STATE_COMPLETED);
    expect(world.textOf(request)).toBe('a');
  });

  test('a server that has lost its tasks fails them', async () => {
    const agent = await startAgent(async (acting) => {
      acting.task();
      await new Promise(() => {});
    });
    const world = await createWorld(agent);
    await world.edge();
    const request = await world.send('hello');
    await world.untilSaid('TaskReported');
    await agent.stop();
    await agent.restart(true);
    await untilState(world, request.taskId, TASK_STATE_FAILED);
    expect(textOfStatus(world, request.taskId)).toContain('no longer knows');
    expect(world.of('ResponseFailed')).toEqual([]);
  });

  test('a server that stays away fails its task at the deadline', async () => {
    const agent = await startAgent(async (acting) => {
      acting.task();
      await new Promise(() => {});
    });
    const world = await createWorld(agent);
    await world.edge();
    const request = await world.send('hello', { deadline: Date.now() + 700 });
    await world.untilSaid('TaskReported');
    await agent.stop();
    await untilState(world, request.taskId, TASK_STATE_FAILED);
    expect(textOfStatus(world, request.taskId)).toContain('could not be reached');
  });

  /** Says these things, whatever A2A says of their order, then hangs up. */
  const saying =
    (results: (ids: { taskId: string; contextId: string }) => object[]): AgentOptions['before'] =>
    (request, response) => {
      request.on('data', (body: Buffer) => {
        const { id, method } = JSON.parse(body.toString());
        const ids = { taskId: 'task-1', contextId: 'context-1' };
        const write = (result: object) => `data: ${JSON.stringify({ jsonrpc: '2.0', id, result })}\n\n`;
        const isStream = method === 'SendStreamingMessage';
        response.writeHead(200, { 'content-type': isStream ? 'text/event-stream' : 'application/json' });
        const gone = { jsonrpc: '2.0', id, error: { code: -32001, message: 'gone' } };
        response.end(isStream ? results(ids).map(write).join('') : JSON.stringify(gone));
      });
      return true;
    };
  const state = (ids: object, name: string, text: string) => ({
    statusUpdate: {
      ...ids,
      status: {
        state: `TASK_STATE_${name}`,
        message: { messageId: text, role: 'ROLE_AGENT', parts: [{ text }] },
      },
    },
  });
  const artifact = (ids: object, text: string) => ({
    artifactUpdate: { ...ids, artifact: { artifactId: 'answer', parts: [{ text }] }, append: true },
  });

  test('an agent that answers twice, and speaks of others’ tasks', async () => {
    const agent = await startAgent(() => {}, {
      before: saying((ids) => {
        const task = { task: { id: ids.taskId, contextId: ids.contextId, status: { state: 'TASK_STATE_SUBMITTED' } } };
        const theirs = { ...ids, taskId: 'another-task' };
        return [
          task,
          task,
          state(ids, 'WORKING', 'mine'),
          state(theirs, 'FAILED', 'theirs'),
          { task: { id: 'another-task', contextId: 'x', status: { state: 'TASK_STATE_FAILED' } } },
          artifact(theirs, 'b'),
          artifact(ids, 'a'),
          state(ids, 'COMPLETED', 'done'),
          state(ids, 'COMPLETED', 'again'),
        ];
      }),
    });
    const world = await createWorld(agent);
    await world.edge();
    const request = await world.send('hello');
    await untilState(world, request.taskId, TASK_STATE_COMPLETED);
    expect(world.textOf(request)).toBe('a');
    expect(textOfStatus(world, request.taskId)).toBe('done');
    expect(world.of('TaskReported').map(({ data }) => readUpdate(data.update).$case)).toEqual([
      'task',
      'statusUpdate',
      'artifactUpdate',
      'statusUpdate',
    ]);
  });

  test('an agent that answers for another task than the one it was asked', async () => {
    let turns = 0;
    const agent = await startAgent(() => {}, {
      before: (request, response) => {
        const name = turns++ === 0 ? 'task-1' : 'task-2';
        return saying((ids) => [
          { task: { id: name, contextId: ids.contextId, status: { state: 'TASK_STATE_SUBMITTED' } } },
          state({ ...ids, taskId: name }, 'INPUT_REQUIRED', 'what?'),
        ])!(request, response);
      },
    });
    const world = await createWorld(agent);
    await world.edge();
    const { taskId, contextId } = await world.send('hello');
    await untilState(world, taskId, TASK_STATE_INPUT_REQUIRED);
    await world.send('more', { contextId, continues: taskId });
    const { data } = await world.untilSaid('ResponseFailed');
    expect(data.failure.reason).toBe('OUTCOME_UNKNOWN');
    expect(data.failure.message).toContain('not the one asked');
  });

  test('what goes on after an agent was waiting for leave is heard while its stream is open', async () => {
    const go = gate();
    const agent = await startAgent(async (acting) => {
      acting.task();
      acting.status(TaskState.TASK_STATE_AUTH_REQUIRED, 'sign in elsewhere');
      await go.promise;
      acting.status(TASK_STATE_WORKING);
      acting.artifact('a');
      acting.status(TASK_STATE_COMPLETED);
    });
    const world = await createWorld(agent);
    await world.edge();
    const request = await world.send('hello');
    await untilState(world, request.taskId, TaskState.TASK_STATE_AUTH_REQUIRED);
    go.resolve();
    await untilState(world, request.taskId, TASK_STATE_COMPLETED);
    expect(world.textOf(request)).toBe('a');
  });

  test('what goes on is heard although a message to it was refused meanwhile', async () => {
    const go = gate();
    let refuses = false;
    const agent = await startAgent(
      async (acting) => {
        acting.task();
        acting.status(TaskState.TASK_STATE_AUTH_REQUIRED, 'sign in elsewhere');
        await go.promise;
        acting.status(TASK_STATE_COMPLETED);
      },
      {
        before: (_, response) => {
          const isRefused = refuses;
          refuses = false;
          if (isRefused) response.writeHead(400).end();
          return isRefused;
        },
      },
    );
    const world = await createWorld(agent);
    await world.edge();
    const { taskId, contextId } = await world.send('hello');
    await untilState(world, taskId, TaskState.TASK_STATE_AUTH_REQUIRED);
    refuses = true;
    await world.send('well?', { contextId, continues: taskId });
    await world.untilSaid('ResponseFailed');
    go.resolve();
    await untilState(world, taskId, TASK_STATE_COMPLETED);
  });

  test('an agent that says what is none of A2A’s, and then nothing more', async () => {
    const agent = await startAgent(() => {}, {
      before: saying((ids) => [
        state(ids, 'WORKING', 'first'),
        state(ids, 'SLEEPING', 'what is that'),
        { artifactUpdate: { ...ids, artifact: { artifactId: '__proto__', parts: [{ text: 'x' }] } } },
        { task: { id: ids.taskId } },
        {},
      ]),
    });
    const world = await createWorld(agent);
    await world.edge();
    const request = await world.send('hello');
    await untilState(world, request.taskId, TASK_STATE_FAILED);
    expect(world.of('TaskReported').map(({ data }) => readUpdate(data.update).$case)).toEqual([
      'task',
      'statusUpdate',
      'statusUpdate',
    ]);
  });

  test('a flood is taken in order, and not read on while the log does not take it', async () => {
    const letters = Array.from({ length: 300 }, (_, i) => String(i % 10)).join('');
    const agent = await startAgent((acting) => work(acting, letters));
    const world = await createWorld(agent);
    await world.edge();
    const request = await world.send('hello');
    await world.untilSaid('TaskReported', 20);
    world.cluster.unavailable = true;
    await sleep(30);
    const heldAt = world.of('TaskReported').length;
    await sleep(50);
    expect(world.of('TaskReported').length).toBe(heldAt);
    world.cluster.unavailable = false;
    await untilState(world, request.taskId, TASK_STATE_COMPLETED);
    expect(world.textOf(request)).toBe(letters);
  });

  test('an event beyond the limit does not get in, nor does a task that stays beyond it', async () => {
    const go = gate();
    const agent = await startAgent(async (acting) => {
      acting.task();
      await go.promise;
      acting.artifact('x'.repeat(20_000));
      acting.status(TASK_STATE_COMPLETED);
    });
    const world = await createWorld(agent, { maxResponseBytes: 10_000 });
    await world.edge();
    const request = await world.send('hello');
    await world.untilSaid('TaskReported');
    go.resolve();
    await untilState(world, request.taskId, TASK_STATE_FAILED);
    expect(textOfStatus(world, request.taskId)).toContain('more of the task than');
    expect(world.of('TaskReported').every(({ value }) => value.length < 10_000)).toBe(true);
  });

  test('what an agent echoes of the mesh’s secrets is taken out', async () => {
    const agent = await startAgent((acting) => work(acting, ['I was given sk-agent-secret']));
    const world = await createWorld(agent);
    await world.edge();
    const request = await world.send('hello');
    await untilState(world, request.taskId, TASK_STATE_COMPLETED);
    expect(world.textOf(request)).toBe('I was given [removed]');
  });
});

describe('cancelling', () => {
  const open = async (acting: Acting) => {
    acting.task();
    acting.status(TASK_STATE_WORKING);
    await new Promise(() => {});
  };
  const begun = async (cancel?: Parameters<typeof startAgent>[1]) => {
    const agent = await startAgent(open, cancel);
    const world = await createWorld(agent);
    const edge = await world.edge();
    const request = await world.send('hello');
    await untilState(world, request.taskId, TASK_STATE_WORKING);
    return { agent, world, request, edge };
  };
  const cancels: NonNullable<Parameters<typeof startAgent>[1]>['cancel'] = async (taskId, bus) => {
    const status = { state: TASK_STATE_CANCELED, message: undefined, timestamp: undefined };
    bus.publish({ kind: 'statusUpdate', data: { taskId, contextId: '', status, metadata: undefined } });
    bus.finished();
  };

  test('is asked of the agent, and reported as the agent says', async () => {
    const { world, request } = await begun({ cancel: cancels });
    await world.cancel(request);
    await untilState(world, request.taskId, TASK_STATE_CANCELED);
  });

  test('an agent that does not answer does not keep the task alive', async () => {
    let isCancelling = false;
    const { world, request } = await begun({
      before: () => isCancelling,
    });
    isCancelling = true;
    await world.cancel(request);
    await untilState(world, request.taskId, TASK_STATE_CANCELED);
    expect(textOfStatus(world, request.taskId)).toContain('did not confirm');
  });

  test('an agent that refuses keeps its task', async () => {
    const refusing: AgentOptions['before'] = (request, response) => {
      if (!isCancelling) return false;
      request.on('data', (body: Buffer) => {
        const { id, method } = JSON.parse(body.toString());
        if (method === 'CancelTask') cancelled += 1;
        response.end(JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32002, message: 'not now' } }));
      });
      return true;
    };
    let isCancelling = false;
    let cancelled = 0;
    const { world, request } = await begun({ before: refusing });
    isCancelling = true;
    const before = world.of('TaskReported').length;
    await world.cancel(request);
    await until(() => cancelled === 1);
    await sleep(50);
    expect(world.of('TaskReported').length).toBe(before);
    expect(world.tasks.isOpen(request.taskId)).toBe(true);
  });

  test('a task that has ended at its agent unheard ends as it did there', async () => {
    const agent = await startAgent((acting) => {
      acting.task();
      acting.status(TaskState.TASK_STATE_AUTH_REQUIRED, 'sign in elsewhere');
    });
    const world = await createWorld(agent);
    await world.edge();
    const request = await world.send('hello');
    await untilState(world, request.taskId, TaskState.TASK_STATE_AUTH_REQUIRED);
    const { taskId } = world.of('TaskReported')[0]!.data.remote!;
    const context = {} as never;
    const task = await until(() => agent.store.load(taskId, context));
    const status = { state: TASK_STATE_COMPLETED, message: undefined, timestamp: undefined };
    await agent.store.save({ ...(await task)!, status }, context);
    await world.cancel(request);
    await untilState(world, request.taskId, TASK_STATE_COMPLETED);
  });

  test('of a task that changed hands meanwhile is not forgotten', async () => {
    const { world, request, edge } = await begun({ cancel: cancels });
    await edge.stop();
    await world.cancel(request);
    await world.edge();
    await untilState(world, request.taskId, TASK_STATE_CANCELED);
  });
});
