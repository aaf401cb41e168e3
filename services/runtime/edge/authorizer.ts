import { type Authorizer, parsePolicies } from '../cedar.ts';
import type { Configuration } from '../configuration.ts';

/** What decides by a configuration's policies, which are read once as long as it is in force. */
export const createAuthorizerOf = (): ((inForce: Configuration) => Authorizer | undefined) => {
  let version: string | undefined;
  let authorizer: Authorizer | undefined;
  return (inForce) => {
    if (inForce.version === version) return authorizer;
    const parsed = parsePolicies(inForce.policies);
    // A configuration is applied only with policies that can be read.
    authorizer = Array.isArray(parsed) ? undefined : parsed;
    version = inForce.version;
    return authorizer;
  };
};
