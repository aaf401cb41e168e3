import type { AuthenticationProblem } from '../../runtime/edge/authentication.ts';
import type { HttpProblem } from '../../runtime/http.ts';
import { edgeProblems, type Problem } from '../openai/errors.ts';

const ofHeader = (header: string, message: string): Problem => ({
  status: 400,
  message: `Invalid header ${header}: ${message}`,
  type: 'invalid_request_error',
  param: header,
  code: 'invalid_header',
});

const ofServer = (status: number, code: string, message: string): Problem => ({
  status,
  message,
  type: 'server_error',
  param: null,
  code,
});

/** What an inbound edge turns away for reasons of its own, beside `edgeProblems`. */
export const inboundProblems = {
  conversationId: () => ofHeader('x-conversation-id', 'expected 1 to 128 characters of A-Z a-z 0-9 . _ : -'),
  idempotencyKey: () => ofHeader('idempotency-key', 'expected 1 to 255 printable ASCII characters.'),
  actor: () => ofHeader('x-parley-actor', 'it is not one that the mesh gave to this agent, or it has expired.'),
  timeout: () => ofHeader('x-request-timeout-ms', 'expected a positive whole number of milliseconds.'),
  // Not 401: the key was not judged. A client that hears 401 gives up; one that hears 503 tries again.
  notConfigured: (): Problem => ({
    ...ofServer(503, 'not_configured', 'The mesh has no configuration yet. Try again shortly.'),
    retryAfterMs: 2_000,
  }),
  deadline: () => ofServer(504, 'deadline_exceeded', 'The deadline of the request passed before it was served.'),
  brokenStream: () => ofServer(502, 'upstream_bad_response', 'Parts of the streamed answer are missing.'),
};

const keyProblems: Record<AuthenticationProblem, () => Problem> = {
  missing: edgeProblems.noKey,
  malformed: edgeProblems.noKey,
  unknown: edgeProblems.wrongKey,
  revoked: edgeProblems.revokedKey,
  expired: edgeProblems.expiredKey,
};

/** What a caller is told whose credential is no good. */
export const problemOfKey = (problem: AuthenticationProblem): Problem => keyProblems[problem]();

/** What the HTTP server turns away by itself, in OpenAI's words. */
export const problemOfHttp = ({ status, message, method, path }: HttpProblem, bodyBytes: number): Problem => {
  if (status === 404) return edgeProblems.notFound(method, path);
  if (status === 408) return edgeProblems.clientTimeout();
  if (status === 413) return edgeProblems.bodyTooLarge(bodyBytes);
  if (status === 431) return edgeProblems.headersTooLarge();
  if (status >= 500) return edgeProblems.internal();
  return { ...edgeProblems.malformedRequest(), status, message };
};
