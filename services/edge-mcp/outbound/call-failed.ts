/** How a call to an MCP server goes wrong. */
import { SdkError, SdkErrorCode } from '@modelcontextprotocol/client';
import type * as mesh from '../../../schemas/generated.ts';
import { mayHaveActed } from '../../runtime/edge/idempotency-outcome.ts';
import { type Fault, faultOf, faultOfError, retryAfterMsOf, Stop } from '../../runtime/outbound/faults.ts';
import type { Exchange } from './bounded-fetch.ts';

/** Thrown, or told, where a server gave no answer. Its message is for a person, and holds no secret. */
export class CallFailed extends Error {
  override readonly name = 'CallFailed';
  readonly reason: mesh.FailureReason;
  /** Whether the server may have acted. */
  readonly sent: boolean;
  readonly known: Partial<mesh.Failure>;
  constructor(reason: mesh.FailureReason, message: string, sent: boolean, known: Partial<mesh.Failure> = {}) {
    super(message);
    this.reason = reason;
    this.sent = sent;
    this.known = known;
  }
}

/** @param repeatable whether the call may be made twice. What never arrived may be in any case, and who made another is told to look. */
export const faultOfCall = ({ reason, message, sent, known }: CallFailed, repeatable: boolean): Fault => {
  const unsure = sent && !repeatable && mayHaveActed(reason);
  const look = unsure ? ' The call may have taken effect: look before you repeat it.' : '';
  return faultOf(reason, message + look, repeatable || !sent, known);
};

/** A proxy says so where there is no server, and a server where it can serve nothing at all (RFC 9110, 15.6.3 and 15.6.4). */
const OF_ALL = new Set<number | null | undefined>([502, 503]);

/** Whether it is what was called that went wrong, and the server might well answer another call. */
export const failedInCall = ({ reason, sent, known }: CallFailed): boolean =>
  sent && reason !== 'MISCONFIGURED' && !OF_ALL.has(known.status);

const WHOM = 'the MCP server';
const MAX_CAUSES = 5;

const OF_THE_MESH = new Set([401, 402, 403, 404, 405, 406, 415]);

/** A refusal in HTTP. The server's words are dropped: they are for the mesh, not for who calls it. */
const refused = (status: number, retryAfter: string | undefined): CallFailed => {
  const known = { status, retryAfterMs: retryAfterMsOf(retryAfter) };
  if (status < 400 || OF_THE_MESH.has(status))
    return new CallFailed('MISCONFIGURED', `The MCP server does not accept how the mesh calls it (${status}).`, true, {
      status,
    });
  if (status === 429)
    return new CallFailed('RATE_LIMITED', 'The MCP server is rate limiting the mesh (429).', true, known);
  if (status >= 500 || status === 408)
    return new CallFailed('UPSTREAM_ERROR', `The MCP server failed (${status}).`, true, known);
  return new CallFailed('REQUEST_REFUSED', `The MCP server refused the request (${status}).`, true, known);
};

/** undici's fetch wraps what went wrong, and the SDK wraps that. */
const causeOf = (error: unknown): unknown => {
  for (let cause = error, depth = 0; cause instanceof Error && depth < MAX_CAUSES; cause = cause.cause, depth++)
    if (cause instanceof Stop || cause instanceof CallFailed || ('code' in cause && !(cause instanceof SdkError)))
      return cause;
  return error;
};

/** @param error what the SDK threw, or was aborted with. @throws an abortion's reason that is no `Stop` */
export const callFailed = (error: unknown, exchange: Exchange, signal?: AbortSignal): CallFailed => {
  const { sent, status, retryAfter } = exchange;
  if (signal?.aborted && !(signal.reason instanceof Stop)) throw signal.reason;
  const cause = signal?.aborted ? signal.reason : causeOf(error);
  if (cause instanceof CallFailed) return cause;
  if (cause instanceof Stop) return new CallFailed(cause.reason, cause.message, sent);
  if (status !== undefined && (status < 200 || status > 299)) return refused(status, retryAfter);
  const isOdd = cause instanceof SdkError || typeof (cause as { code?: unknown }).code !== 'string';
  if (status !== undefined && isOdd)
    return new CallFailed('BAD_RESPONSE', 'The answer of the MCP server could not be read.', sent);
  const { reason, message } = faultOfError(WHOM, cause, sent, false).failure;
  return new CallFailed(reason, message, sent);
};

/** As `callFailed`, of what goes before a call: of that nothing has reached the server. */
export const handshakeFailed = (error: unknown, exchange: Exchange, signal?: AbortSignal): CallFailed => {
  if (!signal?.aborted && error instanceof SdkError && error.code === SdkErrorCode.RequestTimeout)
    return new CallFailed('CONNECT_TIMEOUT', 'The MCP server did not begin to talk in time.', false);
  const { reason, message, known } = callFailed(error, exchange, signal);
  return new CallFailed(reason, message, false, known);
};

export const tooLarge = (maxBytes: number): Stop =>
  new Stop('RESPONSE_TOO_LARGE', `The MCP server sent more than ${maxBytes} bytes.`);
