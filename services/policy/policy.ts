/** May it? Deny by default; Cedar policies permit and forbid. Knows subjects, actions and resources, and no protocol. */
import { isDeepStrictEqual } from 'node:util';
import type { DenialReason, Request } from '../../schemas/generated.ts';
import { type Authorizer, parsePolicies } from '../runtime/cedar.ts';
import {
  type Configuration,
  configuredAs,
  parseConfiguration,
  type ResourceConfiguration,
} from '../runtime/configuration.ts';
import type { AnyRecorded } from '../runtime/log.ts';
import { declares } from '../runtime/mcp/declared.ts';
import {
  annotationsOf,
  type DefinitionKind,
  type Definitions,
  definitionOf,
  foldDefinition,
  noDefinitions,
  standingOf,
} from '../runtime/mcp/definitions.ts';
import type { Folded, Statement } from '../runtime/processor.ts';

interface Configured {
  version: string;
  /** What each agent has declared to use, by tenant/name. */
  declared: ReadonlyMap<string, readonly string[]>;
  /** By type/id. */
  resources: ReadonlyMap<string, ResourceConfiguration>;
  policies: Configuration['policies'];
  authorizer: Authorizer;
  maxDepth: number;
}

export interface PolicyState {
  /** What rulings are made under; undefined until there is one. */
  configured: Configured | undefined;
  /** What MCP servers offer. */
  definitions: Definitions;
}

export const initialState = (): PolicyState => ({ configured: undefined, definitions: noDefinitions() });

/** @throws when a configuration cannot be read: the one before stays in force. */
export const evolve = (state: PolicyState, event: Folded): PolicyState => {
  switch (event.type) {
    case 'MeshConfigured':
      return { ...state, configured: configure(state.configured, event) };
    case 'ServerObserved':
    case 'DefinitionObserved':
    case 'DefinitionReviewed':
      foldDefinition(state.definitions, event);
  }
  return state;
};

const configure = (state: Configured | undefined, event: Folded<'MeshConfigured'>): Configured => {
  const { version, resources, policies, a2a, agents } = parseConfiguration(event.data);
  // Most versions leave the policies as they were, and parsing them takes longer than all else.
  const authorizer = state && isDeepStrictEqual(policies, state.policies) ? state.authorizer : parsePolicies(policies);
  if (Array.isArray(authorizer)) {
    const problems = authorizer.map(({ id, line, column, message }) => `${id}:${line}:${column} ${message}`);
    throw new Error(`the policies of configuration ${version} cannot be read: ${problems.join('; ')}`);
  }
  return {
    version,
    declared: new Map(agents.map(({ tenant, name, tools }) => [`${tenant}/${name}`, tools])),
    resources: new Map(resources.map((one) => [`${one.type}/${one.id}`, one])),
    policies,
    authorizer,
    maxDepth: a2a.maxDepth,
  };
};

export const decide = (
  event: AnyRecorded<'RequestReceived'>,
  state: PolicyState,
): Statement<'RequestPermitted' | 'RequestDenied'>[] => {
  const { request } = event.data;
  const { denied, policies, reason } = rule(request, state);
  const decision = { configurationVersion: state.configured?.version ?? '', policies: [...policies], reason };
  if (!denied) return [{ type: 'RequestPermitted', data: { request, decision } }];
  const { subject, action, resource } = request;
  return [{ type: 'RequestDenied', data: { subject, action, resource, reason: denied, decision } }];
};

interface Ruling {
  /** Undefined: permitted. */
  denied?: DenialReason;
  policies: readonly string[];
  reason: string;
}

const deny = (denied: DenialReason, reason: string, policies: readonly string[] = []): Ruling => ({
  denied,
  policies,
  reason,
});

const rule = (request: Request, { configured: state, definitions }: PolicyState): Ruling => {
  const { subject, action, resource, protocol, streaming } = request;
  if (!state) return deny('NOT_CONFIGURED', 'no configuration has been applied yet');
  if (!subject.person.trim()) return deny('NO_ACCOUNTABLE_PERSON', 'no person is accountable for this request');
  const { type, id } = configuredAs(resource);
  const known = state.resources.get(`${type}/${id}`);
  if (!known) return deny('RESOURCE_UNKNOWN', `there is no ${resource.type} ${resource.id}`);
  if (!known.actions.includes(action))
    return deny('ACTION_UNSUPPORTED', `${resource.type} ${resource.id} does not support ${action}`);

  const chain = ruleChain(request, state.maxDepth);
  if (chain) return chain;

  const offered = ruleOffered(request, definitions);
  if (offered && !('attributes' in offered)) return offered;

  const { tenant, unit, agent, person, actors } = subject;
  if (offered && !declares(state.declared.get(`${tenant}/${agent}`) ?? [], resource.id))
    return deny('UNDECLARED', `agent ${agent} has not declared that it uses ${resource.id}: its tools in mesh.yaml`);
  const { allowed, policies, errors } = state.authorizer.authorize({
    subject: { tenant, unit, agent, person },
    action,
    resource: { type: resource.type, id: resource.id, attributes: { ...known.attributes, ...offered?.attributes } },
    context: { protocol, streaming, through: actors, arguments: request.arguments },
  });
  if (allowed) return { policies, reason: `permitted by ${policies.join(', ')}` };
  if (errors.length > 0) return deny('POLICY', `policies could not be evaluated: ${errors.join('; ')}`);
  if (policies.length > 0) return deny('POLICY', `forbidden by ${policies.join(', ')}`, policies);
  const who = `agent ${agent} of ${tenant}/${unit}, for ${person}`;
  return deny('POLICY', `no policy permits ${action} on ${resource.type} ${resource.id} to ${who}`);
};

interface Offered {
  attributes: Readonly<Record<string, string>>;
}

const kinds: Readonly<Record<string, DefinitionKind>> = { tool: 'TOOL', prompt: 'PROMPT' };

/**
 * What a server offers is used only as it was approved. Resources are not looked up: a template stands for any number of them.
 * @returns the attributes of what is asked for; undefined where no server offers it: it is a resource of the configuration.
 */
const ruleOffered = ({ resource: { type, id } }: Request, definitions: Definitions): Ruling | Offered | undefined => {
  if (configuredAs({ type, id }).type === type) return undefined;
  const kind = kinds[type];
  if (!kind) return { attributes: {} };
  const slash = id.indexOf('/');
  const definition = definitionOf(definitions, id.slice(0, slash), kind, id.slice(slash + 1));
  switch (definition ? standingOf(definition) : 'gone') {
    case 'gone':
      return deny('RESOURCE_UNKNOWN', `there is no ${type} ${id}`);
    case 'held-back':
      return deny('NOT_APPROVED', `the ${type} ${id} is held back until its definition is approved`);
    case 'rejected':
      return deny('NOT_APPROVED', `the definition of the ${type} ${id} was rejected`);
    default:
      return { attributes: annotationsOf(definition!) };
  }
};

/** Agents that ask one another must come to an end: no agent is asked again on its own behalf, and no chain is endless. */
const ruleChain = ({ subject, resource }: Request, maxDepth: number): Ruling | undefined => {
  const chain = [...subject.actors, subject.agent];
  if (resource.type === 'agent' && chain.includes(resource.id))
    return deny('AGENT_CYCLE', `agents ask one another in a circle: ${[...chain, resource.id].join(' → ')}`);
  if (subject.actors.length > maxDepth)
    return deny('TOO_DEEP', `more than ${maxDepth} agents ask one another: ${chain.join(' → ')}`);
  return undefined;
};
