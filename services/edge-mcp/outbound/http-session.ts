/** A session at a server that has sessions (MCP before 2026-07-28), held for one conversation or for the mesh itself. */
import { Client, type JSONRPCMessage, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { McpClient } from '../../runtime/mcp/message.ts';
import { boundedFetch, noExchange } from './bounded-fetch.ts';
import type { HttpServer, InSession } from './http-line.ts';
import { identityOf, legacyVersions } from './identity.ts';
import { shakeHands } from './shake-hands.ts';
import { answerForNobody, type Heard, type Listener, tap } from './upstream.ts';

export interface HttpSession extends InSession {
  /** Those that are made in it, by their ids, in the order in which they began. */
  calls: Map<string, Listener>;
  usedAt: number;
  /** A call begins. */
  enter(id: string, listener: Listener): void;
  /** The client's roots are others. A server asks for them at once, which it can in the course of a call only: it is told in the next. */
  rootsChanged(): void;
  setLogLevel(level: string): Promise<void>;
  /** Ends it at the server too. */
  close(): Promise<void>;
}

/** What is not about one call goes to the one that began last: all of them are of the same conversation. */
const newest = (calls: ReadonlyMap<string, Listener>): Listener | undefined => [...calls.values()].at(-1);

/** How long the server may take to end a session. */
const GOODBYE_MS = 2_000;

/**
 * Opens a session as its client would.
 * @throws CallFailed; the signal's reason where that is no `Stop`
 */
export const openSession = async (
  server: HttpServer,
  asked: McpClient,
  timeoutMs: number,
  signal: AbortSignal,
  heard: Heard,
): Promise<HttpSession> => {
  const { info, capabilities } = identityOf(asked, true);
  const exchange = noExchange();
  // Where the client can be asked nothing and wants no log messages, nothing would come on a stream of no request.
  const mayListen = Object.keys(capabilities).length > 0 || asked.logLevel !== undefined;
  const fetch = boundedFetch(server, exchange, undefined, mayListen);
  const transport = new StreamableHTTPClientTransport(server.url, { fetch, requestInit: { headers: server.headers } });
  const client = new Client(info, { capabilities, supportedProtocolVersions: legacyVersions(asked.protocolVersion) });
  await shakeHands(client, transport, { prior: { kind: 'legacy' } }, timeoutMs, signal, exchange);
  const calls = new Map<string, Listener>();
  tap(transport, (message: JSONRPCMessage) => {
    if (!('method' in message)) return false;
    const listener = newest(calls);
    if ('id' in message) {
      if (listener) listener.message(message);
      else answerForNobody(transport, message);
      return true;
    }
    if (message.method === 'notifications/message') listener?.message(message);
    if (message.method === 'notifications/progress') calls.get(String(message.params?.progressToken))?.message(message);
    // It names a question, which one of them knows.
    if (message.method === 'notifications/cancelled') for (const one of calls.values()) one.message(message);
    heard(message);
    return false;
  });
  let haveRootsChanged = false;
  const tellOfRoots = () => {
    if (!haveRootsChanged || calls.size === 0) return;
    haveRootsChanged = false;
    client.sendRootsListChanged().catch(() => {});
  };
  let logLevel: string | undefined;
  return {
    sessionId: transport.sessionId,
    protocolVersion: client.getNegotiatedProtocolVersion() ?? asked.protocolVersion,
    calls,
    usedAt: Date.now(),
    enter: (id, listener) => {
      calls.set(id, listener);
      tellOfRoots();
    },
    rootsChanged: () => {
      haveRootsChanged = capabilities.roots?.listChanged === true;
      tellOfRoots();
    },
    setLogLevel: async (level) => {
      if (logLevel === level || !client.getServerCapabilities()?.logging) return;
      logLevel = level;
      const wanted = level as Parameters<Client['setLoggingLevel']>[0];
      await client.setLoggingLevel(wanted, { timeout: timeoutMs }).catch(() => {});
    },
    close: async () => {
      const patience = setTimeout(() => void transport.close(), GOODBYE_MS);
      await transport.terminateSession().catch(() => {});
      clearTimeout(patience);
      await client.close().catch(() => {});
    },
  };
};
