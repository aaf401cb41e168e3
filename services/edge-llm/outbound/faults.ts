/** What the refusal of a model's server comes to. */
import type * as mesh from '../../../schemas/generated.ts';
import { type Fault, faultOf } from '../../runtime/outbound/faults.ts';
import { scrub, scrubText } from '../../runtime/outbound/secrets.ts';
import { isOpenAIError } from '../openai/errors.ts';
import { retryAfterOf, returningHeaders } from '../openai/headers.ts';
import { isObject, parseObject } from '../openai/json.ts';

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
