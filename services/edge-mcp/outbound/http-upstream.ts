/** A server that speaks MCP over HTTP: which revision to speak to it, and the sessions that it wants. */
import { Client, type DiscoverResult, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { isModern, MODERN } from '../../runtime/mcp/message.ts';
import { Stop } from '../../runtime/outbound/faults.ts';
import { boundedFetch, noExchange } from './bounded-fetch.ts';
import { CallFailed } from './call-failed.ts';
import { type HttpServer, type InSession, openHttpLine, SessionExpired } from './http-line.ts';
import { type HttpSession, openSession } from './http-session.ts';
import { capabilitiesKey, ITSELF, identityOf, legacyVersions } from './identity.ts';
import { shakeHands } from './shake-hands.ts';
import {
  answerForNobody,
  type Caller,
  type Channel,
  type Heard,
  type Listener,
  orAborted,
  type Standing,
  tap,
  type Upstream,
} from './upstream.ts';

/** A session that nobody used for so long is ended; and so many are kept at most. */
const IDLE_MS = 600_000;
const MAX_SESSIONS = 1_000;
/** For how long it is believed which revisions a server speaks. */
const BELIEVED_MS = 600_000;

/** What is known of a server. */
interface Verdict {
  modern: DiscoverResult | undefined;
  /** Whether it keeps sessions; undefined: not yet known. none: it does not speak a revision that has them. */
  sessions: 'kept' | 'not kept' | 'none' | undefined;
  /** Of a server that speaks a revision with sessions and keeps none. */
  sessionless: InSession | undefined;
  at: number;
}

/** Whether it says that it does not speak a revision, and not only that it can't just now. */
const says = (failed: unknown): boolean =>
  failed instanceof CallFailed &&
  ['REQUEST_REFUSED', 'BAD_RESPONSE', 'MISCONFIGURED'].includes(failed.reason) &&
  failed.known.status !== 401 &&
  failed.known.status !== 403;

export const createHttpUpstream = (server: HttpServer, handshakeMs: number, heard: Heard): Upstream => {
  const closing = new AbortController();
  const sessions = new Map<string, Promise<HttpSession>>();
  let verdict: Verdict | undefined;
  let own: Promise<Standing> | undefined;

  const channel = (session: InSession | null, protocolVersion: string, more: Partial<Channel> = {}): Channel => ({
    protocolVersion,
    isModern: session === null,
    closesToCancel: session === null,
    open: (listener) => openHttpLine(server, session, listener),
    release: () => {},
    ...more,
  });

  const stand = async (): Promise<Standing> => {
    const { signal } = closing;
    const exchange = noExchange();
    const fetch = boundedFetch(server, exchange, undefined, true);
    const transport = new StreamableHTTPClientTransport(server.url, {
      fetch,
      requestInit: { headers: server.headers },
    });
    const { info } = identityOf(ITSELF);
    const client = new Client(info, {
      versionNegotiation: { mode: 'auto', probe: { timeoutMs: handshakeMs } },
      supportedProtocolVersions: [MODERN, ...legacyVersions('')],
    });
    const closed = Promise.withResolvers<void>();
    await shakeHands(client, transport, {}, handshakeMs, signal, exchange);
    tap(transport, (message) => {
      if (!('method' in message)) return false;
      if ('id' in message) {
        answerForNobody(transport, message);
        return true;
      }
      heard(message);
      return false;
    });
    client.onclose = () => closed.resolve();
    // The SDK gives a stream up in words alone.
    client.onerror = (error) => {
      if (/^Maximum reconnection attempts/.test(error.message)) void client.close();
    };
    const modern = client.getDiscoverResult();
    // Where the server streams nothing without being asked, nothing else tells that it has forgotten the session.
    const endingWithSession = (listener: Listener): Listener => ({
      ...listener,
      lost: (why) => {
        if (why instanceof SessionExpired) void client.close().catch(() => {});
        listener.lost(why);
      },
    });
    const protocolVersion = client.getNegotiatedProtocolVersion() ?? MODERN;
    const session = modern ? null : { sessionId: transport.sessionId, protocolVersion };
    const keeps = transport.sessionId === undefined ? 'not kept' : 'kept';
    verdict = {
      modern,
      sessions: modern ? undefined : keeps,
      sessionless: session && keeps === 'not kept' ? session : undefined,
      at: Date.now(),
    };
    const open = (listener: Listener) => openHttpLine(server, session, endingWithSession(listener));
    return {
      client,
      channel: channel(session, protocolVersion, { open }),
      protocolVersions: modern ? [...modern.supportedVersions].sort().reverse() : [protocolVersion],
      closed: closed.promise,
    };
  };

  const standing = (): Promise<Standing> => {
    if (own) return own;
    const coming = stand();
    own = coming;
    const gone = () => {
      if (own === coming) own = undefined;
    };
    void coming.then(({ closed }) => closed.then(gone), gone);
    return coming;
  };

  let judging: Promise<Verdict> | undefined;
  const judge = async (): Promise<Verdict> => {
    const before = verdict && (await own?.catch(() => undefined));
    if (before) own = undefined;
    void before?.client.close().catch(() => {});
    verdict = undefined;
    await standing();
    return verdict!;
  };
  /** A server that is no longer what it was says so, except where it went on from a revision with sessions to one without. */
  const known = async (): Promise<Verdict> => {
    if (verdict && (verdict.modern || Date.now() - verdict.at < BELIEVED_MS)) return verdict;
    judging ??= judge().finally(() => {
      judging = undefined;
    });
    return judging;
  };

  const keyOf = ({ conversation, client }: Caller): string =>
    JSON.stringify([conversation, client.protocolVersion, capabilitiesKey(client)]);

  const drop = (key: string): boolean => {
    const session = sessions.get(key);
    sessions.delete(key);
    void session?.then((one) => one.close()).catch(() => {});
    return session !== undefined;
  };

  const sweep = async () => {
    const all = await Promise.all(
      [...sessions].map(async ([key, one]) => ({ key, session: await one.catch(() => undefined) })),
    );
    const idle = all
      .filter(({ session }) => session?.calls.size === 0)
      .sort((a, b) => (a.session?.usedAt ?? 0) - (b.session?.usedAt ?? 0));
    const tooMany = sessions.size - MAX_SESSIONS;
    idle.forEach(({ key, session }, index) => {
      if (index < tooMany || Date.now() - (session?.usedAt ?? 0) > IDLE_MS) drop(key);
    });
  };
  const sweeping = setInterval(() => void sweep(), IDLE_MS / 10);
  sweeping.unref();

  const sessionOf = (caller: Caller): Promise<HttpSession> => {
    const key = keyOf(caller);
    const open = sessions.get(key);
    if (open !== undefined) return open;
    const coming = openSession(server, caller.client, handshakeMs, closing.signal, heard);
    sessions.set(key, coming);
    coming.catch(() => {
      if (sessions.get(key) === coming) sessions.delete(key);
    });
    if (sessions.size > MAX_SESSIONS) void sweep();
    return coming;
  };

  const inSession = (session: HttpSession): Channel => ({
    ...channel(session, session.protocolVersion),
    open: (listener) => {
      const line = openHttpLine(server, session, listener);
      session.enter(line.id, listener);
      return {
        ...line,
        close: () => {
          session.calls.delete(line.id);
          session.usedAt = Date.now();
          line.close();
        },
      };
    },
    setLogLevel: session.setLogLevel,
  });

  const modernChannel = ({ modern }: Verdict): Channel | undefined =>
    modern && channel(null, modern.supportedVersions.includes(MODERN) ? MODERN : modern.supportedVersions[0]!);

  const legacyChannel = async (caller: Caller, about: Verdict): Promise<Channel | undefined> => {
    if (about.sessions === 'none') return undefined;
    if (about.sessions === 'not kept')
      return about.modern ? undefined : channel(about.sessionless!, about.sessionless!.protocolVersion);
    try {
      const session = await sessionOf(caller);
      about.sessions ??= session.sessionId === undefined ? 'not kept' : 'kept';
      if (session.sessionId !== undefined) return inSession(session);
      drop(keyOf(caller));
      about.sessionless = { sessionId: undefined, protocolVersion: session.protocolVersion };
      // A server without sessions cannot ask: where it can otherwise, it is asked in the other revision.
      return about.modern ? undefined : channel(about.sessionless, session.protocolVersion);
    } catch (error) {
      if (!about.modern || !says(error)) throw error;
      about.sessions = 'none';
      return undefined;
    }
  };

  const channelFor = async (caller: Caller): Promise<Channel> => {
    const about = await known();
    const isOwn = isModern(caller.client.protocolVersion);
    const chosen = (isOwn ? modernChannel(about) : undefined) ?? (await legacyChannel(caller, about));
    return chosen ?? modernChannel(about)!;
  };

  return {
    channelFor: (caller, signal) => orAborted(channelFor(caller), signal),
    standing: (signal) => orAborted(standing(), signal),
    forget: (caller) => drop(keyOf(caller)),
    rootsChanged: (conversation) => {
      for (const [key, session] of sessions)
        if (JSON.parse(key)[0] === conversation) void session.then((one) => one.rootsChanged()).catch(() => {});
    },
    misjudged: () => {
      if (verdict) verdict = { ...verdict, modern: undefined, at: 0 };
    },
    close: async () => {
      clearInterval(sweeping);
      closing.abort(new Stop('CANCELLED', 'The mesh hangs up.'));
      const open = await Promise.allSettled([...sessions.values()]);
      const mine = await own?.catch(() => undefined);
      await Promise.all([
        ...open.map((one) => (one.status === 'fulfilled' ? one.value.close() : undefined)),
        mine?.client.close().catch(() => {}),
      ]);
    },
  };
};
