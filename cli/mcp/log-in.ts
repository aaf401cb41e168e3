/** The authorization-code flow with a person, up to a login that its server has taken. */
import type * as mesh from '../../schemas/generated.ts';
import { type Circumstances, loggedIn } from '../../services/edge-mcp/logins/kept-login.ts';
import { CallFailed } from '../../services/edge-mcp/outbound/call-failed.ts';
import { createHttpUpstream } from '../../services/edge-mcp/outbound/http-upstream.ts';
import { authorizationFetch } from '../../services/edge-mcp/outbound/login/authorization-fetch.ts';
import { obtainedLogin } from '../../services/edge-mcp/outbound/login/obtained-login.ts';
import { byPerson } from '../../services/edge-mcp/outbound/login/providers.ts';
import type { Configuration, Connection, OAuthConfiguration } from '../../services/runtime/configuration.ts';
import { createDispatchers } from '../../services/runtime/outbound/dispatchers.ts';
import { credentialsOf, type Environment, oauthOf } from '../../services/runtime/outbound/secrets.ts';
import type { Signing } from '../../services/runtime/signing.ts';
import { openLoopback } from './loopback.ts';

type Wanting = Connection & { oauth: OAuthConfiguration };

/** The connection of a server that a person logs in to. @throws Error that says what to do, where it is none */
export const connectionOf = (configuration: Configuration | undefined, server: string): Wanting => {
  const known = configuration?.servers.find(({ name }) => name === server);
  const connection = configuration?.connections.find(({ id }) => id === known?.connection);
  if (!connection) throw new Error(`no MCP server is called ${server}: \`parley mcp list\` shows which there are`);
  const { oauth } = connection;
  if (oauth === null)
    throw new Error(`${server} has no login: give it oauth in mesh.yaml, e.g. oauth: {}, and apply it`);
  if (oauth.grant === 'client_credentials')
    throw new Error(`the mesh logs in to ${server} by itself (client_credentials)`);
  return { ...connection, oauth };
};

export interface LogInOptions {
  /** Of the loopback; 0: any free one. */
  port: number;
  /** Instead of what is configured. */
  scope: string | undefined;
  by: string;
  /** Shows the person where to go. */
  show(url: string): void;
  signal: AbortSignal;
}

/**
 * @returns undefined where the server asks for no login.
 * @throws CallFailed, whose cause has the authorization server's words
 */
export const logIn = async (
  server: string,
  connection: Wanting,
  environment: Environment,
  signing: Signing,
  { port, scope, by, show, signal }: LogInOptions,
): Promise<mesh.LoggedIn | undefined> => {
  const configured = oauthOf(connection.oauth, environment);
  const settings = { ...configured, scope: scope ?? configured.scope };
  const url = new URL(connection.url);
  const trusted = settings.issuer === null ? [url] : [url, new URL(settings.issuer)];
  const dispatchers = createDispatchers();
  const dispatcher = dispatchers.of(connection);
  const loopback = await openLoopback(port);
  const provider = byPerson(settings, loopback.redirectUrl);
  const fetchFn = authorizationFetch(dispatcher, trusted, connection.firstByteTimeoutMs, signal);
  const aborted = new Promise<never>((_, reject) =>
    signal.addEventListener('abort', () => reject(new CallFailed('CANCELLED', 'Nobody came back in time.', false))),
  );
  aborted.catch(() => {});
  const login = obtainedLogin(url, provider, settings.scope, fetchFn, (to) => {
    show(to.href);
    return Promise.race([loopback.answerTo(to.searchParams.get('state') ?? ''), aborted]);
  });
  const { headers } = credentialsOf(connection, environment);
  const target = {
    url,
    headers: { 'user-agent': 'parley', ...headers },
    dispatcher,
    maxBytes: connection.maxResponseBytes,
  };
  // The person's time is bounded by the signal.
  const upstream = createHttpUpstream({ ...target, login }, 2 ** 31 - 1, () => {});
  try {
    // It ends as what it waits for does, and says of that why.
    await upstream.standing(new AbortController().signal);
    const got = provider.login();
    if (!got) return undefined;
    const { authorizationServerUrl, resourceMetadata } = got.discovery;
    const circumstances: Circumstances = {
      server,
      url: url.href,
      issuer: got.tokens.issuer ?? authorizationServerUrl,
      resource: resourceMetadata?.resource ?? '',
      by,
      client: settings.clientId === null ? got.client : undefined,
      authorizationServer: authorizationServerUrl,
    };
    return await loggedIn(circumstances, got.tokens, signing, Date.now());
  } finally {
    await upstream.close();
    loopback.close();
    await dispatchers.close();
  }
};
