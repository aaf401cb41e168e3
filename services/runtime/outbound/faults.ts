/** How a call to an upstream goes wrong: what it is called, whether the target is to blame, whether another may be tried. */
import type * as mesh from '../../../schemas/generated.ts';

export interface Fault {
  failure: mesh.Failure;
  /** Whether it counts against a breaker. */
  targetAtFault: boolean;
  /** The tool of the target that failed, and not all of it. */
  tool?: string;
  /** Whether another attempt may be made, as long as the client has seen nothing of this one. */
  retryable: boolean;
}

/** Thrown, or given to AbortController.abort, to end a call in a way that has a name. */
export class Stop extends Error {
  override readonly name: string = 'Stop';
  readonly reason: mesh.FailureReason;
  /** The upstream's own words, where it said why. */
  readonly body: Buffer | null;
  constructor(reason: mesh.FailureReason, message: string, body: Buffer | null = null) {
    super(message);
    this.reason = reason;
    this.body = body;
  }
}

/** Thrown where a dispatch is left without an outcome, for the instance that is handed it next. */
export class Abandoned extends Error {
  override readonly name = 'Abandoned';
}

/** What an outbound edge gives to AbortController.abort: nobody waits any more, or the deadline has passed. */
export class Aborted extends Stop {
  override readonly name = 'Aborted';
}

/**
 * Whether another attempt may follow. `repeatable`: only where performing the request twice does no harm, since the
 * upstream may have acted. What was refused before it was performed, or never arrived, may always be tried elsewhere.
 */
const table: Record<mesh.FailureReason, { retry: 'always' | 'repeatable' | 'never'; targetAtFault: boolean }> = {
  CONNECT_FAILED: { retry: 'always', targetAtFault: true },
  CONNECT_TIMEOUT: { retry: 'always', targetAtFault: true },
  FIRST_BYTE_TIMEOUT: { retry: 'repeatable', targetAtFault: true },
  IDLE_TIMEOUT: { retry: 'repeatable', targetAtFault: true },
  CONNECTION_LOST: { retry: 'repeatable', targetAtFault: true },
  BAD_RESPONSE: { retry: 'repeatable', targetAtFault: true },
  RATE_LIMITED: { retry: 'always', targetAtFault: false },
  UPSTREAM_ERROR: { retry: 'repeatable', targetAtFault: true },
  REQUEST_REFUSED: { retry: 'never', targetAtFault: false },
  RESPONSE_TOO_LARGE: { retry: 'never', targetAtFault: false },
  MISCONFIGURED: { retry: 'always', targetAtFault: true },
  CANCELLED: { retry: 'never', targetAtFault: false },
  DEADLINE_EXCEEDED: { retry: 'never', targetAtFault: false },
  OUTCOME_UNKNOWN: { retry: 'never', targetAtFault: false },
  UNSPECIFIED: { retry: 'repeatable', targetAtFault: false },
};

/** A fault of this reason, with what is known beyond it. */
export const faultOf = (
  reason: mesh.FailureReason,
  message: string,
  repeatable: boolean,
  known: Partial<mesh.Failure> = {},
): Fault => {
  const { retry, targetAtFault } = table[reason];
  return {
    failure: { reason, message, status: null, retryAfterMs: null, headers: {}, body: null, ...known },
    targetAtFault,
    retryable: retry === 'always' || (retry === 'repeatable' && repeatable),
  };
};

/** A `retry-after` header in seconds (RFC 9110, 10.2.3), as milliseconds; a date is passed over. */
export const retryAfterMsOf = (header: string | undefined): number | null =>
  header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) * 1000 : null;

const codeOf = (error: unknown): string => {
  const { code, name } = (typeof error === 'object' && error !== null ? error : {}) as {
    code?: unknown;
    name?: unknown;
  };
  return typeof code === 'string' ? code : typeof name === 'string' ? name : 'unknown error';
};

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/**
 * What a broken call comes to.
 * @param whom what was called, as its messages name it, e.g. the model's server.
 * @param sent whether any of the request may have reached the upstream.
 */
export const faultOfError = (whom: string, error: unknown, sent: boolean, repeatable: boolean): Fault => {
  if (error instanceof Stop) return faultOf(error.reason, error.message, repeatable, { body: error.body });
  const code = codeOf(error);
  // Only codes: an error's message names hosts, and may hold what was sent.
  const because = (text: string) => `${text} (${code}).`;
  if (code === 'UND_ERR_INVALID_ARG' || code === 'ERR_INVALID_URL' || code === 'ERR_INVALID_CHAR')
    return faultOf('MISCONFIGURED', because(`The mesh can't call ${whom} as it is configured`), repeatable);
  if (code === 'UND_ERR_CONNECT_TIMEOUT')
    return faultOf('CONNECT_TIMEOUT', because(`No connection to ${whom} came about in time`), repeatable);
  if (!sent) return faultOf('CONNECT_FAILED', because(`${capital(whom)} could not be reached`), repeatable);
  if (code.startsWith('HPE_') || code === 'HTTPParserError' || code === 'UND_ERR_HEADERS_OVERFLOW')
    return faultOf('BAD_RESPONSE', because(`${capital(whom)} did not answer in HTTP`), repeatable);
  return faultOf('CONNECTION_LOST', because(`The connection to ${whom} was lost`), repeatable);
};
