/** The MCP servers of the configuration, as the outbound edge and the catalogue reach them: one pool of connections per process. */
import type { FetchLike } from '@modelcontextprotocol/client';
import { createDispatchers, type Dispatchers } from '../../runtime/outbound/dispatchers.ts';
import type { Ready } from '../../runtime/outbound/ready.ts';
import { tellable } from '../../runtime/outbound/secrets.ts';
import type { ServiceContext } from '../../runtime/service.ts';
import { ask } from './ask.ts';
import { CallFailed } from './call-failed.ts';
import { inLivingSession } from './http-line.ts';
import { createHttpUpstream } from './http-upstream.ts';
import { authorizationFetch } from './login/authorization-fetch.ts';
import type { Login } from './login/login.ts';
import { obtainedLogin } from './login/obtained-login.ts';
import { clientCredentials, type OAuthSettings } from './login/providers.ts';
import { idOf, type Prepared, prepare, serverOf } from './prepare.ts';
import { stateChanges } from './state-changes.ts';
import { createStdioUpstream } from './stdio-upstream.ts';
import type { Upstream } from './upstream.ts';
import { createWatch, type Watch } from './watch.ts';

export { AnsweredError } from './ask.ts';
export { CallFailed } from './call-failed.ts';

/** A server, as the mesh itself asks it: with its own credentials, no caller's capabilities, and nobody to answer questions. */
export interface Peer {
  /** The revisions of MCP that it was found to speak, newest first. */
  protocolVersions: readonly string[];
  /** MCP ServerCapabilities. */
  capabilities: Record<string, unknown>;
  /** MCP Implementation. */
  info: Record<string, unknown>;
  /** Empty: it gives none. */
  instructions: string;
  /**
   * Asks, e.g. `tools/list`. @returns the result whole, unknown members included.
   * @throws AnsweredError where the server answered with an error; CallFailed
   */
  request(method: string, params?: Record<string, unknown>): Promise<Record<string, unknown>>;
}

export interface Wanted {
  /** Ends what is going on. */
  signal: AbortSignal;
}

export interface Connections {
  /**
   * Reaches a server and lets it be asked. @param server its name in the configuration. @param use begun anew where the server
   * had forgotten the mesh's session.
   * @throws CallFailed where it cannot be reached: its message says why, without secrets; what `use` throws
   */
  withConnection<T>(server: string, wanted: Wanted, use: (peer: Peer) => Promise<T>): Promise<T>;
  /**
   * Keeps a connection open over which the server says that its lists changed. `listener` is told, at most once a second; also
   * when that connection came about again, since changes may have been missed. @returns ends it.
   */
  onListChanged(server: string, listener: () => void): () => void;
  /** For calls: a server as it is configured now. @param connection its id. @throws CallFailed where it can't be called as it is */
  reach(connection: string): Reached;
  /** What must not be seen of what a server says. */
  secretsOf(server: string): readonly string[];
  /** Of a server that a person logs in to. @throws CallFailed where it is none, or can't be called as it is configured */
  loggingIn(server: string): LoggingIn;
  /** What is said of a server without being asked. */
  watchOf(server: string): Watch;
  /** As `Upstream.rootsChanged`, at all servers. */
  rootsChanged(conversation: string): void;
  /** Hangs up, and ends the processes that were started. */
  close(): Promise<void>;
}

/** A server that a call is made of. */
export interface Reached {
  upstream: Upstream;
  ready: Ready;
  /** What must not be seen of what it says: the tokens of its login too, which change. */
  secrets(): readonly string[];
  /** The call is over. */
  release(): void;
}

interface Entry {
  settings: string;
  ready: Ready;
  secrets(): readonly string[];
  upstream: Upstream;
  calls: number;
  isRetired: boolean;
}

/** A server that a person is to log in to. */
export interface LoggingIn {
  /** Its name in the configuration, and its URL. */
  server: string;
  url: URL;
  settings: OAuthSettings;
  /** Speaks with authorization servers. */
  fetchFn: FetchLike;
}

/** What persons have logged in to. */
export type PersonsLogins = (to: LoggingIn) => Login;

/** How often it is looked whether a server is configured still. */
const TIDY_MS = 10_000;

