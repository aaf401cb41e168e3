/** What is wrong, in JSON-RPC's form. */
import type { EventData } from '../../../topics/index.ts';
import type { AuthenticationProblem } from '../../runtime/edge/authentication.ts';
import type { HttpProblem } from '../../runtime/http.ts';

/** The extension for calls that outlive their connection (SEP-2663). */
export const TASKS = 'io.modelcontextprotocol/tasks';

export const INVALID_REQUEST = -32600;
export const METHOD_NOT_FOUND = -32601;
export const INVALID_PARAMS = -32602;
const HEADER_MISMATCH = -32020;
const MISSING_CAPABILITY = -32021;
const PARSE_ERROR = -32700;
const INTERNAL = -32603;
/** Up to 2025-11-25; since 2026-07-28 it is INVALID_PARAMS. */
const RESOURCE_NOT_FOUND = -32002;

/**
 * A request that is answered with an error. Codes of the mesh's own are those of HTTP that say the same: MCP 2026-07-28 wants
 * them outside of -32768 to -32000 (basic, Error Codes). `data.reason` says which of the mesh's reasons it is.
 */
export class McpProblem extends Error {
  readonly code: number;
  readonly data: unknown;
  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

export const invalidParams = (message: string, data?: unknown): McpProblem =>
  new McpProblem(INVALID_PARAMS, message, data);

export const noSuchMethod = (): McpProblem => new McpProblem(METHOD_NOT_FOUND, 'Method not found');

/** What there is not, or is not for this caller: one answer for both. */
export const unknown = (what: 'tool' | 'prompt' | 'resource', name: string, modern: boolean): McpProblem => {
  if (what !== 'resource') return invalidParams(`Unknown ${what}: ${name}`);
  return new McpProblem(modern ? INVALID_PARAMS : RESOURCE_NOT_FOUND, `Resource not found: ${name}`, { uri: name });
};

// The wording of draft-ietf-httpapi-idempotency-key-header, section 2.7; a repetition can never succeed.
export const keyReused = (): McpProblem =>
  new McpProblem(409, 'The idempotency key is already used: it can not be reused across different calls.', {
    reason: 'IDEMPOTENCY_KEY_REUSED',
  });
export const tooManyReplays = (): McpProblem =>
  new McpProblem(503, 'Too many calls are being repeated right now. Try again shortly.', {
    reason: 'TOO_MANY_REPLAYS',
  });

export const staleState = (): McpProblem =>
  invalidParams('Invalid or expired requestState', { reason: 'invalid_request_state' });

/** SEP-2663, Error Handling. */
export const tasksWanted = (): McpProblem =>
  new McpProblem(MISSING_CAPABILITY, 'Missing required client capability', {
    requiredCapabilities: { extensions: { [TASKS]: {} } },
  });
export const noTask = (): McpProblem => invalidParams('Task not found');
/** SEP-2663, Streamable HTTP: Routing Headers. */
export const wrongName = (): McpProblem =>
  new McpProblem(HEADER_MISMATCH, 'The Mcp-Name header is required, and must be params.taskId.');

export const denied = ({ reason, decision }: EventData['RequestDenied']): McpProblem =>
  new McpProblem(403, `Denied by policy: ${decision.reason}.`, { reason });

const unroutableWords: Record<EventData['RequestUnroutable']['reason'], string> = {
  UNSPECIFIED: 'The server could not be called.',
  NO_TARGET: 'No server is configured for this.',
  BREAKERS_OPEN: 'The server, or what is called of it, is held back after repeated failures. Try again in a while.',
  ATTEMPTS_EXHAUSTED: 'Every attempt to call the server failed.',
  DEADLINE_EXCEEDED: 'The deadline of the request passed before the server was called.',
};

export const unroutable = ({ reason, failure }: EventData['RequestUnroutable']): McpProblem => {
  if (reason === 'ATTEMPTS_EXHAUSTED' && failure?.reason === 'RATE_LIMITED') return failed({ failure });
  const last = failure ? ` The last attempt: ${failure.message}` : '';
  return new McpProblem(reason === 'DEADLINE_EXCEEDED' ? 504 : 503, unroutableWords[reason] + last, { reason });
};

export const failed = ({
  failure: { reason, message, retryAfterMs },
}: Pick<EventData['ResponseFailed'], 'failure'>): McpProblem => {
  const data = { reason, ...(retryAfterMs === null ? {} : { retryAfterMs }) };
  switch (reason) {
    case 'OUTCOME_UNKNOWN':
      return new McpProblem(
        502,
        `It is not known whether the call took effect: look before you repeat it. ${message}`,
        data,
      );
    case 'DEADLINE_EXCEEDED':
    case 'FIRST_BYTE_TIMEOUT':
    case 'IDLE_TIMEOUT':
    case 'CONNECT_TIMEOUT':
      return new McpProblem(504, message, data);
    case 'RATE_LIMITED':
      return new McpProblem(429, message, data);
    default:
      return new McpProblem(502, message, data);
  }
};

export const deadline = (): McpProblem =>
  new McpProblem(504, 'The deadline of the request passed before it was answered. It may have taken effect.', {
    reason: 'DEADLINE_EXCEEDED',
  });
export const stopping = (): McpProblem =>
  new McpProblem(503, 'The mesh is stopping. It may have taken effect: look before you repeat it.', {
    reason: 'STOPPING',
  });
export const logUnavailable = (): McpProblem =>
  new McpProblem(503, 'The mesh cannot reach its log. Try again in a while.', { reason: 'LOG_UNAVAILABLE' });
export const tooLarge = (): McpProblem =>
  new McpProblem(413, 'The request is too large to be recorded.', { reason: 'TOO_LARGE' });
export const internal = (): McpProblem => new McpProblem(INTERNAL, 'Internal error');

/** A request that is turned away before there is a JSON-RPC message to answer. */
export interface Refusal {
  status: number;
  code: number;
  message: string;
  headers?: Record<string, string>;
}

const refusal = (status: number, message: string, code = status, headers: Record<string, string> = {}): Refusal => ({
  status,
  code,
  message,
  headers,
});

const wrongKeys: Record<AuthenticationProblem, string> = {
  missing: 'A key of the mesh is required, as Authorization: Bearer <key>.',
  malformed: 'A key of the mesh is required, as Authorization: Bearer <key>.',
  unknown: 'The key is not one of the mesh.',
  revoked: 'The key has been revoked.',
  expired: 'The key has expired.',
};

export const refusals = {
  stopping: () => refusal(503, 'The mesh is stopping. Try again.', 503, { 'retry-after': '1', connection: 'close' }),
  notConfigured: () =>
    refusal(503, 'The mesh has no configuration yet. Try again shortly.', 503, { 'retry-after': '2' }),
  tooMany: () => refusal(503, 'The mesh has too many requests in flight. Try again.', 503, { 'retry-after': '1' }),
  tooManyOfCredential: () =>
    refusal(429, 'The key has too many requests in flight. Try again.', 429, { 'retry-after': '1' }),
  unauthenticated: (problem: AuthenticationProblem, challenge: string) =>
    refusal(401, wrongKeys[problem], 401, { 'www-authenticate': challenge }),
  actor: (challenge: string) =>
    refusal(401, 'The x-parley-actor header is not one that the mesh gave to this agent, or it has expired.', 401, {
      'www-authenticate': challenge,
    }),
  origin: (message: string) => refusal(403, message),
  noEndpoint: (name: string) => refusal(404, `There is no MCP endpoint of the name ${JSON.stringify(name)}.`),
  noSession: () => refusal(404, 'Session not found: begin a new one with initialize.'),
  sessionWanted: () => refusal(400, 'The Mcp-Session-Id header is required.', INVALID_REQUEST),
  notAllowed: (allow: string) => refusal(405, 'The method is not allowed.', 405, { allow }),
  mediaType: () => refusal(415, 'The body must be application/json, without an encoding.'),
  bodyTooLarge: (bytes: number) => refusal(413, `The body is larger than ${bytes} bytes.`),
  notJson: () => refusal(400, 'Parse error: the body is not valid JSON.', PARSE_ERROR),
  notMessage: () => refusal(400, 'Invalid request: the body is not a JSON-RPC 2.0 message.', INVALID_REQUEST),
  batch: () => refusal(400, 'Invalid request: a body is one message, not a batch.', INVALID_REQUEST),
  header: (name: string, expected: string) =>
    refusal(400, `Invalid header ${name}: expected ${expected}.`, INVALID_REQUEST),
  logUnavailable: () => refusal(503, logUnavailable().message, 503, { 'retry-after': '2' }),
  internal: () => refusal(500, 'Internal error', INTERNAL),
};

type Id = string | number | null;

export const bodyOf = ({ code, message }: Pick<Refusal, 'code' | 'message'>, id: Id = null): string =>
  JSON.stringify({ jsonrpc: '2.0', error: { code, message }, id });

/** What the HTTP server turns away by itself. */
export const refusalOfHttp = ({ status, message }: HttpProblem, bodyBytes: number): Refusal =>
  status === 413 ? refusals.bodyTooLarge(bodyBytes) : { status, code: status === 500 ? INTERNAL : status, message };

/** The id of a JSON-RPC request, where it has one. */
export const idOf = (body: unknown): Id => {
  const { id } = (typeof body === 'object' && body !== null ? body : {}) as { id?: unknown };
  return typeof id === 'string' || typeof id === 'number' ? id : null;
};

export const errorOf = (error: unknown): { code: number; message: string; data?: unknown } => {
  const { code, message, data } = error instanceof McpProblem ? error : internal();
  return { code, message, ...(data === undefined ? {} : { data }) };
};
