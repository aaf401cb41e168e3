/**
 * What a client is told, in OpenAI's form: one table from what can come of a request in the mesh to a status, a code and
 * a message. Nothing here may name a secret, a host or a provider's account.
 */
import type * as mesh from '../../../schemas/generated.ts';
import { isObject, type JsonObject, parseObject, stringOf } from './json.ts';
import { serializeEvent } from './sse.ts';

/** An error before it is written: the HTTP status and the four fields of OpenAI's error object. */
export interface Problem {
  status: number;
  message: string;
  type: string;
  param: string | null;
  code: string | null;
  /** How long to wait before another try, milliseconds. */
  retryAfterMs?: number;
  /** false: the official clients, which repeat 408, 409, 429 and 5xx by themselves, must not. */
  mayRetry?: false;
}

/** An error as it goes out. `headers` are lower case and include content-type. */
export interface ErrorAnswer {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

const invalid = (status: number, code: string | null, message: string, param: string | null = null): Problem => ({
  status,
  message,
  type: 'invalid_request_error',
  param,
  code,
});
const server = (status: number, code: string, message: string): Problem => ({
  status,
  message,
  type: 'server_error',
  param: null,
  code,
});

/** What an inbound edge turns away by itself. */
export const edgeProblems = {
  noKey: (): Problem =>
    invalid(401, 'invalid_api_key', "You didn't provide an API key. Send it as `Authorization: Bearer YOUR_KEY`."),
  wrongKey: (): Problem => invalid(401, 'invalid_api_key', 'Incorrect API key provided.'),
  revokedKey: (): Problem => invalid(401, 'invalid_api_key', 'The API key provided has been revoked.'),
  expiredKey: (): Problem => invalid(401, 'invalid_api_key', 'The API key provided has expired.'),
  bodyTooLarge: (limitBytes: number): Problem =>
    invalid(413, 'request_too_large', `The request body is too large. At most ${limitBytes} bytes are accepted.`),
  headersTooLarge: (): Problem => invalid(431, 'headers_too_large', 'The request headers are too large.'),
  malformedRequest: (): Problem => invalid(400, 'malformed_request', 'The request is not well-formed HTTP.'),
  unsupportedMediaType: (given: string | undefined): Problem =>
    invalid(
      415,
      'unsupported_media_type',
      `Unsupported content type ${given === undefined ? '(none)' : JSON.stringify(given.slice(0, 100))}: send application/json.`,
    ),
  notFound: (method: string, path: string): Problem =>
    invalid(
      404,
      'unknown_url',
      `Unknown request URL: ${method} ${path.slice(0, 200)}. Please check the URL for typos.`,
    ),
  methodNotAllowed: (method: string, path: string): Problem =>
    invalid(405, 'method_not_supported', `Not allowed to ${method} on ${path.slice(0, 200)}.`),
  modelNotFound: (model: string): Problem =>
    invalid(404, 'model_not_found', `The model \`${model}\` does not exist or you do not have access to it.`, 'model'),
  tooManyInFlight: (retryAfterMs = 1_000): Problem => ({
    ...server(503, 'too_many_requests_in_flight', 'Too many requests are being served right now. Try again shortly.'),
    retryAfterMs,
  }),
  tooManyInFlightForCredential: (retryAfterMs = 1_000): Problem => ({
    ...invalid(429, 'too_many_requests_in_flight', 'Too many requests with this API key are being served right now.'),
    retryAfterMs,
  }),
  logUnavailable: (retryAfterMs = 2_000): Problem => ({
    ...server(503, 'log_unavailable', 'The request could not be recorded, so it was not performed. Try again shortly.'),
    retryAfterMs,
  }),
  stopping: (retryAfterMs = 2_000): Problem => ({
    ...server(503, 'stopping', 'This instance is shutting down. Try again.'),
    retryAfterMs,
  }),
  // The wording of draft-ietf-httpapi-idempotency-key-header, section 2.7; a repetition can never succeed.
  idempotencyMismatch: (): Problem => ({
    ...invalid(
      409,
      'idempotency_key_reused',
      'Idempotency-Key is already used: it can not be reused across different payloads.',
    ),
    mayRetry: false,
  }),
  clientTimeout: (): Problem => invalid(408, 'request_timeout', 'The request was not received whole in time.'),
  internal: (): Problem => server(500, 'internal_error', 'The mesh failed to serve the request.'),
} satisfies Record<string, (...given: never[]) => Problem>;

const denials: Record<mesh.DenialReason, (denied: Pick<mesh.RequestDenied, 'resource' | 'decision'>) => Problem> = {
  RESOURCE_UNKNOWN: ({ resource }) => edgeProblems.modelNotFound(resource.id),
  ACTION_UNSUPPORTED: ({ resource }) =>
    invalid(400, 'model_not_supported', `The model \`${resource.id}\` does not support this endpoint.`, 'model'),
  POLICY: ({ decision }) => invalid(403, 'permission_denied', decision.reason || 'A policy does not permit this.'),
  NO_ACCOUNTABLE_PERSON: () =>
    invalid(403, 'no_accountable_person', 'No accountable person stands behind this API key.'),
  NOT_CONFIGURED: () => ({
    ...server(503, 'not_configured', 'The mesh has no configuration yet. Try again shortly.'),
    retryAfterMs: 2_000,
  }),
  AGENT_CYCLE: ({ decision }) => invalid(403, 'permission_denied', decision.reason),
  TOO_DEEP: ({ decision }) => invalid(403, 'permission_denied', decision.reason),
  NOT_APPROVED: ({ decision }) => invalid(403, 'permission_denied', decision.reason),
  UNDECLARED: ({ decision }) => invalid(403, 'permission_denied', decision.reason),
  UNSPECIFIED: () => invalid(403, 'permission_denied', 'The request was refused.'),
};

const deadline = () => server(504, 'deadline_exceeded', 'The deadline of the request passed before it was served.');

/** What a failure is by its reason alone. The message of the failure itself goes in where none is fixed here. */
const failures: Record<mesh.FailureReason, [status: number, code: string, message?: string]> = {
  CONNECT_FAILED: [502, 'upstream_unreachable'],
  CONNECT_TIMEOUT: [504, 'upstream_unreachable'],
  FIRST_BYTE_TIMEOUT: [504, 'upstream_timeout'],
  IDLE_TIMEOUT: [504, 'upstream_timeout'],
  CONNECTION_LOST: [502, 'upstream_connection_lost'],
  BAD_RESPONSE: [502, 'upstream_bad_response'],
  RATE_LIMITED: [429, 'rate_limit_exceeded'],
  UPSTREAM_ERROR: [502, 'upstream_error'],
  REQUEST_REFUSED: [400, 'request_refused'],
  RESPONSE_TOO_LARGE: [502, 'response_too_large'],
  MISCONFIGURED: [502, 'upstream_misconfigured', "The mesh is not set up rightly for this model's server."],
  CANCELLED: [499, 'request_cancelled'],
  DEADLINE_EXCEEDED: [504, 'deadline_exceeded'],
  OUTCOME_UNKNOWN: [502, 'outcome_unknown'],
  UNSPECIFIED: [502, 'upstream_error'],
};

/** Failures after which another try by the client could do what was already done, or would end alike. */
const final = new Set<mesh.FailureReason>(['OUTCOME_UNKNOWN', 'RESPONSE_TOO_LARGE']);

const typeOf = (status: number) => {
  if (status === 429) return 'rate_limit_error';
  return status < 500 && status !== 499 ? 'invalid_request_error' : 'server_error';
};

/** Whether bytes are an error as OpenAI writes it: an object whose `error` is an object with a message. */
export const isOpenAIError = (body: JsonObject | undefined): boolean =>
  isObject(body?.error) && typeof body.error.message === 'string';

/** What servers that are not quite OpenAI's say went wrong: `{"error": "…"}`, `{"message": …}`, `{"detail": …}`. */
const saidIn = (body: JsonObject | undefined): string | undefined =>
  [body?.error, body?.message, body?.detail]
    .map(stringOf)
    .find((text) => text !== undefined)
    ?.slice(0, 1_000);

const ownStatus = new Set<mesh.FailureReason>(['UPSTREAM_ERROR', 'REQUEST_REFUSED', 'RATE_LIMITED']);

const problemOfFailure = (failure: mesh.Failure, body: JsonObject | undefined): Problem => {
  const [status, code, message] = failures[failure.reason];
  const upstreams = ownStatus.has(failure.reason) && failure.status !== null && failure.status >= 400;
  const shown = upstreams ? failure.status! : status;
  const said = saidIn(body);
  return {
    status: shown,
    type: typeOf(shown),
    param: null,
    code,
    message: message ?? (said ? `${failure.message} It said: ${said}` : failure.message),
    ...(failure.retryAfterMs === null ? {} : { retryAfterMs: failure.retryAfterMs }),
    ...(final.has(failure.reason) ? { mayRetry: false } : {}),
  };
};

const headersOf = (problem: Problem): Record<string, string> => ({
  'content-type': 'application/json',
  ...(problem.retryAfterMs === undefined
    ? {}
    : {
        'retry-after': String(Math.max(1, Math.ceil(problem.retryAfterMs / 1000))),
        'retry-after-ms': String(problem.retryAfterMs),
      }),
  ...(problem.mayRetry === false ? { 'x-should-retry': 'false' } : {}),
});

const envelope = ({ message, type, param, code }: Problem) => ({ error: { message, type, param, code } });

/** A problem as it goes out. */
export const answerOf = (problem: Problem): ErrorAnswer => ({
  status: problem.status,
  headers: headersOf(problem),
  body: Buffer.from(JSON.stringify(envelope(problem))),
});

/** What a client is told when policy refused. */
export const answerOfDenial = (denied: mesh.RequestDenied): ErrorAnswer => answerOf(denials[denied.reason](denied));

/** What a client is told of a failure: the upstream's own words and headers where it refused or failed in OpenAI's form. */
export const answerOfFailure = (failure: mesh.Failure): ErrorAnswer => {
  const body = failure.body === null ? undefined : parseObject(failure.body.toString());
  const problem = problemOfFailure(failure, body);
  const own = answerOf(problem);
  const headers = { ...failure.headers, ...own.headers };
  const verbatim = ownStatus.has(failure.reason) && isOpenAIError(body);
  return { status: own.status, headers, body: verbatim && failure.body ? failure.body : own.body };
};

const OPEN_BREAKERS_RETRY_MS = 5_000;

/** What a client is told when routing found no target, or none was left: of the last failure, where there was one. */
export const answerOfUnroutable = (unroutable: mesh.RequestUnroutable): ErrorAnswer => {
  const { reason, failure, resource } = unroutable;
  if (reason === 'DEADLINE_EXCEEDED') return answerOf(deadline());
  if (failure && reason !== 'BREAKERS_OPEN') return answerOfFailure(failure);
  if (reason === 'BREAKERS_OPEN') {
    const message = `Every server of the model \`${resource.id}\` is failing. Try again shortly.`;
    const retryAfterMs = failure?.retryAfterMs ?? OPEN_BREAKERS_RETRY_MS;
    return answerOf({ ...server(503, 'no_healthy_target', message), retryAfterMs });
  }
  return answerOf(server(503, 'no_target', `No server is configured for the model \`${resource.id}\`.`));
};

/**
 * An error in the middle of a stream, when the status has long been sent: the event that makes the official clients throw.
 * A responses stream's `error` event has its fields at the top (OpenAI's reference); the clients look at `error`.
 */
export const streamError = (answer: ErrorAnswer, protocol: string, sequenceNumber = 0): Buffer => {
  const error = parseObject(answer.body.toString())?.error ?? {};
  if (protocol !== 'openai.responses') return serializeEvent({ data: JSON.stringify({ error }) });
  const { code = null, message = '', param = null } = error as JsonObject;
  const data = { type: 'error', code, message, param, sequence_number: sequenceNumber, error };
  return serializeEvent({ event: 'error', data: JSON.stringify(data) });
};
