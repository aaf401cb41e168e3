import { type Authorizer, parsePolicies } from '../../runtime/cedar.ts';
import type { Configuration, ResourceConfiguration } from '../../runtime/configuration.ts';
import { type Caller, subjectOf } from '../../runtime/edge/callers.ts';
import { PROTOCOL, SEND } from './request.ts';

/** An agent of the mesh that can be sent messages; undefined where there is none of that name. */
export const agentIn = ({ resources }: Configuration, name: string): ResourceConfiguration | undefined =>
  resources.find(({ type, id }) => type === 'agent' && id === name);

/** Which agents policy would let a caller send to. Policies are read once per configuration. */
export const createVisibility = (): ((configuration: Configuration, caller: Caller) => ResourceConfiguration[]) => {
  let version: string | undefined;
  let authorizer: Authorizer | undefined;
  return (configuration, caller) => {
    if (configuration.version !== version) {
      const parsed = parsePolicies(configuration.policies);
      // A configuration is applied only with policies that can be read.
      authorizer = Array.isArray(parsed) ? undefined : parsed;
      version = configuration.version;
    }
    const subject = subjectOf(caller);
    return configuration.resources.filter(
      ({ type, id, attributes }) =>
        type === 'agent' &&
        authorizer?.authorize({
          subject,
          action: SEND,
          resource: { type, id, attributes },
          context: { protocol: PROTOCOL, streaming: false, through: subject.actors },
        }).allowed,
    );
  };
};
