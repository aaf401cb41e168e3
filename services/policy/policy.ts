/** May it? Deny by default; Cedar policies permit and forbid. Knows subjects, actions and resources, and no protocol. */
import { isDeepStrictEqual } from 'node:util';
import type { DenialReason, Request } from '../../schemas/generated.ts';
import { type Authorizer, parsePolicies } from '../runtime/cedar.ts';
import { type Configuration, parseConfiguration, type ResourceConfiguration } from '../runtime/configuration.ts';
import type { AnyRecorded } from '../runtime/log.ts';
import type { Folded, Statement } from '../runtime/processor.ts';

interface Configured {
  version: string;
  /** By type/id. */
  resources: ReadonlyMap<string, ResourceConfiguration>;
  policies: Configuration['policies'];
  authorizer: Authorizer;
  maxDepth: number;
}

/** The configuration that rulings are made under; undefined until there is one. */
export type PolicyState = Configured | undefined;

export const initialState = (): PolicyState => undefined;

/** @throws when a configuration cannot be read: the one before stays in force. */
export const evolve = (state: PolicyState, event: Folded): PolicyState => {
  if (event.type !== 'MeshConfigured') return state;
  const { version, resources, policies, a2a } = parseConfiguration(event.data);
  // Most versions leave the policies as they were, and parsing them takes longer than all else.
  const authorizer = state && isDeepStrictEqual(policies, state.policies) ? state.authorizer : parsePolicies(policies);
  if (Array.isArray(authorizer)) {
    const problems = authorizer.map(({ id, line, column, message }) => `${id}:${line}:${column} ${message}`);
    throw new Error(`the policies of configuration ${version} cannot be read: ${problems.join('; ')}`);
  }
  return {
    version,
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
  const decision = { configurationVersion: state?.version ?? '', policies: [...policies], reason };
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

const rule = (request: Request, state: PolicyState): Ruling => {
  const { subject, action, resource, protocol, streaming } = request;
  if (!state) return deny('NOT_CONFIGURED', 'no configuration has been applied yet');
  if (!subject.person.trim()) return deny('NO_ACCOUNTABLE_PERSON', 'no person is accountable for this request');
  const known = state.resources.get(`${resource.type}/${resource.id}`);
  if (!known) return deny('RESOURCE_UNKNOWN', `there is no ${resource.type} ${resource.id}`);
  if (!known.actions.includes(action))
    return deny('ACTION_UNSUPPORTED', `${resource.type} ${resource.id} does not support ${action}`);

  const chain = ruleChain(request, state.maxDepth);
  if (chain) return chain;

  const { tenant, unit, agent, person, actors } = subject;
  const { allowed, policies, errors } = state.authorizer.authorize({
    subject: { tenant, unit, agent, person },
    action,
    resource: { type: resource.type, id: resource.id, attributes: known.attributes },
    context: { protocol, streaming, through: actors },
  });
  if (allowed) return { policies, reason: `permitted by ${policies.join(', ')}` };
  if (errors.length > 0) return deny('POLICY', `policies could not be evaluated: ${errors.join('; ')}`);
  if (policies.length > 0) return deny('POLICY', `forbidden by ${policies.join(', ')}`, policies);
  const who = `agent ${agent} of ${tenant}/${unit}, for ${person}`;
  return deny('POLICY', `no policy permits ${action} on ${resource.type} ${resource.id} to ${who}`);
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
