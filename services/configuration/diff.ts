/** The difference between two configurations, in the words of mesh.yaml. Never shows a secret or a hash. */
import type { Configuration } from '../runtime/configuration.ts';
import { printDuration, printSize } from './quantities.ts';

type Document = Omit<Configuration, 'version'>;
/** What a person reads of a value, and what tells it from another where that must not be read. */
type Field = { shown: string } | { hidden: string };
/** By field; of a thing that can be added and removed as a whole. */
type Fields = Record<string, Field>;

const shown = (value: string | number | boolean | null | readonly string[]): Field => ({
  shown: typeof value === 'object' ? (value?.join(', ') ?? 'none') || 'none' : String(value),
});
const hidden = (value: string): Field => ({ hidden: value });
const size = (bytes: number) => shown(printSize(bytes));
const duration = (ms: number) => shown(printDuration(ms));
const prefixed = (prefix: string, record: Record<string, Field>): Fields =>
  Object.fromEntries(Object.entries(record).map(([key, field]) => [`${prefix}.${key}`, field]));
const each = <T>(record: Record<string, T>, field: (value: T) => Field) =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, field(value)]));

const plural = (type: string) => `${type}s`;

const server = (one: Document['connections'][number]): Fields => ({
  url: shown(one.url),
  apiKey: shown(one.credential),
  'timeouts.connect': duration(one.connectTimeoutMs),
  'timeouts.firstByte': duration(one.firstByteTimeoutMs),
  'timeouts.idle': duration(one.idleTimeoutMs),
  responseSize: size(one.maxResponseBytes),
  ...prefixed('oauth', each(one.oauth ?? {}, shown)),
  ...prefixed('headers', each(one.headers, hidden)),
});

/** An agent that can be called: what it is, and how it is reached. */
const agent = (document: Document, { type, id, attributes, targets }: Document['resources'][number]) => {
  const connection = document.connections.find((one) => one.id === targets[0]?.connection);
  const fields: Fields = {
    log: shown(connection?.protocol === 'a2a-log'),
    partitions: shown(document.agents.find(({ name }) => name === id)?.partitions ?? 0),
    ...prefixed('tags', each(attributes, shown)),
    ...(connection?.url ? server(connection) : {}),
  };
  return [`${plural(type)}.${id}`, fields] as [string, Fields];
};

const ifSet = <T>(field: string, value: T | null, print: (value: T) => Field): Fields =>
  value === null ? {} : { [field]: print(value) };

/** Limits of a tool: those that it has of its own. */
const toolLimits = (tool: Document['servers'][number]['tools'][number]): Fields =>
  prefixed(`tools.${tool.name}`, {
    ...ifSet('callsInFlight', tool.callsInFlight, shown),
    ...ifSet('callsPerMinute', tool.callsPerMinute, shown),
    ...ifSet('resultSize', tool.resultBytes, size),
    ...ifSet('tooLarge', tool.tooLarge, shown),
    ...ifSet('timeouts.firstByte', tool.firstByteTimeoutMs, duration),
    ...ifSet('timeouts.idle', tool.idleTimeoutMs, duration),
  });

/** An MCP server: what it is, and how it is reached. */
const mcpServer = (document: Document, one: Document['servers'][number]): [string, Fields] => {
  const resource = document.resources.find(({ type, id }) => type === 'server' && id === one.name);
  const connection = document.connections.find(({ id }) => id === one.connection);
  const { command, args = [], env = {}, cwd = null } = connection?.process ?? {};
  return [
    `mcp.servers.${one.name}`,
    {
      version: shown(one.version),
      deprecated: shown(one.deprecated),
      review: shown(one.review),
      callsInFlight: shown(one.callsInFlight),
      ...ifSet('callsPerMinute', one.callsPerMinute, shown),
      ...ifSet('resultSize', one.resultBytes, size),
      tooLarge: shown(one.tooLarge),
      ...Object.assign({}, ...one.tools.map(toolLimits)),
      twins: shown((resource?.targets ?? []).slice(1).map(({ name }) => name)),
      ...prefixed('tags', each(resource?.attributes ?? {}, shown)),
      ...(command === undefined ? {} : { command: shown([command, ...args].join(' ')), cwd: shown(cwd) }),
      ...prefixed('env', each(env, hidden)),
      ...(connection?.url ? server(connection) : {}),
    },
  ];
};

