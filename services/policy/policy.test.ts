import { expect, test } from 'vitest';
import type { DenialReason, Request } from '../../schemas/generated.ts';
import { type Configuration, noAgents } from '../runtime/configuration.ts';
import { given, happened } from '../runtime/given.ts';
import { policyProcessor } from './index.ts';

const permitExample = '@id("example-may") permit(principal in Tenant::"example", action, resource is Model);';
const noLarge = '@id("no-large") forbid(principal in Unit::"example/support", action, resource == Model::"large");';

const model = (id: string, actions = ['model.chat', 'model.respond']) => ({
  type: 'model',
  id,
  actions,
  targets: [],
  attributes: { region: 'eu' },
});

const document = (policies: readonly string[]): Omit<Configuration, 'version'> => ({
  credentials: [],
  resources: [model('small'), model('large'), model('vectors', ['model.embed'])],
  connections: [],
  ...noAgents,
  currency: 'USD',
  prices: [],
  limits: {
    requestsInFlight: 1,
    requestsInFlightPerCredential: 1,
    bodyBytes: 1,
    deadlineMs: 1,
    maxDeadlineMs: 1,
  },
  routing: { maxAttempts: 1, breaker: { failures: 1, openMs: 1 } },
  policies: policies.map((text, i) => ({ id: `policies/${i}.cedar`, text })),
});

const configured = (policies: readonly string[], version = 'v1') =>
  happened('MeshConfigured', { version, previousVersion: null, document: JSON.stringify(document(policies)) });

const request = (changes: Partial<Request> = {}): Request => ({
  id: 'request',
  contextId: 'context',
  subject: {
    tenant: 'example',
    unit: 'support',
    agent: 'helpdesk',
    person: 'owner@example.com',
    credential: 'key',
    actors: [],
  },
  action: 'model.chat',
  resource: { type: 'model', id: 'small' },
  protocol: 'openai.chat',
  deadline: 1000,
  repeatable: true,
  streaming: false,
  fingerprint: '',
  headers: {},
  message: Buffer.from('{}'),
  spans: [],
  taskId: '',
  parentTaskId: '',
  arguments: {},
  ...changes,
});

const received = (changes: Partial<Request> = {}) => happened('RequestReceived', { request: request(changes) });

const denied = (
  changes: Partial<Request>,
  reason: DenialReason,
  why: string,
  { policies = [] as string[], version = 'v1' } = {},
) => {
  const { subject, action, resource } = request(changes);
  const decision = { configurationVersion: version, policies, reason: why };
  return [{ type: 'RequestDenied' as const, data: { subject, action, resource, reason, decision } }];
};

test('what a policy permits goes on, with the policy and the version that permitted it', () => {
  given(policyProcessor, [configured([permitExample, noLarge])])
    .when(received())
    .then([
      {
        type: 'RequestPermitted',
        data: {
          request: request(),
          decision: { configurationVersion: 'v1', policies: ['example-may'], reason: 'permitted by example-may' },
        },
      },
    ]);
});

test('nothing is permitted before there is a configuration', () => {
  given(policyProcessor, [])
    .when(received())
    .then(denied({}, 'NOT_CONFIGURED', 'no configuration has been applied yet', { version: '' }));
});

test('a request without an accountable person is refused, whatever policies say', () => {
  const nobody = { subject: { ...request().subject, person: ' ' } };
  given(policyProcessor, [configured(['permit(principal, action, resource);'])])
    .when(received(nobody))
    .then(denied(nobody, 'NO_ACCOUNTABLE_PERSON', 'no person is accountable for this request'));
});

test('a resource that is not configured is unknown', () => {
  const other = { resource: { type: 'model', id: 'constructor' } };
  given(policyProcessor, [configured([permitExample])])
    .when(received(other))
    .then(denied(other, 'RESOURCE_UNKNOWN', 'there is no model constructor'));
  const tool = { resource: { type: 'tool', id: 'small' } };
  given(policyProcessor, [configured([permitExample])])
    .when(received(tool))
    .then(denied(tool, 'RESOURCE_UNKNOWN', 'there is no tool small'));
});

test('an action that the resource does not support is refused', () => {
  const embed = { action: 'model.embed' };
  given(policyProcessor, [configured([permitExample])])
    .when(received(embed))
    .then(denied(embed, 'ACTION_UNSUPPORTED', 'model small does not support model.embed'));
});

test('without a permit, no', () => {
  const why = 'no policy permits model.chat on model small to agent helpdesk of example/support, for owner@example.com';
  given(policyProcessor, [configured([])])
    .when(received())
    .then(denied({}, 'POLICY', why));
  given(policyProcessor, [configured(['permit(principal in Tenant::"other", action, resource);'])])
    .when(received())
    .then(denied({}, 'POLICY', why));
});

