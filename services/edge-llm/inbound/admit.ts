import type { IncomingMessage } from 'node:http';
import type { Configuration, Credential } from '../../runtime/configuration.ts';
import type { Admission } from '../../runtime/edge/admission.ts';
import { type AuthenticationProblem, challengeOf } from '../../runtime/edge/authentication.ts';
import { answerOf, type ErrorAnswer, edgeProblems, type Problem } from '../openai/errors.ts';
import { problemOfKey } from './problems.ts';

/** The 401 of a caller that could not be identified. */
export const answerOfUnauthenticated = (problem: AuthenticationProblem): ErrorAnswer => {
  const answer = answerOf(problemOfKey(problem));
  return { ...answer, headers: { ...answer.headers, 'www-authenticate': challengeOf(problem) } };
};

const JSON_TYPE = /^application\/json *(?:;|$)/i;

/** What is wrong with a body, as far as its headers tell. */
const bodyProblem = ({ headers }: IncomingMessage, limitBytes: number): Problem | undefined => {
  const { 'content-type': type, 'content-encoding': encoding } = headers;
  if (Number(headers['content-length'] ?? 0) > limitBytes) return edgeProblems.bodyTooLarge(limitBytes);
  if (type !== undefined && !JSON_TYPE.test(type)) return edgeProblems.unsupportedMediaType(type);
  if (encoding !== undefined && encoding !== 'identity')
    return edgeProblems.unsupportedMediaType(`application/json, ${encoding}`);
  return undefined;
};

/**
 * Counts a call in, or says why it is turned away: before its body is read.
 * Who is counted in leaves through `admission.leave`.
 */
export const admit = (
  request: IncomingMessage,
  credential: Credential,
  limits: Configuration['limits'],
  admission: Admission,
): Problem | undefined => {
  const problem = bodyProblem(request, limits.bodyBytes);
  if (problem) return problem;
  const crowded = admission.enter(credential.id, limits);
  if (crowded === 'process') return edgeProblems.tooManyInFlight();
  if (crowded === 'credential') return edgeProblems.tooManyInFlightForCredential();
  return undefined;
};
