import { expect, test } from 'vitest';
import type { DefinitionKind, DenialReason, Request, Verdict } from '../../schemas/generated.ts';
import { type Configuration, noAgents } from '../runtime/configuration.ts';
import { given, happened } from '../runtime/given.ts';
import { requestForTests } from '../runtime/request-for-tests.ts';
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

const request = (changes: Partial<Request> = {}) =>
  requestForTests({
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
    resource: { type: 'model', id: 'small' },
    deadline: 1000,
    repeatable: true,
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

const definitionOf = (name: string, definition: object = {}) => Buffer.from(JSON.stringify({ name, ...definition }));
const observedTool = (name: string, digest: string, definition: object = {}, kind: DefinitionKind = 'TOOL') =>
  happened('DefinitionObserved', {
    server: 'files',
    kind,
    name,
    definition: digest === '' ? Buffer.alloc(0) : definitionOf(name, definition),
    digest,
    findings: [],
  });
const reviewedTool = (name: string, digest: string, verdict: Verdict = 'APPROVED', kind: DefinitionKind = 'TOOL') =>
  happened('DefinitionReviewed', {
    server: 'files',
    kind,
    name,
    digest,
    verdict,
    by: 'owner@example.com',
    note: '',
    definition: definitionOf(name),
  });
const withServer = (policy: string, tools: readonly string[] = ['files/*']) =>
  happened('MeshConfigured', {
    version: 'v1',
    previousVersion: null,
    document: JSON.stringify({
      ...document([policy]),
      resources: [
        {
          type: 'server',
          id: 'files',
          actions: ['tool.call', 'prompt.get', 'resource.read'],
          targets: [],
          attributes: { region: 'eu' },
        },
      ],
      agents: [
        { name: 'helpdesk', tenant: 'example', unit: 'support', owner: 'o', kind: 'caller', partitions: 1, tools },
      ],
    }),
  });
const asked = (type: string, id: string, changes: Partial<Request> = {}): Partial<Request> => ({
  action: { tool: 'tool.call', prompt: 'prompt.get', resource: 'resource.read' }[type]!,
  resource: { type, id },
  protocol: 'mcp',
  ...changes,
});
const read = asked('tool', 'files/read');
const PERMIT_TOOLS = '@id("tools") permit(principal, action, resource in Server::"files");';
const ruled = (events: Parameters<typeof given>[1], changes: Partial<Request> = read) => {
  const [statement] = given(policyProcessor, events).when(received(changes)).statements;
  const { type, data } = statement as { type: string; data: { reason?: DenialReason; decision: { reason: string } } };
  return type === 'RequestPermitted' ? 'permitted' : `${data.reason}: ${data.decision.reason}`;
};
const allowing = withServer(PERMIT_TOOLS);
const inForce = [observedTool('read', 'a'), reviewedTool('read', 'a')];

test('a tool is used as it was approved', () => {
  expect(ruled([allowing, ...inForce])).toBe('permitted');
  expect(ruled([...inForce, allowing])).toBe('permitted');
});

test('a tool that its server does not offer, or no longer, is unknown', () => {
  const unknown = 'RESOURCE_UNKNOWN: there is no tool files/read';
  expect(ruled([allowing])).toBe(unknown);
  expect(ruled([allowing, reviewedTool('read', 'a')])).toBe(unknown);
  expect(ruled([allowing, ...inForce, observedTool('read', '')])).toBe(unknown);
  expect(
    ruled([allowing, observedTool('read', 'a', {}, 'PROMPT'), reviewedTool('read', 'a', 'APPROVED', 'PROMPT')]),
  ).toBe(unknown);
  expect(ruled([allowing, ...inForce], asked('tool', 'other/read'))).toBe(
    'RESOURCE_UNKNOWN: there is no tool other/read',
  );
  expect(ruled([allowing, ...inForce], asked('tool', 'read'))).toBe('RESOURCE_UNKNOWN: there is no tool read');
});

test('a tool that was not approved, or is another one now, is held back', () => {
  const held = 'NOT_APPROVED: the tool files/read is held back until its definition is approved';
  expect(ruled([allowing, observedTool('read', 'a')])).toBe(held);
  expect(ruled([allowing, ...inForce, observedTool('read', 'b')])).toBe(held);
  expect(ruled([allowing, ...inForce, observedTool('read', 'b'), reviewedTool('read', 'b')])).toBe('permitted');
});

test('a tool that was rejected is refused', () => {
  expect(ruled([allowing, ...inForce, reviewedTool('read', 'a', 'REJECTED')])).toBe(
    'NOT_APPROVED: the definition of the tool files/read was rejected',
  );
});

test('prompts are as tools; a resource may be any that a template stands for', () => {
  const prompt = asked('prompt', 'files/read');
  expect(ruled([allowing, ...inForce], prompt)).toBe('RESOURCE_UNKNOWN: there is no prompt files/read');
  expect(
    ruled([allowing, observedTool('read', 'a', {}, 'PROMPT'), reviewedTool('read', 'a', 'APPROVED', 'PROMPT')], prompt),
  ).toBe('permitted');
  expect(ruled([allowing], asked('resource', 'files/file:///any'))).toBe('permitted');
});

test('what an agent has not declared it does not use, whatever policies say', () => {
  const undeclared = 'UNDECLARED: agent helpdesk has not declared that it uses files/read: its tools in mesh.yaml';
  for (const tools of [[], ['files/write'], ['other/*']])
    expect(ruled([withServer(PERMIT_TOOLS, tools), ...inForce])).toBe(undeclared);
  expect(ruled([withServer(PERMIT_TOOLS, ['files/read']), ...inForce])).toBe('permitted');
  expect(ruled([allowing, ...inForce], { ...read, subject: { ...request().subject, tenant: 'other' } })).toBe(
    undeclared,
  );
  expect(ruled([withServer(PERMIT_TOOLS, ['files/read'])], asked('resource', 'files/file:///any'))).toMatch(
    /^UNDECLARED/,
  );
});

test('a policy tests arguments, annotations and the tags of the server', () => {
  const when = (condition: string) => withServer(`permit(principal, action, resource) when { ${condition} };`);
  const hint = 'resource.hasTag("readOnlyHint") && resource.getTag("readOnlyHint") == "true"';
  const readOnly = [observedTool('read', 'a', { annotations: { readOnlyHint: true } }), reviewedTool('read', 'a')];
  expect(ruled([when(hint), ...readOnly])).toBe('permitted');
  expect(ruled([when(hint), ...inForce])).toMatch(/^POLICY: no policy permits tool\.call on tool files\/read/);

  const path = 'context.arguments.hasTag("path") && context.arguments.getTag("path") like "/srv/*"';
  const at = (argument: string): Partial<Request> => ({ ...read, arguments: { path: argument } });
  expect(ruled([when(path), ...inForce], at('/srv/a'))).toBe('permitted');
  expect(ruled([when(path), ...inForce], at('/etc/passwd'))).toMatch(/^POLICY/);
  expect(ruled([when(path), ...inForce])).toMatch(/^POLICY/);

  const region = 'resource.hasTag("region") && resource.getTag("region") == "eu"';
  expect(ruled([when(region), ...inForce])).toBe('permitted');
});

test('a forbid of one tool wins over the permit of its server', () => {
  const forbid = `${PERMIT_TOOLS} @id("not-read") forbid(principal, action, resource == Tool::"files/read");`;
  expect(ruled([withServer(forbid), ...inForce])).toBe('POLICY: forbidden by not-read');
});
