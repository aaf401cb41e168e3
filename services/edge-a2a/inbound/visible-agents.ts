import type { Configuration, ResourceConfiguration } from '../../runtime/configuration.ts';
import { createAuthorizerOf } from '../../runtime/edge/authorizer.ts';
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

export const createVisibility = (): Visibility => {
  const authorizerOf = createAuthorizerOf();
  const maySend = (
    configuration: Configuration,
    caller: Caller,
    { type, id, attributes }: ResourceConfiguration,
  ): boolean => {
    const subject = subjectOf(caller);
    const context = { protocol: PROTOCOL, streaming: false, through: subject.actors };
    const resource = { type, id, attributes };
    const asked = { subject, action: SEND, resource, context };
    return authorizerOf(configuration)?.authorize(asked).allowed ?? false;
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
