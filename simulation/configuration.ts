/** What a simulated mesh is configured to do. */
import {
  type AgentConfiguration,
  type Configuration,
  hashOfKey,
  noAgents,
  noLimits,
} from '../services/runtime/configuration.ts';
import { derivedId } from '../services/runtime/event.ts';
import type { Event } from '../services/runtime/log.ts';
import { TWIN } from './tools/offers.ts';

export const KEY = 'sk-parley-simulated';
export const OTHER_KEY = 'sk-parley-turned-away';

const subjectOf = (agent: string) => ({ tenant: 'acme', unit: 'support', agent, person: 'lead@acme.example' });
const credentialOf = (id: string, key: string, agent: string) => ({
  id,
  hash: hashOfKey(key),
  subject: subjectOf(agent),
  revoked: false,
  expiresAt: null,
});
export const credentials = [credentialOf('bot', KEY, 'bot'), credentialOf('other', OTHER_KEY, 'other')];
const connectionOf = (id: string) => ({
  id,
  protocol: 'openai',
  url: `http://${id}.example/v1`,
  credential: null,
  headers: {},
  interfaces: ['chat'],
  connectTimeoutMs: 1_000,
  firstByteTimeoutMs: 4_000,
  idleTimeoutMs: 3_000,
  maxResponseBytes: 1_000_000,
  process: null,
  oauth: null,
});
const targetOf = (connection: string, tier: number) => ({
  id: `${connection}/m`,
  connection,
  name: 'm',
  weight: 1,
  tier,
});

/** Agents on the log: two of the SDK, and one that is up to no good. */
export const agentNames = ['clerk', 'scout', 'rogue'] as const;
export type AgentName = (typeof agentNames)[number];

/** Agents beyond the mesh: one that streams, and one that does not. */
export const httpAgentNames = ['courier', 'poller'] as const;

const agentOf = (name: string, kind: AgentConfiguration['kind'], tools: string[] = []): AgentConfiguration => ({
  name,
  tenant: 'acme',
  unit: 'agents',
  owner: 'owner@acme.example',
  kind,
  partitions: 1,
  tools,
});
const agentResourceOf = (name: string, target = name) => ({
  type: 'agent',
  id: name,
  actions: ['agent.send'],
  targets: [{ id: `a2a/${name}`, connection: `agent:${name}`, name: target, weight: 1, tier: 0 }],
  attributes: {},
});
/** `agents told` takes a target that is named as its connection for an agent on the log. */
const httpAgentResourceOf = (name: string) => agentResourceOf(name, `${name} over HTTP`);
const agentConnectionOf = (name: AgentName) => ({
  ...connectionOf(`agent:${name}`),
  protocol: 'a2a-log',
  url: '',
  interfaces: [],
});
const httpAgentConnectionOf = (name: string) => ({
  ...connectionOf(`agent:${name}`),
  protocol: 'a2a',
  url: `http://${name}.example`,
  interfaces: [],
});

const serverOf = (name: string): Configuration['servers'][number] => ({
  name,
  connection: `mcp:${name}`,
  version: '1',
  deprecated: null,
  review: 'changes',
  callsInFlight: 20,
  ...noLimits,
});
const serverResourceOf = (name: string) => ({
  type: 'server',
  id: name,
  actions: ['tool.call'],
  targets: (name === 'files' ? [name, TWIN] : [name]).map((one, tier) => ({
    id: `mcp/${one}`,
    connection: `mcp:${one}`,
    name: one,
    weight: 1,
    tier,
  })),
  attributes: {},
});
const serverConnectionOf = (name: string) => ({
  ...connectionOf(`mcp:${name}`),
  protocol: 'mcp',
  url: `http://${name}.example/mcp`,
  interfaces: [],
});

const permit = `permit(principal, action, resource) when {
  [${['bot', ...agentNames].map((name) => `Agent::"acme/${name}"`).join(', ')}].contains(principal)
};`;
/** After a change of mind nobody may use the second model, nor lend a book. */
const forbid = `forbid(principal, action, resource == Model::"large");
forbid(principal, action, resource == Tool::"books/lend");`;

const documentOf = (strict: boolean, servers: readonly string[]): Omit<Configuration, 'version'> => ({
  credentials,
  resources: [
    {
      type: 'model',
      id: 'small',
      actions: ['model.chat'],
      targets: [targetOf('one', 0), targetOf('two', 0), targetOf('three', 1)],
      attributes: {},
    },
    { type: 'model', id: 'large', actions: ['model.chat'], targets: [targetOf('two', 0)], attributes: {} },
    { type: 'model', id: 'nowhere', actions: ['model.chat'], targets: [], attributes: {} },
    ...agentNames.map((name) => agentResourceOf(name)),
    ...httpAgentNames.map(httpAgentResourceOf),
    ...servers.map(serverResourceOf),
  ],
  connections: [
    ...['one', 'two', 'three'].map(connectionOf),
    ...agentNames.map(agentConnectionOf),
    ...httpAgentNames.map(httpAgentConnectionOf),
    ...servers.map(serverConnectionOf),
  ],
  ...noAgents,
  agents: [
    ...agentNames.map((name) => agentOf(name, 'log', ['*'])),
    ...httpAgentNames.map((name) => agentOf(name, 'http')),
    agentOf('bot', 'caller', ['*']),
    agentOf('other', 'caller', ['files/look']),
  ],
  servers: servers.map(serverOf),
  a2a: { ...noAgents.a2a, publicUrl: 'http://mesh.example', turnDeadlineMs: 60_000 },
  currency: 'EUR',
  prices: [{ of: 'model/small', nanosPer: { input_tokens: 3, output_tokens: 5 } }],
  limits: {
    requestsInFlight: 100,
    requestsInFlightPerCredential: 100,
    bodyBytes: 100_000,
    deadlineMs: 60_000,
    maxDeadlineMs: 600_000,
  },
  routing: { maxAttempts: 3, breaker: { failures: 2, openMs: 2_000 } },
  policies: strict
    ? [
        { id: 'permit', text: permit },
        { id: 'forbid', text: forbid },
      ]
    : [{ id: 'permit', text: permit }],
});

export type Mind = 'lax' | 'strict';

/** To write one takes longer than to look it up. */
const documents = new Map<string, string>();
const written = (mind: Mind, servers: readonly string[]): string => {
  const key = [mind, ...servers].join();
  const document = documents.get(key) ?? JSON.stringify(documentOf(mind === 'strict', servers));
  documents.set(key, document);
  return document;
};

/**
 * The event that puts a configuration in force.
 * @param servers of MCP, by their names.
 * @param n which change it is: each has a version of its own.
 */
export const configured = (
  mind: Mind,
  servers: readonly string[],
  n: number,
  time: number,
): Event<'MeshConfigured'> => {
  const version = `v${n}`;
  return {
    id: derivedId('configuration', version),
    type: 'MeshConfigured',
    source: 'configuration',
    key: version,
    time,
    correlationId: version,
    causationId: '',
    traceparent: '',
    data: { version, previousVersion: n > 1 ? `v${n - 1}` : null, document: written(mind, servers) },
  };
};
