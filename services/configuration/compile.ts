import { createHash } from 'node:crypto';
import type { Configuration } from '../runtime/configuration.ts';
import { type Environment, resolveReferences } from './environment.ts';
import type { MeshFile } from './mesh-file.ts';
import { actionsOf, targetsOf } from './served.ts';

type Document = Omit<Configuration, 'version'>;

/** What `MeshConfigured` holds: canonical JSON, and the first 12 hexadecimal digits of its sha256. */
export interface Compiled {
  document: string;
  version: string;
}

/**
 * mesh.yaml in no protocol's terms. The same file, policies and URLs make the same document, in whatever order they are written.
 * @param env resolves the references in URLs; those to secrets stay references.
 */
export const compile = (file: MeshFile, policies: Document['policies'], env: Environment): Compiled => {
  const document: Document = {
    credentials: credentials(file),
    resources: [...models(file), ...callable(file), ...servable(file)],
    connections: [...providers(file, env), ...agentConnections(file, env), ...serverConnections(file, env)],
    agents: agents(file),
    a2a: {
      rootAgent: file.a2a.root ?? null,
      publicUrl: file.a2a.publicUrl ?? null,
      turnDeadlineMs: file.a2a.deadline,
      maxDepth: file.a2a.maxDepth,
      pushTo: file.a2a.pushTo.toSorted(order),
    },
    servers: servers(file),
    endpoints: endpoints(file),
    currency: file.prices.currency,
    prices: prices(file),
    redaction: { fields: file.redaction.fields.toSorted(order), patterns: file.redaction.patterns },
    limits: {
      requestsInFlight: file.limits.requestsInFlight,
      requestsInFlightPerCredential: file.limits.requestsInFlightPerKey,
      bodyBytes: file.limits.bodySize,
      deadlineMs: file.limits.deadline,
      maxDeadlineMs: file.limits.maxDeadline,
    },
    routing: {
      maxAttempts: file.routing.maxAttempts,
      breaker: { failures: file.routing.breaker.failures, openMs: file.routing.breaker.open },
    },
    policies: policies.toSorted((a, b) => order(a.id, b.id)),
  };
  const text = JSON.stringify(canonical(document));
  return { document: text, version: createHash('sha256').update(text).digest('hex').slice(0, 12) };
};

const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
const entries = <T>(record: Record<string, T>) => Object.entries(record).sort(([a], [b]) => order(a, b));

/** The same value with the keys of every object sorted. Versions stay what they were: RFC 8785 puts keys like 10 elsewhere. */
const canonical = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(entries(value as Record<string, unknown>).map(([key, one]) => [key, canonical(one)]));
};

const credentials = (file: MeshFile): Document['credentials'] =>
  entries(file.keys).map(([id, key]) => {
    const { unit, owner } = file.agents[key.agent]!;
    return {
      id,
      hash: key.hash.slice('sha256:'.length),
      subject: { tenant: file.units[unit]!.tenant, unit, agent: key.agent, person: key.person ?? owner },
      revoked: key.revoked,
      expiresAt: key.expires ?? null,
    };
  });

const models = (file: MeshFile): Document['resources'] =>
  entries(file.models).map(([id, { tags }]) => ({
    type: 'model',
    id,
    actions: actionsOf(file, id),
    targets: targetsOf(file, id),
    attributes: tags,
  }));

type Server = Pick<MeshFile['providers'][string], 'apiKey' | 'headers' | 'timeouts' | 'responseSize'>;

const connection = (server: Server, url: string, env: Environment) => ({
  url: resolveReferences(url, env).replace(/\/+$/, ''),
  credential: server.apiKey ?? null,
  headers: Object.fromEntries(Object.entries(server.headers).map(([name, value]) => [name.toLowerCase(), value])),
  connectTimeoutMs: server.timeouts.connect,
  firstByteTimeoutMs: server.timeouts.firstByte,
  idleTimeoutMs: server.timeouts.idle,
  maxResponseBytes: server.responseSize,
  process: null,
  oauth: null,
});

const providers = (file: MeshFile, env: Environment): Document['connections'] =>
  entries(file.providers).map(([id, provider]) => ({
    id,
    protocol: 'openai',
    interfaces: provider.interfaces.toSorted(order),
    ...connection(provider, provider.url, env),
  }));

const kindOf = ({ url, log }: MeshFile['agents'][string]) => (url ? 'http' : log ? 'log' : 'caller');

const agents = (file: MeshFile): Document['agents'] =>
  entries(file.agents).map(([name, agent]) => ({
    name,
    tenant: file.units[agent.unit]!.tenant,
    unit: agent.unit,
    owner: agent.owner,
    kind: kindOf(agent),
    partitions: agent.partitions,
    tools: agent.tools.toSorted(order),
  }));

const callableAgents = (file: MeshFile) => entries(file.agents).filter(([, agent]) => kindOf(agent) !== 'caller');
// No provider's name has a colon.
const connectionOf = (agent: string) => `agent:${agent}`;

