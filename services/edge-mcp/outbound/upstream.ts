/** A server beyond the mesh, as calls are made of it, whatever carries them: HTTP or a process's stdio. */
import type { Client, JSONRPCMessage, JSONRPCNotification, Transport } from '@modelcontextprotocol/client';
import type { McpClient } from '../../runtime/mcp/message.ts';
import { Stop } from '../../runtime/outbound/faults.ts';
import { CallFailed } from './call-failed.ts';

/** Who calls. What is kept for one conversation is never used for another. */
export interface Caller {
  conversation: string;
  client: McpClient;
}

/** A call, as its line tells it what comes. */
export interface Listener {
  message(message: JSONRPCMessage): void;
  /** Something came that is no message yet. */
  active(): void;
  /** Nothing more comes. */
  lost(why: CallFailed): void;
}

/** Over which one call is made. */
export interface Line {
  /** The call's JSON-RPC id, and its progress token. */
  id: string;
  /** Resolves when it is sent, or lost: that is told to the listener. @param headers where it is HTTP */
  send(message: JSONRPCMessage, headers?: Record<string, string>): Promise<void>;
  /** Whether any of the call may have reached the server. */
  sent(): boolean;
  close(): void;
}

/** A way to a server in one revision of MCP, held until it is released. */
export interface Channel {
  protocolVersion: string;
  /** Whether that is one without sessions. */
  isModern: boolean;
  /** Whether closing a line is how a call is cancelled (MCP 2026-07-28, transports: Streamable HTTP, cancellation). */
  closesToCancel: boolean;
  open(listener: Listener): Line;
  /** Asks for log messages from this level on, where nobody else is concerned. */
  setLogLevel?(level: string): Promise<void>;
  release(): void;
}

/** The mesh's own standing connection. */
export interface Standing {
  client: Client;
  /** Asks over it; of no conversation. */
  channel: Channel;
  protocolVersions: readonly string[];
  /** Resolves when it has ended. */
  closed: Promise<void>;
}

export interface Upstream {
  /** @throws CallFailed; the signal's reason where that is no `Stop` */
  channelFor(caller: Caller, signal: AbortSignal): Promise<Channel>;
  /** @throws as channelFor */
  standing(signal: AbortSignal): Promise<Standing>;
  /** A session that a call was to be made in is no more. @returns whether there was one, so that the call may be made again */
  forget(caller: Caller): boolean;
  /** The roots of a conversation's client are others: where it has a session, the server is told. */
  rootsChanged(conversation: string): void;
  /** It does not speak the revision that it was spoken to in: it is asked anew what it speaks. */
  misjudged(): void;
  close(): Promise<void>;
}

/** Told what a server says that belongs to no call. */
export type Heard = (notification: JSONRPCNotification) => void;

/** Hands a message to `take` first; what that leaves goes on to the SDK's client. To be used once that is connected. */
export const tap = (transport: Transport, take: (message: JSONRPCMessage) => boolean): void => {
  const rest = transport.onmessage;
  transport.onmessage = (message, extra) => {
    if (!take(message)) rest?.(message, extra);
  };
};

const NOBODY = { code: -32603, message: 'No call is under way that could answer this.' };

/** Answers a server that asks although nobody is there to answer. */
export const answerForNobody = (transport: Transport, message: JSONRPCMessage): void => {
  if (!('method' in message) || !('id' in message)) return;
  const said = message.method === 'ping' ? { result: {} } : { error: NOBODY };
  void transport.send({ jsonrpc: '2.0', id: message.id, ...said }).catch(() => {});
};

/** What several wait for goes on although one of them does not wait any more. @throws the signal's reason as a CallFailed, or as it is */
export const orAborted = async <T>(coming: Promise<T>, signal: AbortSignal): Promise<T> => {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([coming, aborted.promise]);
  } catch (error) {
    if (signal.aborted && signal.reason instanceof Stop)
      throw new CallFailed(signal.reason.reason, signal.reason.message, false);
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
    coming.catch(() => {});
  }
};
