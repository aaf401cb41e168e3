/** A login that is obtained where it is used: by a client that is let in as itself, or with a person who is there. */
import {
  auth,
  computeScopeUnion,
  type FetchLike,
  isStrictScopeSuperset,
  type OAuthClientProvider,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client';
import { CallFailed } from '../call-failed.ts';
import type { Login, Refusal } from './login.ts';
import { loginFailed } from './login-failed.ts';

/** Has a person go to a URL. @returns what the authorization server sends back by them (RFC 6749, 4.1.2) */
export type Person = (authorizationUrl: URL) => Promise<URLSearchParams>;

/** A provider of the SDK, which knows where a person is to go. */
export interface Obtaining extends OAuthClientProvider {
  /** Where `auth` answered REDIRECT: there, with this state. */
  authorization?(): { url: URL; state: string };
}

/** How many tokens that were in use are looked for in what a server says. */
const REMEMBERED = 8;

/**
 * @param scope what is asked for; null: what the server says.
 * @param fetchFn speaks with the authorization server.
 */
export const obtainedLogin = (
  server: URL,
  provider: Obtaining,
  scope: string | null,
  fetchFn: FetchLike,
  person?: Person,
): Login => {
  let asked: string | undefined;
  let renewing: Promise<void> | undefined;
  let secrets: string[] = [];

  const withPerson = async () => {
    const { url, state } = provider.authorization!();
    const answer = await person!(url);
    if (answer.get('state') !== state)
      throw new CallFailed('MISCONFIGURED', 'What came back of the login does not belong to it.', false);
    const transport = new StreamableHTTPClientTransport(server, { authProvider: provider, fetch: fetchFn });
    await transport.finishAuth(answer);
  };

  const obtain = async ({ token, insufficient, scope: needed, resourceMetadataUrl }: Refusal) => {
    const held = await provider.tokens();
    if (held && held.access_token !== token) return;
    asked = insufficient ? computeScopeUnion(asked, held?.scope, needed) : (scope ?? needed);
    // Who lets in may be another one now.
    if (held && !insufficient) await provider.invalidateCredentials?.('discovery');
    try {
      const result = await auth(provider, {
        serverUrl: server,
        fetchFn,
        forceReauthorization: insufficient && isStrictScopeSuperset(asked, held?.scope),
        ...(asked === undefined ? {} : { scope: asked }),
        ...(resourceMetadataUrl ? { resourceMetadataUrl } : {}),
      });
      if (result === 'REDIRECT') await withPerson();
    } catch (error) {
      throw loginFailed(error);
    }
    const { access_token: now, refresh_token: refresh } = (await provider.tokens()) ?? {};
    secrets = [now, refresh, ...secrets].filter((one) => one !== undefined).slice(0, REMEMBERED);
  };

  return {
    token: async () => (await provider.tokens())?.access_token,
    renew: (refusal) => {
      renewing ??= obtain(refusal).finally(() => {
        renewing = undefined;
      });
      return renewing;
    },
    secrets: () => secrets,
  };
};
