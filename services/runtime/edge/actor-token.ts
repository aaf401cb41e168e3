/**
 * Who asks, as an agent beyond the mesh is told it: a JWT that the mesh signs and that the agent passes back on calls of its
 * own, with its own key. Only the agent that it was made for can use it, so none can claim to act for another person.
 */
import type { JWTPayload } from 'jose';
import { z } from 'zod';

/** The header in which it travels, both ways. */
export const ACTOR_HEADER = 'x-parley-actor';
/** Its `typ` (RFC 8725, 3.11): nothing else that the mesh signs is taken for it. */
export const ACTOR_TOKEN = 'parley-actor+jwt';

/** Signs a JWT with the mesh's key; `typ` goes into its header. */
export type SignJwt = (claims: JWTPayload, typ: string) => Promise<string>;
/** Its claims, where the mesh signed it with this `typ` and it has not expired. @throws where not. */
export type VerifyJwt = (token: string, typ: string) => Promise<JWTPayload>;

export interface Actor {
  /** The agent that was called, and may call on. */
  agent: string;
  /** Who is accountable for all of it. */
  person: string;
  /** The agents through which it came to this one, the first that asked first. */
  actors: readonly string[];
  contextId: string;
  /** The task that it was called about. */
  taskId: string;
}

const claims = z.object({
  sub: z.string(),
  person: z.string(),
  actors: z.array(z.string()),
  contextId: z.string(),
  taskId: z.string(),
});

/** @param now, expiresAt milliseconds since the epoch. */
export const actorToken = (
  sign: SignJwt,
  { agent, ...said }: Actor,
  { now, expiresAt }: { now: number; expiresAt: number },
): Promise<string> =>
  sign(
    { sub: agent, ...said, iat: Math.floor(now / 1000), exp: Math.ceil(expiresAt / 1000) } satisfies JWTPayload,
    ACTOR_TOKEN,
  );

/** Reads what an agent passed back. @throws where the mesh did not sign it for this agent, or it has expired. */
export const readActorToken = async (verify: VerifyJwt, token: string, agent: string): Promise<Actor> => {
  const { sub, ...said } = claims.parse(await verify(token, ACTOR_TOKEN));
  if (sub !== agent) throw new Error('the actor token was made for another agent');
  return { agent: sub, ...said };
};
