/** What the SDK's OAuth client is given: how a client is known, and where it keeps what it gets. */
import { randomBytes } from 'node:crypto';
import {
  ClientCredentialsProvider,
  createPrivateKeyJwtAuth,
  type OAuthClientProvider,
  type OAuthDiscoveryState,
  PrivateKeyJwtProvider,
  type StoredOAuthClientInformation,
  type StoredOAuthTokens,
} from '@modelcontextprotocol/client';
import type { OAuthConfiguration } from '../../../runtime/configuration.ts';
import type { Obtaining } from './obtained-login.ts';

const NAME = 'Parley';

/** With the secrets themselves where the configuration has references. */
export type OAuthSettings = OAuthConfiguration;

/** The client lets itself in. @param settings whose grant is client_credentials */
export const clientCredentials = (settings: OAuthSettings): Obtaining => {
  const { clientId, clientSecret, privateKey, algorithm, issuer, scope } = settings;
  const client = {
    clientId: clientId ?? '',
    clientName: NAME,
    expectedIssuer: issuer ?? '',
    ...(scope === null ? {} : { scope }),
  };
  return privateKey === null
    ? new ClientCredentialsProvider({ ...client, clientSecret: clientSecret ?? '' })
    : new PrivateKeyJwtProvider({ ...client, privateKey, algorithm: algorithm ?? '' });
};

/** How the client is known that is configured; undefined: it registers itself. */
export const configuredClient = ({
  clientId,
  clientSecret,
  issuer,
}: OAuthSettings): StoredOAuthClientInformation | undefined =>
  clientId === null
    ? undefined
    : {
        client_id: clientId,
        ...(clientSecret === null ? {} : { client_secret: clientSecret }),
        ...(issuer === null ? {} : { issuer }),
      };

/** Where the client signs what it is known by. */
export const signingClient = ({
  clientId,
  privateKey,
  algorithm,
}: OAuthSettings): Pick<OAuthClientProvider, 'addClientAuthentication'> =>
  privateKey === null || clientId === null
    ? {}
    : {
        addClientAuthentication: createPrivateKeyJwtAuth({
          issuer: clientId,
          subject: clientId,
          privateKey,
          alg: algorithm ?? '',
        }),
      };

/** All that a login by a person leaves behind. */
export interface PersonsLogin {
  client: StoredOAuthClientInformation;
  tokens: StoredOAuthTokens;
  discovery: OAuthDiscoveryState;
}

/**
 * A person lets the client in.
 * @param redirectUrl where they are sent back to.
 * @returns `login`: what came of it; undefined: nothing yet
 */
export const byPerson = (
  settings: OAuthSettings,
  redirectUrl: string,
): Obtaining & { login(): PersonsLogin | undefined } => {
  const configured = configuredClient(settings);
  let client = configured;
  let tokens: StoredOAuthTokens | undefined;
  let discovery: OAuthDiscoveryState | undefined;
  let verifier = '';
  let state = '';
  let url: URL | undefined;
  return {
    redirectUrl,
    ...(settings.clientMetadataUrl === null ? {} : { clientMetadataUrl: settings.clientMetadataUrl }),
    clientMetadata: {
      client_name: NAME,
      redirect_uris: [redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      ...(settings.scope === null ? {} : { scope: settings.scope }),
    },
    ...signingClient(settings),
    state: () => {
      state = randomBytes(32).toString('base64url');
      return state;
    },
    clientInformation: () => client,
    ...(configured
      ? {}
      : {
          saveClientInformation: (information: StoredOAuthClientInformation) => {
            client = information;
          },
        }),
    tokens: () => tokens,
    saveTokens: (saved) => {
      tokens = saved;
    },
    redirectToAuthorization: (to) => {
      url = to;
    },
    authorization: () => ({ url: url!, state }),
    saveCodeVerifier: (saved) => {
      verifier = saved;
    },
    codeVerifier: () => verifier,
    discoveryState: () => discovery,
    saveDiscoveryState: (found) => {
      discovery = found;
    },
    invalidateCredentials: (what) => {
      if (what === 'all' || what === 'tokens') tokens = undefined;
      if (what === 'all' || what === 'client') client = configured;
      if (what === 'all' || what === 'discovery') discovery = undefined;
    },
    login: () => (client && tokens && discovery ? { client, tokens, discovery } : undefined),
  };
};