const callable = (file: MeshFile): Document['resources'] =>
  callableAgents(file).map(([id, { unit, owner, tags }]) => ({
    type: 'agent',
    id,
    actions: ['agent.send'],
    targets: [{ id: `a2a/${id}`, connection: connectionOf(id), name: id, weight: 1, tier: 0 }],
    attributes: { ...tags, tenant: file.units[unit]!.tenant, unit, person: owner },
  }));

const agentConnections = (file: MeshFile, env: Environment): Document['connections'] =>
  callableAgents(file).map(([name, agent]) => ({
    id: connectionOf(name),
    protocol: agent.url ? 'a2a' : 'a2a-log',
    interfaces: [],
    ...connection(agent, agent.url ?? '', env),
  }));

const connectionOfServer = (server: string) => `mcp:${server}`;

const actionsOfServer = ['completion.complete', 'prompt.get', 'resource.read', 'resource.subscribe', 'tool.call'];

const servable = (file: MeshFile): Document['resources'] =>
  entries(file.mcp.servers).map(([id, { twins, tags }]) => ({
    type: 'server',
    id,
    actions: actionsOfServer,
    targets: [id, ...twins].map((name, tier) => ({
      id: `mcp/${name}`,
      connection: connectionOfServer(name),
      name,
      weight: 1,
      tier,
    })),
    attributes: tags,
  }));

const serverConnections = (file: MeshFile, env: Environment): Document['connections'] =>
  entries(file.mcp.servers).map(([name, server]) => ({
    id: connectionOfServer(name),
    protocol: 'mcp',
    interfaces: [],
    ...connection(server, server.url ?? '', env),
    process: server.command
      ? { command: server.command[0]!, args: server.command.slice(1), env: server.env, cwd: server.cwd ?? null }
      : null,
    oauth: server.oauth ? oauth(server.oauth) : null,
  }));

const oauth = (given: NonNullable<MeshFile['mcp']['servers'][string]['oauth']>) => ({
  grant: given.grant,
  issuer: given.issuer ?? null,
  clientId: given.clientId ?? null,
  clientSecret: given.clientSecret ?? null,
  privateKey: given.privateKey ?? null,
  algorithm: given.algorithm ?? null,
  clientMetadataUrl: given.clientMetadataUrl ?? null,
  scope: given.scope ?? null,
});

const servers = (file: MeshFile): Document['servers'] =>
  entries(file.mcp.servers).map(([name, server]) => ({
    name,
    connection: connectionOfServer(name),
    version: server.version,
    deprecated: server.deprecated ?? null,
    review: server.review,
    callsInFlight: server.callsInFlight,
    callsPerMinute: server.callsPerMinute ?? null,
    resultBytes: server.resultSize ?? null,
    tooLarge: server.tooLarge,
    tools: entries(server.tools).map(([tool, limits]) => ({
      name: tool,
      callsInFlight: limits.callsInFlight ?? null,
      callsPerMinute: limits.callsPerMinute ?? null,
      resultBytes: limits.resultSize ?? null,
      tooLarge: limits.tooLarge ?? null,
      firstByteTimeoutMs: limits.timeouts.firstByte ?? null,
      idleTimeoutMs: limits.timeouts.idle ?? null,
    })),
  }));

const endpoints = (file: MeshFile): Document['endpoints'] =>
  entries(file.mcp.endpoints).map(([name, { title, instructions, servers, agents, tools }]) => ({
    name,
    title: title ?? null,
    instructions: instructions ?? null,
    servers: servers.toSorted(order),
    agents: agents.toSorted(order),
    tools: entries(tools).map(([known, { server, tool, description, defaults }]) => ({
      server,
      tool: tool ?? known,
      name: known,
      description: description ?? null,
      defaults,
    })),
  }));

const meters = { input: 'input_tokens', output: 'output_tokens', cachedInput: 'cached_input_tokens' } as const;

const prices = (file: MeshFile): Document['prices'] => {
  const price = (of: string, perMillion: MeshFile['prices']['models'][string]) => ({
    of,
    nanosPer: Object.fromEntries(
      Object.entries(perMillion).map(([field, amount]) => [meters[field as keyof typeof meters], nanosOf(amount)]),
    ),
  });
  return [
    ...entries(file.prices.models).map(([model, one]) => price(`model/${model}`, one)),
    ...entries(file.prices.targets).map(([target, one]) => price(target, one)),
    ...entries(file.prices.tools).map(([tool, one]) => ({ of: `tool/${tool}`, nanosPer: toolNanos(one) })),
  ];
};

const toolMeters = {
  call: { meter: 'tool_calls', units: 1 },
  second: { meter: 'tool_ms', units: 1_000 },
  requestMegabyte: { meter: 'request_bytes', units: 1_000_000 },
  responseMegabyte: { meter: 'response_bytes', units: 1_000_000 },
} as const;

/** By meter, billionths of the currency for one. */
const toolNanos = (price: MeshFile['prices']['tools'][string]): Record<string, number> =>
  Object.fromEntries(
    Object.entries(price).map(([field, amount]) => {
      const { meter, units } = toolMeters[field as keyof typeof toolMeters];
      return [meter, Math.round(amount * 1e9) / units];
    }),
  );

/** Billionths of the currency for one, from its price per million: a millionth of it is a thousand billionths. */
const nanosOf = (perMillion: number) => Math.round(perMillion * 1e9) / 1e6;
