/** How a call to an upstream goes wrong: what it is called, whether the target is to blame, whether another may be tried. */
import type * as mesh from '../../../schemas/generated.ts';
import { isOpenAIError } from '../openai/errors.ts';
import { retryAfterOf, returningHeaders } from '../openai/headers.ts';
import { isObject, parseObject } from '../openai/json.ts';
import { scrub, scrubText } from './secrets.ts';

export interface Fault {
  failure: mesh.Failure;
  /** Whether it counts against the target's breaker. */
  targetAtFault: boolean;
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

export interface Refusal {
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** null where it was too long, or could not be read. */
  body: Buffer | null;
}

/** A 404 says that the path or the model is not there, both of which the mesh chose, unless it names something of the client's. */
const isOwnMistake = (body: Buffer | null): boolean => {
  const parsed = parseObject(body?.toString() ?? '');
  if (!isOpenAIError(parsed) || !isObject(parsed?.error)) return true;
  const { param = null, code = null } = parsed.error;
  return (param === null || param === 'model') && (code === null || code === 'model_not_found' || code === 404);
};

const reasonOfStatus = (status: number, body: Buffer | null): mesh.FailureReason => {
  if (status === 429) return 'RATE_LIMITED';
  // 402: the mesh's account is empty. All of these are between the mesh and its provider.
  if (status < 400 || status === 401 || status === 402 || status === 403 || status === 405) return 'MISCONFIGURED';
  if (status === 404) return isOwnMistake(body) ? 'MISCONFIGURED' : 'REQUEST_REFUSED';
  return status >= 500 || status === 408 || status === 409 ? 'UPSTREAM_ERROR' : 'REQUEST_REFUSED';
};

const messages: Partial<Record<mesh.FailureReason, string>> = {
  RATE_LIMITED: "The model's server is rate limiting the mesh (429).",
};

/** What an answer with another status than 2xx comes to. Where the mesh itself is at fault, the upstream's words are dropped. */
export const faultOfStatus = (
  { status, headers, body }: Refusal,
  repeatable: boolean,
  secrets: readonly string[],
  now: number,
): Fault => {
  const reason = reasonOfStatus(status, body);
  if (reason === 'MISCONFIGURED')
    return faultOf(reason, `The model's server does not accept how the mesh calls it (${status}).`, repeatable, {
      status,
    });
  const verb = reason === 'REQUEST_REFUSED' ? 'refused the request' : 'failed';
  const returning = Object.entries(returningHeaders(headers)).map(([name, value]) => [name, scrubText(value, secrets)]);
  const fault = faultOf(reason, messages[reason] ?? `The model's server ${verb} (${status}).`, repeatable, {
    status,
    retryAfterMs: retryAfterOf(headers, now),
    headers: Object.fromEntries(returning),
    body: body && scrub(body, secrets),
  });
  // 529: overloaded (Anthropic's), said before anything was done. 409: a conflict of this call with another one.
  if (status === 529) fault.retryable = true;
  if (status === 409) fault.targetAtFault = false;
  return fault;
};

const codeOf = (error: unknown): string => {
  const { code, name } = isObject(error) ? error : { code: undefined, name: undefined };
  return typeof code === 'string' ? code : typeof name === 'string' ? name : 'unknown error';
};

/** What a broken call comes to. @param sent whether any of the request may have reached the upstream. */
export const faultOfError = (error: unknown, sent: boolean, repeatable: boolean): Fault => {
  if (error instanceof Stop) return faultOf(error.reason, error.message, repeatable, { body: error.body });
  const code = codeOf(error);
  // Only codes: an error's message names hosts, and may hold what was sent.
  const because = (text: string) => `${text} (${code}).`;
  if (code === 'UND_ERR_INVALID_ARG' || code === 'ERR_INVALID_URL' || code === 'ERR_INVALID_CHAR')
    return faultOf('MISCONFIGURED', because("The mesh can't call the model's server as it is configured"), repeatable);
  if (code === 'UND_ERR_CONNECT_TIMEOUT')
    return faultOf('CONNECT_TIMEOUT', because("No connection to the model's server came about in time"), repeatable);
  if (!sent) return faultOf('CONNECT_FAILED', because("The model's server could not be reached"), repeatable);
  if (code.startsWith('HPE_') || code === 'HTTPParserError' || code === 'UND_ERR_HEADERS_OVERFLOW')
    return faultOf('BAD_RESPONSE', because("The model's server did not answer in HTTP"), repeatable);
  return faultOf('CONNECTION_LOST', because("The connection to the model's server was lost"), repeatable);
};
