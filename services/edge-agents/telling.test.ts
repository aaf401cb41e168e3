import { expect, test } from 'vitest';
import type { Request } from '../../schemas/generated.ts';
import { noAgents } from '../runtime/configuration.ts';
import { given, happened } from '../runtime/given.ts';
import type { Processor } from '../runtime/processor.ts';
import { requestForTests } from '../runtime/request-for-tests.ts';
import { decide, evolve, type TellingState, type tellingReads, type tellingWrites } from './telling.ts';

const processor: Processor<TellingState, (typeof tellingReads)[number], (typeof tellingWrites)[number]> = {
  name: 'edge-agents',
  reads: [],
  follows: [],
  writes: [],
  initialState: () => undefined,
  decide,
  evolve,
};

const agentOf = (name: string, kind: 'log' | 'http') => ({
  name,
  tenant: 'acme',
  unit: 'support',
  owner: 'owner@acme.example',
  kind,
  partitions: 1,
});
const configured = happened('MeshConfigured', {
  version: 'v1',
  previousVersion: null,
  document: JSON.stringify({
    credentials: [],
    resources: [],
    connections: [],
    ...noAgents,
    agents: [agentOf('planner', 'log'), agentOf('weather', 'http')],
    currency: 'USD',
    prices: [],
    limits: { requestsInFlight: 1, requestsInFlightPerCredential: 1, bodyBytes: 1, deadlineMs: 1, maxDeadlineMs: 1 },
    routing: { maxAttempts: 1, breaker: { failures: 1, openMs: 1 } },
    policies: [],
  }),
});
const mesh = given(processor, [configured]);

const subject = {
  tenant: 'acme',
  unit: 'support',
  agent: 'desk',
  person: 'p@acme.example',
  credential: 'k',
  actors: [],
};
const resource = (id: string) => ({ type: 'agent', id });
const target = (id: string) => ({ id: `a2a/${id}`, connection: `agent:${id}`, name: id });

const dispatched = (agent: string, message: object, changes: Partial<Request> = {}) => {
  const request = requestForTests({
    id: 'r1',
    contextId: 'c1',
    subject,
    action: 'agent.send',
    resource: resource(agent),
    protocol: 'a2a',
    deadline: 9_000,
    message: Buffer.from(JSON.stringify(message)),
    taskId: 't1',
    ...changes,
  });
  return happened(
    'RequestDispatched',
    {
      request,
      decision: { configurationVersion: 'v1', policies: [], reason: '' },
      target: target(agent),
      attempt: 1,
      tried: [],
      probe: false,
      reason: '',
      configurationVersion: 'v1',
    },
    { key: 'c1', time: 1_000 },
  );
};

const said = (statements: readonly { type: string; data: object }[]) =>
  statements.map(({ type, data }) => [
    type,
    Object.fromEntries(
      Object.entries(data).map(([k, v]) => [k, Buffer.isBuffer(v) && v.length > 0 ? JSON.parse(v.toString()) : v]),
    ),
  ]);

const hello = { messageId: 'm1', role: 'ROLE_USER', parts: [{ text: 'hello' }] };

test('a message that begins a task is delivered, and its turn reported', () => {
  const { statements } = mesh.when(dispatched('planner', { message: hello }));
  const message = { ...hello, taskId: 't1', contextId: 'c1' };
  const [reported, delivered] = said(statements);
  expect(reported).toMatchObject([
    'TaskReported',
    {
      taskId: 't1',
      agent: 'planner',
      announced: false,
      turn: { requestId: 'r1', deadline: 9_000, startedAt: 1_000, target: target('planner') },
      update: {
        task: {
          id: 't1',
          contextId: 'c1',
          status: { state: 'TASK_STATE_SUBMITTED', timestamp: '1970-01-01T00:00:01.000Z' },
          history: [message],
        },
      },
    },
  ]);
  expect(delivered).toEqual([
    'MessageDelivered',
    {
      agent: 'planner',
      taskId: 't1',
      contextId: 'c1',
      requestId: 'r1',
      subject,
      continues: false,
      deadline: 9_000,
      request: { message },
    },
  ]);
});