/** @param dispatchers closed with the connections */
export const createConnections = (
  context: ServiceContext,
  personsLogins: PersonsLogins,
  dispatchers: Dispatchers = createDispatchers(),
): Connections => {
  const logger = context.logger.child({ service: 'edge-mcp', side: 'outbound' });
  const entries = new Map<string, Entry>();
  const watches = new Map<string, Watch>();
  const retiring = new Set<Promise<void>>();
  let isClosed = false;

  const retire = (id: string, entry: Entry) => {
    if (entries.get(id) === entry) entries.delete(id);
    entry.isRetired = true;
    if (entry.calls > 0) return;
    const ending = entry.upstream.close().finally(() => retiring.delete(ending));
    retiring.add(ending);
  };

  const loggingIn = (server: string, { ready: { connection }, oauth }: Prepared): LoggingIn | undefined => {
    if (oauth === null) return undefined;
    const url = new URL(connection.url);
    const trusted = oauth.issuer === null ? [url] : [url, new URL(oauth.issuer)];
    const fetchFn = authorizationFetch(dispatchers.of(connection), trusted, connection.firstByteTimeoutMs);
    return { server, url, settings: oauth, fetchFn };
  };

  const loginTo = (to: LoggingIn): Login => {
    const { url, settings, fetchFn } = to;
    if (settings.grant === 'authorization_code') return personsLogins(to);
    return obtainedLogin(url, clientCredentials(settings), settings.scope, fetchFn);
  };

  const open = (id: string, { ready, env, secrets }: Prepared, login: Login | undefined): Upstream => {
    const { connection, secret, headers } = ready;
    const { heard } = watchOf(serverOf(id));
    const handshakeMs = connection.firstByteTimeoutMs;
    if (connection.process) {
      const command = { ...connection.process, env, maxBytes: connection.maxResponseBytes + 64 * 1024, secrets };
      const named = logger.child({ server: serverOf(id) });
      return createStdioUpstream(command, handshakeMs, connection.connectTimeoutMs, named, heard);
    }
    const presented = {
      'user-agent': 'parley',
      ...headers,
      ...(secret === null ? {} : { authorization: `Bearer ${secret}` }),
    };
    const dispatcher = dispatchers.of(connection);
    const maxBytes = connection.maxResponseBytes;
    return createHttpUpstream(
      { url: new URL(connection.url), headers: presented, dispatcher, maxBytes, login },
      handshakeMs,
      heard,
    );
  };

  const entryOf = (id: string): Entry => {
    if (isClosed) throw new CallFailed('CONNECT_FAILED', 'The mesh is stopping.', false);
    const prepared = prepare(context, id);
    const known = entries.get(id);
    if (known?.settings === prepared.settings) return known;
    if (known) retire(id, known);
    const { settings, ready } = prepared;
    const to = loggingIn(serverOf(id), prepared);
    const login = to && loginTo(to);
    const secrets = () => tellable([...(login?.secrets() ?? []), ...prepared.secrets]);
    const entry = { settings, ready, secrets, upstream: open(id, prepared, login), calls: 0, isRetired: false };
    entries.set(id, entry);
    return entry;
  };

  const reach = (id: string): Reached => {
    const entry = entryOf(id);
    entry.calls += 1;
    return {
      ...entry,
      release: () => {
        entry.calls -= 1;
        if (entry.isRetired && entry.calls === 0) retire(id, entry);
      },
    };
  };

  const watchOf = (server: string): Watch => {
    const known = watches.get(server);
    if (known) return known;
    const standing = async (signal: AbortSignal) => {
      const { upstream, ready } = entryOf(idOf(server));
      return { standing: await upstream.standing(signal), limits: ready.connection };
    };
    const watch = createWatch(standing, stateChanges(context, logger, server), logger.child({ server }));
    watches.set(server, watch);
    return watch;
  };

  const isCurrent = (id: string, { settings }: Entry): boolean => {
    try {
      return prepare(context, id).settings === settings;
    } catch {
      return false;
    }
  };
  const tidying = setInterval(() => {
    for (const [id, entry] of entries) if (!isCurrent(id, entry)) retire(id, entry);
  }, TIDY_MS);
  tidying.unref();

  return {
    reach,
    rootsChanged: (conversation) => {
      for (const { upstream } of entries.values()) upstream.rootsChanged(conversation);
    },
    loggingIn: (server) => {
      const to = loggingIn(server, prepare(context, idOf(server)));
      if (to?.settings.grant === 'authorization_code') return to;
      throw new CallFailed('MISCONFIGURED', `No person logs in to ${server}: see its oauth in mesh.yaml.`, false);
    },
    secretsOf: (server) => entries.get(idOf(server))?.secrets() ?? [],
    watchOf,
    withConnection: async (server, { signal }, use) => {
      const { upstream, ready, release } = reach(idOf(server));
      try {
        return await inLivingSession(async () => {
          const { client, channel, protocolVersions } = await upstream.standing(signal);
          return use({
            protocolVersions,
            capabilities: { ...client.getServerCapabilities() },
            info: { ...client.getServerVersion() },
            instructions: client.getInstructions() ?? '',
            request: (method, params = {}) => ask(channel, method, params, ready.connection, signal),
          });
        });
      } finally {
        release();
      }
    },
    onListChanged: (server, listener) => watchOf(server).listen(listener),
    close: async () => {
      isClosed = true;
      clearInterval(tidying);
      for (const watch of watches.values()) watch.close();
      await Promise.all([...[...entries.values()].map(({ upstream }) => upstream.close()), ...retiring]);
      await dispatchers.close();
    },
  };
};
