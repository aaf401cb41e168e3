/** How a call to an agent's server goes wrong. */
import { A2AError, isJsonRpcError, isRestError, toJsonRpcError } from '@a2a-js/sdk/errors';
import { isGrpcError } from '@a2a-js/sdk/errors/grpc';
import { type Fault, faultOf, faultOfError, retryAfterMsOf, Stop } from '../../runtime/outbound/faults.ts';
import { scrub } from '../../runtime/outbound/secrets.ts';
import type { Exchange } from './bounded-fetch.ts';

/** Thrown by every call to an agent. */
export class CallFailed extends Error {
  override readonly name = 'CallFailed';
  readonly fault: Fault;
  /** A2A's own name of what is wrong, e.g. TASK_NOT_FOUND; empty where the agent named nothing of A2A's. */
  readonly reason: string;
  /** Whether the agent may have acted, and nobody knows. */
  readonly isUnknown: boolean;
  constructor(fault: Fault, reason: string, isUnknown: boolean) {
    super(fault.failure.message);
    this.fault = fault;
    this.reason = reason;
    this.isUnknown = isUnknown;
  }
}

const WHOM = "the agent's server";

/** The SDK wraps what came in the midst of a stream. */
const a2aErrorOf = (error: unknown): A2AError | undefined => {
  if (error instanceof A2AError) return error;
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof A2AError ? cause : undefined;
};

/** gRPC's codes as HTTP's: what a proxy or an agent says without naming anything of A2A's. */
const HTTP_OF_GRPC: Readonly<Record<number, number>> = { 7: 403, 8: 429, 12: 405, 14: 503, 16: 401 };

const statusOf = (error: A2AError | undefined, exchange: Exchange): number | undefined => {
  if (isRestError(error)) return error.statusCode;
  if (isGrpcError(error)) return HTTP_OF_GRPC[error.status] ?? 500;
  return exchange.status;
};

/** What the error names of A2A's: transports make one of anything that went wrong. */
const reasonOf = (error: A2AError | undefined): string => {
  if (!error || error.reason === 'INTERNAL_ERROR') return '';
  return error.reason;
};

/** grpc-js says in words alone that it had no connection. */
const neverSent = (error: A2AError | undefined): boolean =>
  isGrpcError(error) && error.status === 14 && /No connection established|Name resolution failed/.test(error.message);

const MISCONFIGURED = new Set([401, 402, 403, 404, 405]);

/** What an answer that is an error comes to. */
const faultOfAnswer = (
  error: A2AError | undefined,
  exchange: Exchange,
  secrets: readonly string[],
): Fault | undefined => {
  const status = statusOf(error, exchange);
  const reason = reasonOf(error);
  const isOwn = reason !== '' || isJsonRpcError(error);
  const said = isOwn ? scrub(Buffer.from(JSON.stringify(toJsonRpcError(error))), secrets) : null;
  const known = { status: status ?? null, body: said, retryAfterMs: retryAfterMsOf(exchange.retryAfter) };
  if (reason !== '' && reason !== 'INVALID_AGENT_RESPONSE')
    return faultOf('REQUEST_REFUSED', `The agent refused the message (${reason}).`, false, known);
  if (isOwn) return faultOf('UPSTREAM_ERROR', 'The agent answered with an error of its own.', false, known);
  if (status === undefined || (status >= 200 && status < 300)) return undefined;
  // All of these are between the mesh and the agent's server, whose words are dropped.
  if (status < 400 || MISCONFIGURED.has(status))
    return faultOf('MISCONFIGURED', `The agent's server does not accept how the mesh calls it (${status}).`, false, {
      status,
    });
  if (status === 429)
    return faultOf('RATE_LIMITED', "The agent's server is rate limiting the mesh (429).", false, {
      ...known,
      body: null,
    });
  if (status >= 500) return faultOf('UPSTREAM_ERROR', `The agent's server failed (${status}).`, false, known);
  return faultOf('REQUEST_REFUSED', `The agent's server refused the message (${status}).`, false, known);
};

const codeBearing = (error: unknown): unknown => {
  const cause = error instanceof Error ? error.cause : undefined;
  return typeof cause === 'object' && cause !== null && 'code' in cause ? cause : error;
};

/** @param error whatever a transport of the SDK threw. @throws the reason of `exchange.signal` where it is no `Stop`. */
export const callFailed = (error: unknown, exchange: Exchange, secrets: readonly string[]): CallFailed => {
  if (error instanceof CallFailed) return error;
  const { signal } = exchange;
  if (signal.aborted && !(signal.reason instanceof Stop)) throw signal.reason;
  const stopped = signal.aborted ? signal.reason : error instanceof Stop ? error : undefined;
  const a2a = a2aErrorOf(error);
  const sent = exchange.sent && !neverSent(a2a);
  if (stopped) return new CallFailed(faultOfError(WHOM, stopped, sent, false), '', sent);
  if (!sent) return new CallFailed(faultOfError(WHOM, codeBearing(error), false, false), '', false);
  const answered = faultOfAnswer(a2a, exchange, secrets);
  if (answered) return new CallFailed(answered, reasonOf(a2a), false);
  const code = (codeBearing(error) as { code?: unknown }).code;
  const fault =
    exchange.status !== undefined && typeof code !== 'string'
      ? faultOf('BAD_RESPONSE', 'The answer of the agent’s server could not be read.', false)
      : faultOfError(WHOM, codeBearing(error), true, false);
  return new CallFailed(fault, '', true);
};
