/** What the mesh answers where A2A has no error of its own for it, in the forms of its three bindings. */
import {
  A2AError,
  fromJsonRpcErrorResponse,
  InvalidAgentResponseError,
  RequestMalformedError,
  UnsupportedOperationError,
} from '@a2a-js/sdk/errors';
import { GRPC_STATUS_CODE } from '@a2a-js/sdk/errors/grpc';
import type { DenialReason, Failure, FailureReason } from '../../../schemas/generated.ts';
import { isLogUnavailable, RuntimeError } from '../../runtime/errors.ts';
import { TooSlow } from '../view/changes.ts';

const kinds = {
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  REQUEST_TOO_LARGE: 413,
  RESOURCE_EXHAUSTED: 429,
  INTERNAL: 500,
  BAD_GATEWAY: 502,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
} as const;
export type ErrorKind = keyof typeof kinds;

type JSONRPCError = Parameters<typeof fromJsonRpcErrorResponse>[0]['error'];

/** google.rpc.Code (AIP-193). */
type StatusName = keyof typeof GRPC_STATUS_CODE;
const statusNames: Partial<Record<ErrorKind, StatusName>> = {
  REQUEST_TOO_LARGE: 'INVALID_ARGUMENT',
  BAD_GATEWAY: 'UNAVAILABLE',
};

const DOMAIN = 'parley';
/** The only code that JSON-RPC 2.0 leaves to servers and A2A does not use (-32001 to -32099). */
export const JSON_RPC_CODE = -32_000;

export class MeshError extends A2AError {
  override reason: string;
  readonly kind: ErrorKind;
  /** HTTP's. */
  readonly statusCode: number;
  /** google.rpc.Code by name, and by number as gRPC says it. */
  readonly statusName: StatusName;
  readonly status: number;
  /** Which binding it is thrown into: each takes the code from another field. */
  transport: 'rest' | 'grpc' | undefined;

  /** @param reason for a program, upper case; @param message for a person: no secret, nothing of others. */
  constructor(kind: ErrorKind, reason: string, message: string) {
    super({ message });
    this.kind = kind;
    this.reason = reason;
    this.statusCode = kinds[kind];
    this.statusName = statusNames[kind] ?? (kind as StatusName);
    this.status = GRPC_STATUS_CODE[this.statusName];
  }

  override toErrorInfo(): ReturnType<A2AError['toErrorInfo']> {
    // Typed as A2A's, whose reasons these are not.
    return { ...super.toErrorInfo(), domain: DOMAIN as never };
  }
}

export const isMeshErrorInfo = (detail: unknown): boolean =>
  typeof detail === 'object' && detail !== null && (detail as { domain?: unknown }).domain === DOMAIN;

const denials: Record<DenialReason, ErrorKind> = {
  UNSPECIFIED: 'PERMISSION_DENIED',
  NOT_CONFIGURED: 'UNAVAILABLE',
  NO_ACCOUNTABLE_PERSON: 'PERMISSION_DENIED',
  RESOURCE_UNKNOWN: 'NOT_FOUND',
  ACTION_UNSUPPORTED: 'PERMISSION_DENIED',
  POLICY: 'PERMISSION_DENIED',
  AGENT_CYCLE: 'PERMISSION_DENIED',
  NOT_APPROVED: 'PERMISSION_DENIED',
  UNDECLARED: 'PERMISSION_DENIED',
  TOO_DEEP: 'PERMISSION_DENIED',
};

/** @param why the decision's. */
export const errorOfDenial = (reason: DenialReason, why: string): Error =>
  reason === 'ACTION_UNSUPPORTED'
    ? new UnsupportedOperationError(`Denied: ${why}.`)
    : new MeshError(denials[reason], reason, `Denied: ${why}.`);

const failures: Partial<Record<FailureReason, ErrorKind>> = {
  CONNECT_FAILED: 'UNAVAILABLE',
  CONNECT_TIMEOUT: 'UNAVAILABLE',
  MISCONFIGURED: 'UNAVAILABLE',
  RATE_LIMITED: 'RESOURCE_EXHAUSTED',
  FIRST_BYTE_TIMEOUT: 'DEADLINE_EXCEEDED',
  IDLE_TIMEOUT: 'DEADLINE_EXCEEDED',
  DEADLINE_EXCEEDED: 'DEADLINE_EXCEEDED',
};

/** The error that the agent itself answered with: kept in the log as JSON-RPC words it. */
const agentsOwn = (body: Failure['body']): Error | undefined => {
  try {
    const error = JSON.parse(body?.toString() ?? '') as JSONRPCError;
    const own = fromJsonRpcErrorResponse({ jsonrpc: '2.0', id: null, error });
    return own.name === 'JsonRpcTransportError' ? undefined : own;
  } catch {
    return undefined;
  }
};

export const errorOfFailure = ({ reason, message, body }: Pick<Failure, 'reason' | 'message' | 'body'>): Error => {
  if (reason === 'BAD_RESPONSE' || reason === 'RESPONSE_TOO_LARGE') return new InvalidAgentResponseError(message);
  if (reason === 'REQUEST_REFUSED') return agentsOwn(body) ?? new RequestMalformedError(message);
  return new MeshError(failures[reason] ?? 'BAD_GATEWAY', reason, message);
};

export const meshProblems = {
  notConfigured: () =>
    new MeshError('UNAVAILABLE', 'NOT_CONFIGURED', 'The mesh has no configuration yet. Try again shortly.'),
  stopping: () =>
    new MeshError('UNAVAILABLE', 'STOPPING', 'This server is stopping. Connect again; the task goes on by itself.'),
  left: () => new MeshError('UNAVAILABLE', 'CLIENT_LEFT', 'The client has left. The task goes on by itself.'),
  tooMany: () =>
    new MeshError('RESOURCE_EXHAUSTED', 'TOO_MANY_REQUESTS', 'Too many calls are in flight. Try again shortly.'),
  unauthenticated: (message: string) => new MeshError('UNAUTHENTICATED', 'UNAUTHENTICATED', message),
  noAgent: (agent: string) => new MeshError('NOT_FOUND', 'AGENT_NOT_FOUND', `There is no agent ${agent}.`),
  noCard: (agent: string) =>
    new MeshError('NOT_FOUND', 'CARD_NOT_FOUND', `Agent ${agent} has not published a card yet.`),
  noPath: (method: string, path: string) =>
    new MeshError('NOT_FOUND', 'NOT_FOUND', `Nothing is served at ${method} ${path}.`),
  tooLarge: (bytes: number) =>
    new MeshError('REQUEST_TOO_LARGE', 'REQUEST_TOO_LARGE', `The request body is larger than ${bytes} bytes.`),
};

/** Whatever went wrong, as it may be told to a client. */
export const errorForClient = (error: unknown): Error => {
  if (error instanceof A2AError) return error;
  if (isLogUnavailable(error))
    return new MeshError(
      'UNAVAILABLE',
      'LOG_UNAVAILABLE',
      'The mesh cannot record the call just now. Try again shortly.',
    );
  if (error instanceof RuntimeError && error.code === 'PARLEY_TOO_LARGE')
    return new MeshError('REQUEST_TOO_LARGE', 'REQUEST_TOO_LARGE', 'The message is larger than the mesh can record.');
  if (error instanceof TooSlow) return new MeshError('RESOURCE_EXHAUSTED', 'TOO_SLOW', error.message);
  return new MeshError('INTERNAL', 'INTERNAL', 'The mesh failed to serve the call.');
};
