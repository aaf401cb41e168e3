import type { IncomingHttpHeaders } from 'node:http';
import type { Configuration, Credential } from '../../runtime/configuration.ts';
import { conversationOf } from '../../runtime/edge/conversation.ts';
import { headerOf, timeoutOf } from '../../runtime/edge/headers.ts';
import { conversationUnder, isIdempotencyKey, requestUnder, scopeOf } from '../../runtime/edge/idempotency.ts';
import { newId } from '../../runtime/event.ts';
import type { Problem } from '../openai/errors.ts';
import { inboundProblems } from './problems.ts';

/** What the headers of an authenticated call say. */
export interface CallHeaders {
  requestId: string;
  contextId: string;
  /** Whether the caller named it: only then can a later call belong to it. */
  named: boolean;
  /** How long the caller waits at most, milliseconds. */
  timeoutMs: number;
  /** Where the caller gave an idempotency key: what it is unique within. */
  scope?: string;
}

/**
 * Reads the headers of a call. With an idempotency key the ids of conversation and request follow from it.
 * @param now milliseconds since the epoch.
 * @param inCourseOf the conversation of the task that the caller works on, where it showed that it does.
 */
export const readHeaders = (
  headers: IncomingHttpHeaders,
  { subject }: Credential,
  limits: Configuration['limits'],
  now: number,
  inCourseOf?: string,
): { call: CallHeaders; problem?: undefined } | { problem: Problem; call?: Partial<CallHeaders> } => {
  const key = headerOf(headers, 'idempotency-key');
  const isKey = key !== undefined && isIdempotencyKey(key);
  const scope = isKey ? scopeOf(subject, key) : undefined;

  const fresh = newId(now);
  // A call of no conversation is one of its own.
  const made = scope === undefined ? fresh : conversationUnder(scope);
  const given = headerOf(headers, 'x-conversation-id');
  const contextId = given === undefined && inCourseOf ? inCourseOf : conversationOf(subject.tenant, given, made);
  if (contextId === undefined) return { problem: inboundProblems.conversationId() };
  const refuse = (problem: Problem) => ({ problem, call: { contextId } });
  if (key !== undefined && !isKey) return refuse(inboundProblems.idempotencyKey());

  const timeoutMs = timeoutOf(headerOf(headers, 'x-request-timeout-ms'), limits);
  if (timeoutMs === undefined) return refuse(inboundProblems.timeout());

  const requestId = scope === undefined ? fresh : requestUnder(scope, contextId, now);
  const named = given !== undefined;
  return { call: { requestId, contextId, named, timeoutMs, ...(scope === undefined ? {} : { scope }) } };
};
