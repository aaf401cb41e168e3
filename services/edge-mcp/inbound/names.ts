/** What an endpoint offers, by the names that its clients know it by. Pure: the same for every caller. */
import { UriTemplate } from '@modelcontextprotocol/server';
import type { Configuration } from '../../runtime/configuration.ts';
import { type Definition, type Definitions, standingOf } from '../../runtime/mcp/definitions.ts';
import { type AgentTool, toolOf } from './agents/tool.ts';

/** One thing that a server offers. */
export interface Offer {
  server: string;
  /** The server's own name, URI or URI template. */
  own: string;
  /** What clients know it by. */
  name: string;
  /** As clients are shown it. */
  shown: Record<string, unknown>;
  /** Tags of its own, as policies test them. */
  definition: Definition;
  /** Arguments that a caller may leave out. */
  defaults: Readonly<Record<string, unknown>>;
}

export interface Names {
  title: string | undefined;
  /** Of the mesh file; undefined: those of its servers. */
  instructions: string | undefined;
  /** Those of which it offers something, in order. */
  servers: readonly string[];
  /** Each by name, in the order in which they are listed. */
  tools: ReadonlyMap<string, Offer>;
  /** Agents as tools. No name is in both. */
  agents: ReadonlyMap<string, AgentTool>;
  prompts: ReadonlyMap<string, Offer>;
  resources: ReadonlyMap<string, Offer>;
  templates: ReadonlyMap<string, Offer & { template: UriTemplate | undefined }>;
}

const SEPARATOR = '__';

const shownOf = ({ observed }: Definition): Record<string, unknown> =>
  JSON.parse(observed!.definition.toString()) as Record<string, unknown>;

const offerOf = (definition: Definition, name: string): Offer => ({
  server: definition.server,
  own: definition.name,
  name,
  shown: { ...shownOf(definition), name },
  definition,
  defaults: {},
});

const byName = (a: Definition, b: Definition): number => (a.name < b.name ? -1 : 1);

/** A template that cannot be read matches nothing. */
const templateOf = (text: string): UriTemplate | undefined => {
  try {
    return new UriTemplate(text);
  } catch {
    return undefined;
  }
};

/** The schema without what has a default: a caller that is not asked for it is not to be refused for leaving it out. */
const withoutRequired = (shown: Record<string, unknown>, defaults: Readonly<Record<string, unknown>>) => {
  const { inputSchema } = shown as { inputSchema?: { required?: unknown } };
  if (!Array.isArray(inputSchema?.required)) return {};
  return { inputSchema: { ...inputSchema, required: inputSchema.required.filter((name) => !(name in defaults)) } };
};

/**
 * @param endpoint empty: all servers.
 * @param describe what an agent says of itself.
 * @returns undefined where there is no endpoint of that name
 */
export const namesAt = (
  { endpoints, servers }: Pick<Configuration, 'endpoints' | 'servers'>,
  definitions: Definitions,
  endpoint: string,
  describe: (agent: string) => string | undefined,
): Names | undefined => {
  const configured = endpoints.find(({ name }) => name === endpoint);
  const isServer = servers.some(({ name }) => name === endpoint);
  if (endpoint !== '' && !configured && !isServer) return undefined;
  const whole = configured ? configured.servers : isServer ? [endpoint] : servers.map(({ name }) => name);
  const prefixed = endpoint === '';

  const inForce = new Map<string, Definition[]>();
  for (const definition of definitions.all.values()) {
    if (standingOf(definition) !== 'in-force') continue;
    const key = `${definition.kind} ${definition.server}`;
    const known = inForce.get(key);
    if (known) known.push(definition);
    else inForce.set(key, [definition]);
  }
  const of = (kind: Definition['kind'], server: string) => (inForce.get(`${kind} ${server}`) ?? []).sort(byName);

  const agents = new Map((configured?.agents ?? []).map((agent) => [agent, toolOf(agent, describe(agent))]));
  const tools = new Map<string, Offer>();
  for (const { server, tool, name, description, defaults } of configured?.tools ?? []) {
    const definition = of('TOOL', server).find((one) => one.name === tool);
    if (!definition) continue;
    const offer = offerOf(definition, name);
    const shown = { ...offer.shown, ...withoutRequired(offer.shown, defaults), ...(description && { description }) };
    tools.set(name, { ...offer, shown, defaults });
  }
  const addNamed = (offers: Map<string, Offer>, kind: Definition['kind']) => {
    for (const server of whole)
      for (const definition of of(kind, server)) {
        const isTaken = prefixed || offers.has(definition.name) || agents.has(definition.name);
        const name = isTaken ? server + SEPARATOR + definition.name : definition.name;
        if (!offers.has(name)) offers.set(name, offerOf(definition, name));
      }
    return offers;
  };
  const addByUri = <T extends Offer>(kind: Definition['kind'], made: (offer: Offer) => T) => {
    const offers = new Map<string, T>();
    for (const server of whole)
      for (const definition of of(kind, server)) {
        if (offers.has(definition.name)) continue;
        const offer = offerOf(definition, definition.name);
        offers.set(offer.name, made({ ...offer, shown: shownOf(definition) }));
      }
    return offers;
  };

  const chosen = (configured?.tools ?? []).map(({ server }) => server);
  return {
    title: configured?.title ?? undefined,
    instructions: configured?.instructions ?? undefined,
    servers: [...new Set([...whole, ...chosen])],
    tools: addNamed(tools, 'TOOL'),
    agents,
    prompts: addNamed(new Map(), 'PROMPT'),
    resources: addByUri('RESOURCE', (offer) => offer),
    templates: addByUri('RESOURCE_TEMPLATE', (offer) => ({ ...offer, template: templateOf(offer.own) })),
  };
};

/** The server that has a resource, as far as an endpoint's names tell; undefined: none of them. */
export const serverOfUri = ({ resources, templates, servers }: Names, uri: string): string | undefined => {
  const listed = resources.get(uri);
  if (listed) return listed.server;
  for (const { server, template } of templates.values()) if (matches(template, uri)) return server;
  // A server may have more than it lists.
  return servers.length === 1 ? servers[0] : undefined;
};

const matches = (template: UriTemplate | undefined, uri: string): boolean => {
  try {
    return template?.match(uri) != null;
  } catch {
    return false;
  }
};

/** The tool or prompt that a name means though the endpoint does not offer it: what the log is told that was asked for. */
export const guess = ({ servers }: Names, endpoint: string, name: string): { server: string; own: string } => {
  const at = name.indexOf(SEPARATOR);
  if (at > 0 && servers.includes(name.slice(0, at)) && servers.length > 1)
    return { server: name.slice(0, at), own: name.slice(at + SEPARATOR.length) };
  return { server: endpoint || 'mcp', own: name };
};
