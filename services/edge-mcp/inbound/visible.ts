/** What of an endpoint a caller sees: what its agent has declared, is approved, and policy permits whatever its arguments. */
import { hash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import type { Authorizer } from '../../runtime/cedar.ts';
import type { Configuration } from '../../runtime/configuration.ts';
import { createAuthorizerOf } from '../../runtime/edge/authorizer.ts';
import { type Caller, subjectOf } from '../../runtime/edge/callers.ts';
import { declares } from '../../runtime/mcp/declared.ts';
import { annotationsOf, type DefinitionKind, type Definitions, definitionOf } from '../../runtime/mcp/definitions.ts';
import { PROTOCOL } from '../../runtime/mcp/message.ts';
import { A2A, SEND } from './agents/message.ts';
import type { AgentTool } from './agents/tool.ts';
import { mentionedIn } from './mentioned.ts';
import { type Names, namesAt, type Offer } from './names.ts';

export interface Seen {
  tools: readonly Offer[];
  agents: readonly AgentTool[];
  prompts: readonly Offer[];
  resources: readonly Offer[];
  templates: readonly Offer[];
  /** Change with what is seen of each kind. */
  digests: { tools: string; prompts: string; resources: string };
}

export interface Viewer {
  caller: Caller;
  /** Empty: /mcp itself. */
  endpoint: string;
}

type Sought = Pick<Offer, 'server' | 'own'>;

export interface Visibility {
  /** Undefined where there is no such endpoint. */
  names(inForce: Configuration, endpoint: string): Names | undefined;
  sees(inForce: Configuration, caller: Caller, type: OfferedType, offer: Sought): boolean;
  /** Whether policy would let the caller send to the agent. */
  seesAgent(inForce: Configuration, caller: Caller, agent: string): boolean;
  /** All of it; of an endpoint that is gone nothing. */
  of(inForce: Configuration, viewer: Viewer): Promise<Seen>;
}

/** After so many questions to policy others get their turn. */
const TURN = 100;
const kinds: Partial<Record<OfferedType, DefinitionKind>> = { tool: 'TOOL', prompt: 'PROMPT' };
/** What it is to use one. */
const using = { tool: 'tool.call', prompt: 'prompt.get', resource: 'resource.read' } as const;
export type OfferedType = keyof typeof using;
const MAX_VIEWERS = 2_000;

const digestOf = (offers: readonly Offer[], agents: readonly AgentTool[] = []): string =>
  hash(
    'sha256',
    [
      ...offers.map(({ name, definition, shown }) => `${name}\n${definition.observed?.digest}\n${shown.description}`),
      ...agents.map(({ name, shown }) => `${name}\n${shown.description}`),
    ].join('\n'),
    'hex',
  );

/**
 * Policies are read once per configuration; what a caller sees is kept until configuration or definitions change.
 * @param revision counts the changes of the definitions, and of what agents say of themselves.
 */
export const createVisibility = (
  definitions: Definitions,
  revision: () => number,
  describe: (agent: string) => string | undefined,
): Visibility => {
  const authorizerOf = createAuthorizerOf();
  let policies: Configuration | undefined;
  let authorizer: Authorizer | undefined;
  let declared = new Map<string, readonly string[]>();
  let attributes = new Map<string, Readonly<Record<string, string>>>();
  let agents = new Map<string, Readonly<Record<string, string>>>();
  let mentioned: (id: string) => boolean = () => true;
  let known = '';
  let namesKnown = new Map<string, Names | undefined>();
  let seen = new Map<string, Promise<Seen>>();

  const refresh = (inForce: Configuration) => {
    if (inForce !== policies) {
      authorizer = authorizerOf(inForce);
      declared = new Map(inForce.agents.map(({ tenant, name, tools }) => [`${tenant}/${name}`, tools]));
      const servers = inForce.resources.filter(({ type }) => type === 'server');
      attributes = new Map(servers.map((one) => [one.id, one.attributes]));
      const callable = inForce.resources.filter(({ type }) => type === 'agent');
      agents = new Map(callable.map((one) => [one.id, one.attributes]));
      mentioned = mentionedIn(inForce.policies.map(({ text }) => text));
      policies = inForce;
    }
    const now = `${inForce.version} ${revision()}`;
    if (now === known) return;
    known = now;
    namesKnown = new Map();
    seen = new Map();
  };

  const names: Visibility['names'] = (inForce, endpoint) => {
    refresh(inForce);
    if (!namesKnown.has(endpoint)) {
      const made = namesAt(inForce, definitions, endpoint, describe);
      // Nobody is to fill the memory with names of what is not there.
      if (!made) return undefined;
      namesKnown.set(endpoint, made);
    }
    return namesKnown.get(endpoint);
  };

  const permits = (
    caller: Caller,
    action: string,
    resource: { type: string; id: string; attributes: Readonly<Record<string, string>> },
    protocol: string,
  ) => {
    const { tenant, unit, agent, person, actors } = subjectOf(caller);
    const access = authorizer?.authorize({
      subject: { tenant, unit, agent, person },
      action,
      resource,
      context: { protocol, streaming: true, through: actors },
    });
    return access?.allowed ?? false;
  };

  /** @param ruled what was ruled for this caller of others that policies cannot tell from this one. */
  const looks = (caller: Caller, type: OfferedType, { server, own }: Sought, ruled: Map<string, boolean>): boolean => {
    const { tenant, agent } = caller.credential.subject;
    const id = `${server}/${own}`;
    const tags = attributes.get(server);
    if (!tags || !declares(declared.get(`${tenant}/${agent}`) ?? [], id)) return false;
    const kind = kinds[type];
    const definition = kind && definitionOf(definitions, server, kind, own);
    const all = { ...tags, ...(definition && annotationsOf(definition)) };
    const key = JSON.stringify([type, server, all, mentioned(id) ? own : null]);
    const ruling = ruled.get(key) ?? permits(caller, using[type], { type, id, attributes: all }, PROTOCOL);
    ruled.set(key, ruling);
    return ruling;
  };

  const looksAt = (caller: Caller, agent: string): boolean => {
    const attributes = agents.get(agent);
    return attributes !== undefined && permits(caller, SEND, { type: 'agent', id: agent, attributes }, A2A);
  };

  const look = async (inForce: Configuration, { caller, endpoint }: Viewer): Promise<Seen> => {
    const all = names(inForce, endpoint);
    const ruled = new Map<string, boolean>();
    let asked = 0;
    const filter = async (type: OfferedType, offers: Iterable<Offer> = []) => {
      const found: Offer[] = [];
      for (const offer of offers) {
        asked += 1;
        if (asked % TURN === 0) await turn();
        if (looks(caller, type, offer, ruled)) found.push(offer);
      }
      return found;
    };
    const tools = await filter('tool', all?.tools.values());
    const agents = [...(all?.agents.values() ?? [])].filter(({ agent }) => looksAt(caller, agent));
    const prompts = await filter('prompt', all?.prompts.values());
    const resources = await filter('resource', all?.resources.values());
    const templates = await filter('resource', all?.templates.values());
    const digests = {
      tools: digestOf(tools, agents),
      prompts: digestOf(prompts),
      resources: digestOf([...resources, ...templates]),
    };
    return { tools, agents, prompts, resources, templates, digests };
  };

  return {
    names,
    sees: (inForce, caller, type, offer) => {
      refresh(inForce);
      return looks(caller, type, offer, new Map());
    },
    seesAgent: (inForce, caller, agent) => {
      refresh(inForce);
      return looksAt(caller, agent);
    },
    of: (inForce, viewer) => {
      refresh(inForce);
      const { credential, chain } = viewer.caller;
      const key = JSON.stringify([viewer.endpoint, credential.id, chain.person, chain.actors]);
      let found = seen.get(key);
      if (!found) {
        found = look(inForce, viewer);
        if (seen.size >= MAX_VIEWERS) seen.delete(seen.keys().next().value ?? '');
        seen.set(key, found);
        // Asked again another time.
        const kept = seen;
        found.catch(() => kept.delete(key));
      }
      return found;
    },
  };
};