test('a message that continues a task is history, and who does not wait is told at once', () => {
  const { statements } = mesh.when(
    dispatched('planner', { message: { ...hello, taskId: 't1' }, configuration: { returnImmediately: true } }),
  );
  expect(said(statements)).toMatchObject([
    ['TaskReported', { announced: true, update: { message: { messageId: 'm1', taskId: 't1' } } }],
    ['MessageDelivered', { continues: true }],
  ]);
});

test("what is not for an agent on the log is another edge's", () => {
  mesh.when(dispatched('weather', { message: hello })).then([]);
  mesh.when(dispatched('small', { message: hello }, { protocol: 'openai.chat' })).then([]);
});

test('a message that is none is a dead letter', () => {
  expect(() => mesh.when(dispatched('planner', {}))).toThrow('a message to an agent has no message');
});

test('a cancelled task is ended by the mesh, and its agent told', () => {
  const cancelled = (agent: string) =>
    happened('TaskCancelRequested', { taskId: 't1', agent, subject, reason: 'enough' }, { key: 'c1', time: 2_000 });
  expect(said(mesh.when(cancelled('planner')).statements)).toMatchObject([
    ['CancelDelivered', { agent: 'planner', taskId: 't1', reason: 'enough' }],
    [
      'TaskReported',
      { update: { statusUpdate: { taskId: 't1', contextId: 'c1', status: { state: 'TASK_STATE_CANCELED' } } } },
    ],
  ]);
  mesh.when(cancelled('weather')).then([]);
});

const ofCall = { correlationId: 'agent/planner/t1/c3', key: 'c1' };
const asked = { subject, action: 'model.chat', resource: { type: 'model', id: 'small' } };
const completed = (action: string, message: object) => ({
  ...asked,
  action,
  target: target('x'),
  attempt: 1,
  status: 200,
  headers: {},
  message: Buffer.from(JSON.stringify(message)),
  chunks: 0,
  meters: {},
  estimated: false,
  startedAt: 0,
  firstByteAt: 0,
});

test("what becomes of an agent's call comes to its inbox", () => {
  const answer = { agent: 'planner', taskId: 't1', callId: 'c3' };
  expect(
    said(mesh.when(happened('ResponseCompleted', completed('model.chat', { id: 'x' }), ofCall)).statements),
  ).toEqual([['CallAnswered', { ...answer, outcome: 'COMPLETED', status: 200, reason: '', message: { id: 'x' } }]]);
  const decision = { configurationVersion: 'v1', policies: [], reason: 'no' };
  expect(
    said(mesh.when(happened('RequestDenied', { ...asked, reason: 'POLICY', decision }, ofCall)).statements),
  ).toMatchObject([['CallAnswered', { ...answer, outcome: 'DENIED', reason: 'no' }]]);
  mesh.when(happened('ResponseCompleted', completed('model.chat', {}), { correlationId: 'r7' })).then([]);
});

test('of a task at another agent an agent hears each update, and a direct answer', () => {
  const update = Buffer.from('{"statusUpdate":{}}');
  const updated = {
    taskId: 't2',
    agent: 'weather',
    subject,
    requestId: 'r',
    sequence: 4,
    state: 'TASK_STATE_COMPLETED',
    update,
    parentTaskId: 't1',
  };
  expect(said(mesh.when(happened('TaskUpdated', updated, ofCall)).statements)).toMatchObject([
    ['CallUpdated', { agent: 'planner', callId: 'c3', childTaskId: 't2', sequence: 4, state: 'TASK_STATE_COMPLETED' }],
  ]);
  mesh.when(happened('ResponseCompleted', completed('agent.send', { statusUpdate: {} }), ofCall)).then([]);
  expect(
    said(
      mesh.when(happened('ResponseCompleted', completed('agent.send', { message: { messageId: 'm' } }), ofCall))
        .statements,
    ),
  ).toMatchObject([['CallAnswered', { outcome: 'COMPLETED', message: { message: { messageId: 'm' } } }]]);
});

test('a sleeper is woken, and a deadline is not its concern', () => {
  const fired = (purpose: 'SLEEP' | 'DEADLINE') =>
    happened('TimerFired', { timerId: 't4', taskId: 't1', agent: 'planner', purpose }, { key: 'c/1/t1.t4' });
  mesh
    .when(fired('SLEEP'))
    .then([{ type: 'TimerElapsed', data: { agent: 'planner', taskId: 't1', timerId: 't4' }, key: 'c/1' }]);
  mesh.when(fired('DEADLINE')).then([]);
});
