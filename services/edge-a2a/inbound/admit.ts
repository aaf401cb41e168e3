/** Who may come in: before anything of a call is read. */
import type { Writable } from 'node:stream';
import type { Configuration } from '../../runtime/configuration.ts';
import { ACTOR_HEADER } from '../../runtime/edge/actor-token.ts';
import type { Admission } from '../../runtime/edge/admission.ts';
import type { AuthenticationProblem } from '../../runtime/edge/authentication.ts';
import { type Caller, type Callers, callerByToken } from '../../runtime/edge/callers.ts';
import type { Signing } from '../../runtime/signing.ts';
import { acceptTraceparent } from '../../runtime/tracing.ts';
import { type MeshError, meshProblems } from './errors.ts';
import { PROTOCOL } from './request.ts';
import { Visitor } from './visitor.ts';

const said: Record<AuthenticationProblem, string> = {
  missing: 'A key of the mesh is required, as Authorization: Bearer <key>.',
  malformed: 'A key of the mesh is required, as Authorization: Bearer <key>.',
  unknown: 'The key is not one of the mesh.',
  revoked: 'The key has been revoked.',
  expired: 'The key has expired.',
};

/** The headers that the door looks at, in HTTP's or gRPC's metadata, by their lower-case names. */
export type HeaderOf = (name: string) => string | undefined;

export interface Door {
  callers: Callers;
  admission: Admission;
  /** Who is in. */
  inside: Set<Visitor>;
  verifyJwt: Signing['verifyJwt'];
  configuration(): Configuration | undefined;
  stopping(): boolean;
}

/** What is wrong with a credential, and so what it is answered with. */
export interface TurnedAway {
  error: MeshError;
  problem?: AuthenticationProblem;
}

export interface Identified {
  caller: Caller;
  contextId: string;
  traceparent: string;
  inForce: Configuration;
}

const UNTAKEN_ACTOR = `The ${ACTOR_HEADER} header is not one that the mesh gave to this agent, or it has expired.`;

/** Who calls, and on whose behalf. */
export const identify = async (door: Door, header: HeaderOf): Promise<Identified | TurnedAway> => {
  const inForce = door.configuration();
  if (door.stopping()) return { error: meshProblems.stopping() };
  if (!inForce) return { error: meshProblems.notConfigured() };
  const traceparent = header('traceparent');
  const found = door.callers.identify(header('authorization'), inForce, { protocol: PROTOCOL, traceparent });
  if (found.problem !== undefined)
    return { error: meshProblems.unauthenticated(said[found.problem]), problem: found.problem };
  const known = { inForce, traceparent: acceptTraceparent(traceparent) };
  const token = header(ACTOR_HEADER);
  if (token === undefined) return { ...known, caller: found.caller, contextId: '' };
  try {
    return { ...known, ...(await callerByToken(door.verifyJwt, token, found.caller.credential)) };
  } catch {
    return { error: meshProblems.unauthenticated(UNTAKEN_ACTOR), problem: 'unknown' };
  }
};

/**
 * Lets an identified caller in, until `leave`, which may be called again.
 * @param answer where the answer is written. @throws MeshError where too many are in
 */
export const letIn = (
  { admission, inside }: Door,
  { caller, contextId, traceparent, inForce }: Identified,
  answer: Writable,
): { visitor: Visitor; leave(): void } => {
  const { id } = caller.credential;
  if (admission.enter(id, inForce.limits)) throw meshProblems.tooMany();
  const visitor = new Visitor({ caller, contextId, traceparent, answer });
  inside.add(visitor);
  const leave = () => {
    if (!inside.delete(visitor)) return;
    admission.leave(id);
    visitor.end(meshProblems.left());
  };
  return { visitor, leave };
};