const endpoint = ({
  name,
  title,
  instructions,
  servers,
  agents,
  tools,
}: Document['endpoints'][number]): [string, Fields] => [
  `mcp.endpoints.${name}`,
  {
    title: shown(title),
    instructions: shown(instructions),
    servers: shown(servers),
    agents: shown(agents),
    ...Object.fromEntries(tools.map((tool) => [`tools.${tool.name}`, hidden(JSON.stringify(tool))])),
  },
];

const things = (document: Document): [thing: string, fields: Fields][] => [
  ...document.connections
    .filter(({ protocol }) => protocol === 'openai')
    .map((one): [string, Fields] => [`providers.${one.id}`, { interfaces: shown(one.interfaces), ...server(one) }]),
  ...document.servers.map((one) => mcpServer(document, one)),
  ...document.endpoints.map(endpoint),
  ...document.agents
    .filter(({ tools }) => tools.length > 0)
    .map(({ name, tools }): [string, Fields] => [`agents.${name}.tools`, { declared: shown(tools) }]),
  ...document.resources
    .filter(({ type }) => type !== 'server')
    .map((one): [string, Fields] =>
      one.type === 'agent'
        ? agent(document, one)
        : [
            `${plural(one.type)}.${one.id}`,
            {
              actions: shown(one.actions),
              targets: shown(one.targets.map((t) => `${t.id} (tier ${t.tier}, weight ${t.weight})`)),
              ...prefixed('tags', each(one.attributes, shown)),
            },
          ],
    ),
  ...document.prices.map((one): [string, Fields] => [
    `prices.${one.of}`,
    each(one.nanosPer, (nanos) => shown(`${nanos / 1000} per million`)),
  ]),
  ...document.credentials.map((one): [string, Fields] => [
    `keys.${one.id}`,
    {
      hash: hidden(one.hash),
      ...each(one.subject, shown),
      revoked: shown(one.revoked),
      expires: shown(one.expiresAt),
    },
  ]),
  ...document.policies.map((one): [string, Fields] => [one.id, { text: hidden(one.text) }]),
];

/** What is always there. */
const settings = ({ currency, redaction, limits, routing, a2a }: Document): Fields => ({
  'a2a.root': shown(a2a.rootAgent),
  'a2a.publicUrl': shown(a2a.publicUrl),
  'a2a.deadline': duration(a2a.turnDeadlineMs),
  'a2a.maxDepth': shown(a2a.maxDepth),
  'a2a.pushTo': shown(a2a.pushTo),
  'prices.currency': shown(currency),
  'redaction.fields': shown(redaction.fields),
  'redaction.patterns': shown(redaction.patterns),
  'limits.requestsInFlight': shown(limits.requestsInFlight),
  'limits.requestsInFlightPerKey': shown(limits.requestsInFlightPerCredential),
  'limits.bodySize': shown(printSize(limits.bodyBytes)),
  'limits.deadline': duration(limits.deadlineMs),
  'limits.maxDeadline': duration(limits.maxDeadlineMs),
  'routing.maxAttempts': shown(routing.maxAttempts),
  'routing.breaker.failures': shown(routing.breaker.failures),
  'routing.breaker.open': duration(routing.breaker.openMs),
});

const changes = (before: Fields, after: Fields, prefix = ''): string[] =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((key) => {
    const [was, is] = [before[key], after[key]];
    const name = `${prefix}${key}`;
    if (!was) return `+ ${name}`;
    if (!is) return `- ${name}`;
    if ('hidden' in was || 'hidden' in is) return JSON.stringify(was) === JSON.stringify(is) ? [] : `~ ${name} changed`;
    return was.shown === is.shown ? [] : `~ ${name} ${was.shown} → ${is.shown}`;
  });

/** `+ models.x`, `~ limits.deadline 60s → 30s`, `- keys.y`. @param before undefined when nothing was in force. */
export const difference = (before: Document | undefined, after: Document): string[] => {
  const was = new Map(before ? things(before) : []);
  const is = new Map(things(after));
  return [
    ...[...is].flatMap(([thing, fields]) => {
      const old = was.get(thing);
      return old ? changes(old, fields, `${thing}.`) : [`+ ${thing}`];
    }),
    ...[...was.keys()].filter((thing) => !is.has(thing)).map((thing) => `- ${thing}`),
    ...(before ? changes(settings(before), settings(after)) : []),
  ];
};
