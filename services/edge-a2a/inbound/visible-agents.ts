import { type Authorizer, parsePolicies } from '../../runtime/cedar.ts';
import type { Configuration, ResourceConfiguration } from '../../runtime/configuration.ts';
import { type Caller, subjectOf } from '../../runtime/edge/callers.ts';
import { PROTOCOL, SEND } from './request.ts';

/** An agent of the mesh that can be sent messages; undefined where there is none of that name. */
export const agentIn = ({ resources }: Configuration, name: string): ResourceConfiguration | undefined =>
  resources.find(({ type, id }) => type === 'agent' && id === name);

export interface Visibility {
  /** The agents that policy would let a caller send to. */
  of(configuration: Configuration, caller: Caller): ResourceConfiguration[];
  /** Whether the agent is one of them. */
  sees(configuration: Configuration, caller: Caller, agent: string): boolean;
}

/** Policies are read once per configuration. */
export const createVisibility = (): Visibility => {
  let version: string | undefined;
  let authorizer: Authorizer | undefined;
  const maySend = (
    configuration: Configuration,
    caller: Caller,
    { type, id, attributes }: ResourceConfiguration,
  ): boolean => {
    if (configuration.version !== version) {
      const parsed = parsePolicies(configuration.policies);
      // A configuration is applied only with policies that can be read.
      authorizer = Array.isArray(parsed) ? undefined : parsed;
      version = configuration.version;
    }
    const subject = subjectOf(caller);
    const context = { protocol: PROTOCOL, streaming: false, through: subject.actors };
    const resource = { type, id, attributes };
    return authorizer?.authorize({ subject, action: SEND, resource, context }).allowed ?? false;
  };
  return {
    of: (configuration, caller) =>
      configuration.resources.filter((one) => one.type === 'agent' && maySend(configuration, caller, one)),
    sees: (configuration, caller, agent) => {
      const resource = agentIn(configuration, agent);
      return resource !== undefined && maySend(configuration, caller, resource);
    },
  };
};
