/** Who calls an edge, whichever protocol it speaks. */
import type { Logger } from 'pino';
import type { Subject } from '../../../schemas/generated.ts';
import type { ServiceName } from '../../../topics/index.ts';
import type { Configuration, Credential } from '../configuration.ts';
import type { Log } from '../log.ts';
import { acceptTraceparent } from '../tracing.ts';
import { readActorToken, type VerifyJwt } from './actor-token.ts';
import { type AuthenticationProblem, authenticate, credentialIndex } from './authentication.ts';
import { authenticationReports } from './authentication-reports.ts';

/** How a call came to the one who makes it. */
export interface ActorChain {
  /** Who is accountable for all of it. */
  person: string;
  /** The agents before the caller, the first that asked first; empty where it asks by itself. */
  actors: readonly string[];
  /** The task in the course of which it is made; empty where there is none. */
  parentTaskId: string;
}

export interface Caller {
  credential: Credential;
  chain: ActorChain;
}

/** The chain of a caller that asks by itself. */
const byItself = ({ subject }: Credential): ActorChain => ({ person: subject.person, actors: [], parentTaskId: '' });

/**
 * The caller that an agent is by the actor token that it passes back, with the context of the task that it works on.
 * @throws where the mesh did not sign the token for this agent, or it has expired.
 */
export const callerByToken = async (
  verify: VerifyJwt,
  token: string,
  credential: Credential,
): Promise<{ caller: Caller; contextId: string }> => {
  const { person, actors, taskId, contextId } = await readActorToken(verify, token, credential.subject.agent);
  return { caller: { credential, chain: { person, actors, parentTaskId: taskId } }, contextId };
};

/** The subject of what a caller asks. */
export const subjectOf = ({ credential, chain }: Caller): Subject => ({
  ...credential.subject,
  person: chain.person,
  credential: credential.id,
  actors: [...chain.actors],
});

export interface Callers {
  /**
   * Who presents an `Authorization` header, or what is wrong with it; the latter is put on record.
   * @param via where it was presented: the protocol, and the `traceparent` that came with it.
   */
  identify(
    authorization: string | undefined,
    inForce: Configuration,
    via: { protocol: string; traceparent: string | undefined },
  ): { caller: Caller; problem?: undefined } | { problem: AuthenticationProblem; caller?: undefined };
  /** States the failures that are still only counted. */
  close(): void;
}

/** @param source the edge that is called. */
export const createCallers = (source: ServiceName, log: Log, logger: Logger, now: () => number): Callers => {
  const credentialsOf = credentialIndex();
  const state: Parameters<typeof authenticationReports>[1] = (event) => {
    log.append([event]).catch((err) => logger.warn({ err }, 'a failed authentication could not be recorded'));
  };
  const reports = authenticationReports(source, state, now);
  return {
    identify: (authorization, inForce, { protocol, traceparent }) => {
      const authentication = authenticate(authorization, credentialsOf(inForce), now());
      if ('credential' in authentication) {
        const { credential } = authentication;
        return { caller: { credential, chain: byItself(credential) } };
      }
      const { problem, presented } = authentication;
      reports.report(problem, presented, protocol, acceptTraceparent(traceparent));
      logger.debug({ protocol, problem, credential: presented }, 'a caller was turned away');
      return { problem };
    },
    close: reports.close,
  };
};
