import { discoverAuthorizationServerMetadata, OAuthError, refreshAuthorization } from '@modelcontextprotocol/client';
import type * as mesh from '../../../schemas/generated.ts';
import type { ServiceContext } from '../../runtime/service.ts';
import type { LoggingIn } from '../outbound/connections.ts';
import { loginFailed } from '../outbound/login/login-failed.ts';
import { configuredClient, signingClient } from '../outbound/login/providers.ts';
import { loggedIn, openLogin } from './kept-login.ts';

/** The authorization server will not have this client, or this login, again (RFC 6749, 5.2). */
const OVER = new Set(['invalid_grant', 'invalid_client', 'unauthorized_client']);

/**
 * Uses a login's refresh token, which may be good for one use.
 * @returns what is to be said: the login renewed, or that it is over. @throws CallFailed where it may be tried again
 */
export const renew = async (
  login: mesh.LoggedIn,
  { settings, fetchFn }: LoggingIn,
  { signing, now }: Pick<ServiceContext, 'signing' | 'now'>,
): Promise<{ loggedIn: mesh.LoggedIn } | { over: string }> => {
  const kept = await openLogin(login, signing).catch(() => undefined);
  if (!kept) return { over: 'it was sealed with another PARLEY_SIGNING_KEY' };
  const { client: registered, authorizationServer, refreshToken } = kept;
  const client = configuredClient(settings) ?? registered;
  if (refreshToken === undefined || client === undefined) return { over: 'it cannot be renewed' };
  try {
    const metadata = await discoverAuthorizationServerMetadata(authorizationServer, { fetchFn });
    if ((metadata?.issuer ?? login.issuer) !== login.issuer)
      return { over: 'another authorization server lets in now' };
    const tokens = await refreshAuthorization(authorizationServer, {
      ...(metadata ? { metadata } : {}),
      clientInformation: client,
      refreshToken,
      ...(login.resource === '' ? {} : { resource: login.resource }),
      ...signingClient(settings),
      fetchFn,
    });
    // What was granted is not always said again (RFC 6749, 5.1).
    const said = { scope: login.scope, refresh_token: refreshToken, ...tokens };
    const { server, url, issuer, resource, by } = login;
    const of = { server, url, issuer, resource, by, client: registered, authorizationServer };
    return { loggedIn: await loggedIn(of, said, signing, now()) };
  } catch (error) {
    const isOver = error instanceof OAuthError && OVER.has(error.code);
    // A client whose secret is configured wrongly is put right there, and its login is good still.
    if (isOver && (error.code === 'invalid_grant' || settings.clientId === null))
      return { over: `the authorization server does not renew it (${error.code})` };
    throw loginFailed(error);
  }
};