test('a forbid wins, and is named', () => {
  const large = { resource: { type: 'model', id: 'large' } };
  given(policyProcessor, [configured([permitExample, noLarge])])
    .when(received(large))
    .then(denied(large, 'POLICY', 'forbidden by no-large', { policies: ['no-large'] }));
});

test('a policy that cannot be evaluated permits nothing', () => {
  const overflow = `${permitExample} permit(principal, action, resource) when { 9223372036854775807 + 1 > 0 };`;
  const [statement] = given(policyProcessor, [configured([overflow])]).when(received()).statements;
  expect(statement).toMatchObject({ type: 'RequestDenied', data: { reason: 'POLICY', decision: { policies: [] } } });
  expect(statement?.data.decision.reason).toMatch(/could not be evaluated.*overflow/s);
});

test('the last configuration rules', () => {
  given(policyProcessor, [configured([permitExample]), configured([], 'v2')])
    .when(received())
    .then(
      denied(
        {},
        'POLICY',
        'no policy permits model.chat on model small to agent helpdesk of example/support, for owner@example.com',
        { version: 'v2' },
      ),
    );
});

test('policies that stay are not parsed again', () => {
  const { evolve, initialState } = policyProcessor;
  const first = evolve(initialState(), configured([permitExample]));
  const second = evolve(first, configured([permitExample], 'v2'));
  expect(second.configured).toMatchObject({ version: 'v2' });
  expect(second.configured?.authorizer).toBe(first.configured?.authorizer);
  expect(evolve(second, configured([noLarge], 'v3')).configured?.authorizer).not.toBe(first.configured?.authorizer);
});

test('a configuration that cannot be read is refused with the reason, so that the one before stays', () => {
  const { evolve, initialState } = policyProcessor;
  const state = evolve(initialState(), configured([permitExample]));
  expect(() => evolve(state, configured(['permit(principal);'], 'v2'))).toThrow(
    /policies of configuration v2 .* policies\/0\.cedar:1:17/,
  );
  const garbage = happened('MeshConfigured', { version: 'v3', previousVersion: null, document: '{"resources":7}' });
  expect(() => evolve(state, garbage)).toThrow();
});

const agentRequest = (asks: Partial<Request['subject']>, asked: string): Partial<Request> => ({
  subject: { ...request().subject, ...asks },
  action: 'agent.send',
  resource: { type: 'agent', id: asked },
  protocol: 'a2a',
});
const agent = { type: 'agent', actions: ['agent.send'], targets: [] };
const attributes = { tenant: 'example', unit: 'support', person: 'owner@example.com' };
const withAgents = (policy: string, maxDepth = 8) => {
  const resources = ['planner', 'writer', 'helpdesk'].map((id) => ({ ...agent, id, attributes }));
  const a2a = { ...noAgents.a2a, maxDepth };
  return happened('MeshConfigured', {
    version: 'v1',
    previousVersion: null,
    document: JSON.stringify({ ...document([policy]), resources, a2a }),
  });
};
const PERMIT = '@id("all") permit(principal, action == Action::"agent.send", resource in Unit::"example/support");';

test('an agent may be asked, by a policy on agents', () => {
  const { statements } = given(policyProcessor, [withAgents(PERMIT)]).when(
    received(agentRequest({ actors: ['front'] }, 'planner')),
  );
  expect(statements).toMatchObject([{ type: 'RequestPermitted', data: { decision: { policies: ['all'] } } }]);
});

test('a policy can test through whom a message comes', () => {
  const never = `${PERMIT} forbid(principal, action, resource) when { context.through.contains(Agent::"example/front") };`;
  given(policyProcessor, [withAgents(never)])
    .when(received(agentRequest({ actors: ['front'] }, 'planner')))
    .then(
      denied(agentRequest({ actors: ['front'] }, 'planner'), 'POLICY', 'forbidden by policies/0.cedar#2', {
        policies: ['policies/0.cedar#2'],
      }),
    );
});

test('agents that ask one another in a circle are stopped, with the path', () => {
  const asked = agentRequest({ agent: 'writer', actors: ['front', 'planner'] }, 'planner');
  given(policyProcessor, [withAgents(PERMIT)])
    .when(received(asked))
    .then(denied(asked, 'AGENT_CYCLE', 'agents ask one another in a circle: front → planner → writer → planner'));
  const itself = agentRequest({ agent: 'planner' }, 'planner');
  given(policyProcessor, [withAgents(PERMIT)])
    .when(received(itself))
    .then(denied(itself, 'AGENT_CYCLE', 'agents ask one another in a circle: planner → planner'));
});

test('a chain of agents has an end, for calls of models too', () => {
  const asked = agentRequest({ agent: 'writer', actors: ['a', 'b', 'c'] }, 'planner');
  given(policyProcessor, [withAgents(PERMIT, 2)])
    .when(received(asked))
    .then(denied(asked, 'TOO_DEEP', 'more than 2 agents ask one another: a → b → c → writer'));
});
