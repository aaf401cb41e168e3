/** What the mesh shows a server that asks for a login, and how it gets another where that is refused (MCP, authorization). */
import { extractWWWAuthenticateParams } from '@modelcontextprotocol/client';

/** A server's refusal, in the terms of RFC 6750, section 3. */
export interface Refusal {
  /** What was shown; undefined: nothing. */
  token: string | undefined;
  /** It is good, and does not cover what was asked for. */
  insufficient: boolean;
  /** What the server says is needed. */
  scope: string | undefined;
  /** Where it says who lets in (RFC 9728). */
  resourceMetadataUrl: URL | undefined;
}

/** One server's, for all that is sent to it. */
export interface Login {
  /** What is to be shown; undefined: there is nothing yet. @throws CallFailed where it is known that there will be nothing */
  token(): Promise<string | undefined>;
  /** Resolves when there is another to show. @throws CallFailed where there is none to be had */
  renew(refusal: Refusal): Promise<void>;
  /** What must not be seen of what the server says. */
  secrets(): readonly string[];
}

/** A server may ask for more than once, e.g. for one scope after another. */
const MAX_RENEWALS = 3;

type Answer = Pick<Response, 'status' | 'headers' | 'body'>;

const refusalIn = (answer: Answer, token: string | undefined): Refusal | undefined => {
  if (answer.status !== 401 && answer.status !== 403) return undefined;
  const { error, scope, resourceMetadataUrl } = extractWWWAuthenticateParams(answer as Response);
  const insufficient = answer.status === 403;
  if (insufficient && error !== 'insufficient_scope') return undefined;
  return { token, insufficient, scope, resourceMetadataUrl };
};

/**
 * Sends a request with what the login shows; again, where it was refused for that and there is another to show.
 * @returns the answer, which is the refusal where the server refuses still. @throws what `renew` and `send` throw
 */
export const loggedIn = async <T extends Answer>(
  login: Login,
  send: (token: string | undefined) => Promise<T>,
): Promise<T> => {
  let unauthorized = 0;
  for (let renewals = 0; ; renewals += 1) {
    const token = await login.token();
    const answer = await send(token);
    const refusal = refusalIn(answer, token);
    if (!refusal?.insufficient) unauthorized += 1;
    if (!refusal || renewals === MAX_RENEWALS || unauthorized > 1) return answer;
    await answer.body?.cancel();
    await login.renew(refusal);
  }
};
