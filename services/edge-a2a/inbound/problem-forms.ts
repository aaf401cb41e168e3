/** Errors that the SDK does not see, or words poorly, in the forms of the HTTP bindings. */
import { A2A_CONTENT_TYPE } from '@a2a-js/sdk';
import { A2A_ERROR_CODE, restStatusFor, toJsonRpcError, toRestErrorBody } from '@a2a-js/sdk/errors';
import type { Response } from 'express';
import { z } from 'zod';
import type { HttpProblem } from '../../runtime/http.ts';
import { isMeshErrorInfo, JSON_RPC_CODE, MeshError, meshProblems } from './errors.ts';

export type Form = 'jsonrpc' | 'rest';

type Body = { error?: { code?: number; status?: string; data?: unknown[]; details?: unknown[] } };

const names: Record<number, string> = {
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  413: 'INVALID_ARGUMENT',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

/** What the SDK calls UNKNOWN, or an internal error, because it is none of A2A's. */
export const reworded = <T>(body: T): T => {
  const error = (body as Body | null)?.error;
  if (error?.details?.some(isMeshErrorInfo)) error.status = names[error.code ?? 500] ?? 'UNKNOWN';
  if (error?.data?.some(isMeshErrorInfo)) error.code = JSON_RPC_CODE;
  return body;
};

/** Status, type and body of an answer that is an error. @param status by default the error's own. */
export const problemIn = (form: Form, error: Error): { status: number; type: string; body: object } => {
  if (error instanceof MeshError) error.transport = form === 'rest' ? 'rest' : undefined;
  if (form === 'rest') {
    const status = restStatusFor(error);
    return { status, type: A2A_CONTENT_TYPE, body: reworded(toRestErrorBody(error, status)) };
  }
  const status = error instanceof MeshError ? error.statusCode : 200;
  return {
    status,
    type: 'application/json',
    body: reworded({ jsonrpc: '2.0', id: null, error: toJsonRpcError(error) }),
  };
};

/** JSON-RPC 2.0, 5.1: it could not be read, so it has no id. */
export const parseError = {
  jsonrpc: '2.0',
  id: null,
  error: { code: A2A_ERROR_CODE.PARSE_ERROR, message: 'Invalid JSON payload.' },
};

const requestObject = z.object({
  jsonrpc: z.literal('2.0'),
  method: z.string().min(1),
  id: z.union([z.string(), z.number(), z.null()]).optional(),
});

/** What is wrong with a body that is no request object (JSON-RPC 2.0, 4); the SDK says that its parameters are wrong. */
export const invalidRequest = (body: unknown): object | undefined => {
  if (requestObject.safeParse(body).success) return undefined;
  const id = requestObject.shape.id.safeParse((body as { id?: unknown } | null)?.id);
  const error = { code: A2A_ERROR_CODE.INVALID_REQUEST, message: 'Invalid JSON-RPC Request.' };
  return { jsonrpc: '2.0', id: id.data ?? null, error };
};

/** Every body that is written with `json` passes `reworded`. */
export const rewording = (response: Response): void => {
  const json = response.json.bind(response);
  response.json = (body: unknown) => json(reworded(body));
};

/** What the HTTP server turns away by itself: before it is known which binding is meant. */
export const bodyOfHttp = ({ status, message, method, path }: HttpProblem, bodyBytes: number): object => {
  if (status === 404) return problemIn('rest', meshProblems.noPath(method, path.slice(0, 256))).body;
  if (status === 413) return problemIn('rest', meshProblems.tooLarge(bodyBytes)).body;
  return { error: { code: status, status: names[status] ?? 'INVALID_ARGUMENT', message, details: [] } };
};
