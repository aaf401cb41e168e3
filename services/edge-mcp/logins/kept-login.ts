/** What of a login is kept in the log, sealed: how the client is known, and its tokens. */
import type { StoredOAuthClientInformation, StoredOAuthTokens } from '@modelcontextprotocol/client';
import { z } from 'zod';
import type * as mesh from '../../../schemas/generated.ts';
import type { Signing } from '../../runtime/signing.ts';

const kept = z.object({
  /** Undefined: the configuration says how it is known. */
  client: z.looseObject({ client_id: z.string(), client_secret: z.string().optional() }).optional(),
  /** URL of the authorization server, below which its metadata is. */
  authorizationServer: z.string(),
  accessToken: z.string(),
  refreshToken: z.string().optional(),
});

export interface KeptLogin {
  client?: StoredOAuthClientInformation | undefined;
  authorizationServer: string;
  accessToken: string;
  refreshToken?: string | undefined;
}

/** Of a login, what is not in its tokens. */
export type Circumstances = Pick<mesh.LoggedIn, 'server' | 'url' | 'issuer' | 'resource' | 'by'> &
  Pick<KeptLogin, 'client' | 'authorizationServer'>;

/** Key of `LoggedIn` and `LoggedOut`. */
export const loginKey = (server: string): string => `${server}/login`;

/** @param tokens as they came just now. @param now milliseconds since the epoch */
export const loggedIn = async (
  { client, authorizationServer, ...plain }: Circumstances,
  tokens: StoredOAuthTokens,
  signing: Pick<Signing, 'seal'>,
  now: number,
): Promise<mesh.LoggedIn> => {
  const { access_token: accessToken, refresh_token: refreshToken, scope = '', expires_in: seconds } = tokens;
  const sealed: KeptLogin = { client, authorizationServer, accessToken, refreshToken };
  return {
    ...plain,
    scope,
    expiresAt: seconds === undefined ? null : now + Math.floor(seconds * 1000),
    sealed: await signing.seal(Buffer.from(JSON.stringify(sealed))),
  };
};

/** @throws where it was sealed with another key */
export const openLogin = async ({ sealed }: mesh.LoggedIn, signing: Pick<Signing, 'open'>): Promise<KeptLogin> =>
  kept.parse(JSON.parse((await signing.open(sealed)).toString()));
