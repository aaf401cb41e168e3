/** One call over HTTP: on a transport of its own, so that what comes on its stream is known to belong to it. */
import { type JSONRPCMessage, SdkHttpError, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { newId } from '../../runtime/event.ts';
import { boundedFetch, noExchange, type Sent } from './bounded-fetch.ts';
import { CallFailed, callFailed } from './call-failed.ts';
import type { Line, Listener } from './upstream.ts';

/** Where lines go, and what they present. */
export interface HttpServer extends Sent {
  url: URL;
  headers: Record<string, string>;
}

/** The session that a call is made in. */
export interface InSession {
  sessionId: string | undefined;
  protocolVersion: string;
}

/** A refusal may hold a JSON-RPC error in answer to this very request: then it is an answer like any other. */
const answerIn = (error: unknown, id: string): JSONRPCMessage | undefined => {
  if (!(error instanceof SdkHttpError) || error.status < 400 || error.status > 499) return undefined;
  if (error.status === 401 || error.status === 403) return undefined;
  try {
    const said = JSON.parse(String(error.data.text));
    const isAnswer = said?.id === id && typeof said.error?.code === 'number' && typeof said.error.message === 'string';
    return isAnswer ? { jsonrpc: '2.0', id, error: said.error } : undefined;
  } catch {
    return undefined;
  }
};

/** The specification says 404; servers made with v1 of the SDK from its examples say 400, and name the session. */
const isExpiredSession = (error: unknown): boolean =>
  error instanceof SdkHttpError &&
  (error.status === 404 || (error.status === 400 && /session/i.test(String(error.data.text))));

/** Told by a line whose session is no more. */
export class SessionExpired extends CallFailed {
  constructor() {
    super('UPSTREAM_ERROR', 'The session at the MCP server had ended.', false);
  }
}

/** Does it again where the session that it was done in was no more: then the server has not acted. @throws what `act` throws */
export const inLivingSession = async <T>(act: () => Promise<T>): Promise<T> => {
  try {
    return await act();
  } catch (error) {
    if (error instanceof SessionExpired) return act();
    throw error;
  }
};

/** @param session of MCP before 2026-07-28; null: the request says itself what a session would */
export const openHttpLine = (server: HttpServer, session: InSession | null, listener: Listener): Line => {
  const id = newId();
  const exchange = noExchange();
  const closing = new AbortController();
  let isOver = false;
  let garbled = false;
  const lost = (why: CallFailed) => {
    if (!isOver) listener.lost(why);
  };
  const fetch = boundedFetch(server, exchange, {
    active: () => !isOver && listener.active(),
    stopped: (why) => lost(new CallFailed(why.reason, why.message, true)),
  });
  const transport = new StreamableHTTPClientTransport(server.url, {
    fetch,
    requestInit: { headers: server.headers },
    ...(session?.sessionId === undefined ? {} : { sessionId: session.sessionId }),
    ...(session === null ? {} : { protocolVersion: session.protocolVersion }),
  });
  transport.onmessage = (message) => {
    if (!isOver) listener.message(message);
  };
  transport.onerror = (error) => {
    garbled ||= error instanceof SyntaxError || error.name === 'ZodError' || error.name === '$ZodError';
  };
  const ended = () => {
    if (garbled) lost(new CallFailed('BAD_RESPONSE', 'The MCP server did not answer in JSON-RPC.', true));
    else lost(new CallFailed('CONNECTION_LOST', 'The connection to the MCP server was lost.', true));
  };
  const started = transport.start();
  const send = async (message: JSONRPCMessage, headers?: Record<string, string>) => {
    try {
      await started;
      await transport.send(message, {
        requestSignal: closing.signal,
        onRequestStreamEnd: ended,
        ...(headers ? { headers } : {}),
      });
    } catch (error) {
      if (isOver) return;
      const isCall = 'id' in message && message.id === id;
      const answer = isCall ? answerIn(error, id) : undefined;
      if (isCall && session?.sessionId !== undefined && isExpiredSession(error)) lost(new SessionExpired());
      else if (answer) listener.message(answer);
      else lost(callFailed(error, exchange));
    }
  };
  return {
    id,
    send,
    sent: () => exchange.sent,
    close: () => {
      isOver = true;
      closing.abort();
      void transport.close().catch(() => {});
    },
  };
};
