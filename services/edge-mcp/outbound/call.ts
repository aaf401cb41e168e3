/** One JSON-RPC request to a server, from what is sent to its answer, and all that the server says and asks in between. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { JSONRPCMessage } from '@modelcontextprotocol/client';
import type { McpError, McpNotification, McpOutcome } from '../../runtime/mcp/message.ts';
import { Stop } from '../../runtime/outbound/faults.ts';
import { CallFailed, tooLarge } from './call-failed.ts';
import type { Channel } from './upstream.ts';

export interface Call {
  method: string;
  params: Record<string, unknown>;
  /** Where it is HTTP. */
  headers?: Record<string, string>;
  /** Whether the client gave a progress token. */
  wantsProgress: boolean;
  /** Told of progress and log messages. */
  notify(notification: McpNotification): void;
  /**
   * Has a question of the server answered by whoever called.
   * @param withdrawn aborted, with the server's reason, when it waits for no answer any more. @throws never
   */
  ask(question: McpNotification, withdrawn: AbortSignal): Promise<McpOutcome>;
  signal: AbortSignal;
}

export interface Limits {
  firstByteTimeoutMs: number;
  /** Not while a question is open. */
  idleTimeoutMs: number;
  /** Of all that comes in the course of a call. */
  maxResponseBytes: number;
}

/** More than any tool has to say of its progress; a server that says more in one call is cut off. */
const MAX_MESSAGES = 10_000;

/** How long a server may take to hear that a call is cancelled. */
const GOODBYE_MS = 1_000;

const RELAYED = new Set(['notifications/progress', 'notifications/message', 'notifications/elicitation/complete']);

const tooQuiet = (isFirst: boolean): Stop =>
  isFirst
    ? new Stop('FIRST_BYTE_TIMEOUT', 'The MCP server did not answer in time.')
    : new Stop('IDLE_TIMEOUT', 'The MCP server said nothing for too long.');

/** Without what is between the server and the mesh. */
const relayed = (message: { method: string; params?: Record<string, unknown> | undefined }): McpNotification => {
  if (message.method !== 'notifications/progress') return { method: message.method, params: message.params };
  const { progressToken: _, ...params } = message.params ?? {};
  return { method: message.method, params };
};

/**
 * Makes the call. @returns what the server answered, whole, a result or an error, and how large that was.
 * @throws CallFailed; the signal's reason where that is no `Stop`
 */
export const makeCall = async (
  channel: Channel,
  call: Call,
  limits: Limits,
): Promise<{ outcome: McpOutcome; bytes: number }> => {
  const { signal } = call;
  const ended = Promise.withResolvers<{ outcome: McpOutcome; bytes: number }>();
  // Whoever waits for it may be told of an abortion first.
  ended.promise.catch(() => {});
  let bytes = 0;
  let messages = 0;
  /** The server's questions, by its ids. */
  const open = new Map<string | number, AbortController>();
  let isFirst = true;
  let timer: NodeJS.Timeout | undefined;

  let isOver = false;
  let goodbye: Promise<unknown> = Promise.resolve();

  const cancel = (why: Error) => {
    if (isOver) return;
    if (line.sent() && !channel.closesToCancel) {
      const reason = why instanceof Stop ? why.reason : 'CANCELLED';
      const params = { requestId: line.id, reason };
      goodbye = line.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params });
    }
    fail(why);
  };
  const fail = (why: Error) => {
    isOver = true;
    ended.reject(why);
  };
  const wait = () => {
    clearTimeout(timer);
    if (open.size > 0 || isOver) return;
    timer = setTimeout(() => cancel(tooQuiet(isFirst)), isFirst ? limits.firstByteTimeoutMs : limits.idleTimeoutMs);
  };
  const active = () => {
    isFirst = false;
    wait();
  };

  const answer = (id: string | number, said: McpOutcome) =>
    void line.send({ jsonrpc: '2.0', id, ...said } as JSONRPCMessage);
  const asked = async (id: string | number, question: McpNotification) => {
    if (question.method === 'ping') return answer(id, { result: {} });
    const withdrawing = new AbortController();
    open.set(id, withdrawing);
    clearTimeout(timer);
    const said = await call.ask(question, withdrawing.signal);
    open.delete(id);
    if (isOver) return;
    wait();
    if (!withdrawing.signal.aborted) answer(id, said);
  };

  const withdraw = ({ requestId, reason }: Record<string, unknown> = {}) =>
    open.get(requestId as string | number)?.abort(typeof reason === 'string' ? reason : '');

  const message = (said: JSONRPCMessage) => {
    if (isOver) return;
    active();
    const size = Buffer.byteLength(JSON.stringify(said));
    bytes += size;
    messages += 1;
    if (bytes > limits.maxResponseBytes) return cancel(tooLarge(limits.maxResponseBytes));
    if (messages > MAX_MESSAGES)
      return cancel(
        new Stop('RESPONSE_TOO_LARGE', `The MCP server said more than ${MAX_MESSAGES} things in one call.`),
      );
    if ('method' in said) {
      if ('id' in said) void asked(said.id, { method: said.method, params: said.params });
      else if (said.method === 'notifications/cancelled') withdraw(said.params);
      else if (RELAYED.has(said.method)) call.notify(relayed(said));
    } else if (said.id === line.id) {
      const outcome: McpOutcome =
        'error' in said ? { error: said.error as McpError } : { result: said.result as Record<string, unknown> };
      isOver = true;
      ended.resolve({ outcome, bytes: size });
    }
  };

  const line = channel.open({ message, active, lost: fail });
  const aborted = () => cancel(signal.reason);
  signal.addEventListener('abort', aborted, { once: true });
  try {
    signal.throwIfAborted();
    wait();
    const meta = (call.params._meta ?? {}) as Record<string, unknown>;
    const { progressToken: _, ...rest } = meta;
    const _meta = call.wantsProgress ? { ...rest, progressToken: line.id } : rest;
    const { _meta: __, ...params } = call.params;
    const given = Object.keys(_meta).length > 0 ? { ...params, _meta } : params;
    void line.send({ jsonrpc: '2.0', id: line.id, method: call.method, params: given } as JSONRPCMessage, call.headers);
    return await ended.promise;
  } catch (error) {
    if (error instanceof CallFailed) throw error;
    if (error instanceof Stop) throw new CallFailed(error.reason, error.message, line.sent());
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', aborted);
    void Promise.race([goodbye, sleep(GOODBYE_MS, undefined, { ref: false })]).then(() => line.close());
  }
};
