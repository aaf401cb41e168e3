/** Calls of tools under idempotency keys: one is performed once, and whoever repeats it is told what came of it. */
import { hash } from 'node:crypto';
import type { EffectSettled, Request } from '../../../schemas/generated.ts';
import type { Asker } from '../../runtime/ask.ts';
import { conversationOf } from '../../runtime/edge/conversation.ts';
import { headerOf } from '../../runtime/edge/headers.ts';
import {
  conversationUnder,
  type IdempotencyKeys,
  isIdempotencyKey,
  requestUnder,
  scopeOf,
} from '../../runtime/edge/idempotency.ts';
import { createAskUnderKey, type KeyedCall, type Listening } from '../../runtime/edge/idempotency-asking.ts';
import { inWords } from '../../runtime/edge/idempotency-outcome.ts';
import type { Log } from '../../runtime/log.ts';
import { isModern, isQuestion, type McpQuestion, readChunk, withdrawnBy } from '../../runtime/mcp/message.ts';
import { type HeardEvent, heardTopics, heardTypes } from './events.ts';
import { invalidParams, keyReused, tooManyReplays } from './problems.ts';
import { KEY_META, SOURCE, type Speaker } from './request.ts';
import type { Visit } from './visit.ts';

const HEADER = 'idempotency-key';
const FORM = '1 to 255 printable ASCII characters';

/** What a call is under. */
export interface Key {
  scope: string;
  listening: Listening;
}

const keyIn = ({ request }: Visit, params: unknown): string | undefined => {
  const header = headerOf(request.headers, HEADER);
  const { _meta } = (params ?? {}) as { _meta?: Record<string, unknown> };
  const member = _meta?.[KEY_META];
  if (header !== undefined && !isIdempotencyKey(header)) throw invalidParams(`Invalid ${HEADER}: expected ${FORM}.`);
  if (member === undefined) return header;
  if (typeof member !== 'string' || !isIdempotencyKey(member))
    throw invalidParams(`Invalid params: _meta: ${KEY_META}: expected ${FORM}.`);
  if (header !== undefined && header !== member)
    throw invalidParams(`Invalid params: _meta: ${KEY_META} is not what the ${HEADER} header says.`);
  return member;
};

/** A call that a server answered with its questions is made again with their answers: the key is the whole call's. */
const ofRound = (scope: string, params: unknown): string => {
  const { requestState, inputResponses } = (params ?? {}) as Record<string, unknown>;
  if (requestState === undefined && inputResponses === undefined) return scope;
  return hash('sha256', JSON.stringify([scope, requestState, inputResponses]), 'hex');
};

/**
 * The key of a call, where it has one; the visit is then to the conversation and the request that follow from it.
 * @param speaker of a session: its conversation is the session.
 * @param now milliseconds since the epoch.
 * @throws McpProblem where what was given is none.
 */
export const underKey = (
  visit: Visit,
  method: string,
  params: unknown,
  { protocolVersion }: Speaker,
  now: number,
): Key | undefined => {
  const key = method === 'tools/call' ? keyIn(visit, params) : undefined;
  if (key === undefined) return undefined;
  const { subject } = visit.caller.credential;
  const scope = ofRound(scopeOf(subject, key), params);
  const isOfNone = visit.contextId === conversationOf(subject.tenant, undefined, visit.requestId);
  if (isModern(protocolVersion) && isOfNone)
    visit.contextId = conversationOf(subject.tenant, undefined, conversationUnder(scope))!;
  visit.requestId = requestUnder(scope, visit.contextId, now);
  return { scope, listening: { requestId: visit.requestId, replayed: false } };
};

const isEnd = ({ type }: HeardEvent): boolean =>
  type !== 'RequestPermitted' && type !== 'ResponseChunk' && type !== 'InputProvided';

const questionIn = (event: HeardEvent): McpQuestion | undefined => {
  if (event.type !== 'ResponseChunk') return undefined;
  const chunk = readChunk(event.data.payload);
  return isQuestion(chunk) ? chunk : undefined;
};

const withdrawnIn = (event: HeardEvent): string | undefined =>
  event.type === 'ResponseChunk' ? withdrawnBy(readChunk(event.data.payload)) : undefined;

/**
 * Of what was said before a call was repeated: how it ended, or what its server waits to be answered. What its client was told
 * along the way is past.
 */
export const stillToTell = (events: readonly HeardEvent[]): HeardEvent[] => {
  const answered = new Set(events.flatMap((e) => (e.type === 'InputProvided' ? [e.data.inputId] : [])));
  const attempt = Math.max(0, ...events.map((e) => (e.type === 'ResponseChunk' ? e.data.attempt : 0)));
  const withdrawn = new Set(events.flatMap((e) => withdrawnIn(e) ?? []));
  const isOver = events.some(isEnd);
  const waits = (event: HeardEvent) => {
    if (isOver || event.type !== 'ResponseChunk' || event.data.attempt < attempt) return false;
    const question = questionIn(event);
    return question !== undefined && !answered.has(question.id) && !withdrawn.has(question.id);
  };
  return events.filter((event) => event.type === 'RequestPermitted' || isEnd(event) || waits(event));
};

export type AskUnderKey = ReturnType<typeof createAsking>;

/** @param log with bounded appends. */
export const createAsking = (
  log: Log,
  asker: Asker<(typeof heardTypes)[number]>,
  keys: IdempotencyKeys,
  now: () => number,
) => {
  const ask = createAskUnderKey({
    ...{ source: SOURCE, log, asker, keys, now },
    topics: heardTopics,
    types: heardTypes,
    past: stillToTell,
    refusals: { mismatch: keyReused, tooManyReplays },
  });

  /**
   * What follows from a call under a key; the visit is to the request that it is. A session is no part of what a call is: its
   * client has another one after a restart.
   * @param received the event that the call is, under a request id.
   */
  return async function* (
    visit: Visit,
    { protocolVersion }: Speaker,
    { scope, listening }: Key,
    received: KeyedCall['received'],
    stated: () => void,
    signal: AbortSignal,
  ): AsyncGenerator<HeardEvent> {
    const { requestId } = listening;
    const { request } = received(requestId, now()).data;
    const { contextId, fingerprint, protocol, repeatable } = request;
    const isSame = (other: Pick<Request, 'fingerprint' | 'contextId'>) =>
      other.fingerprint === fingerprint && (!isModern(protocolVersion) || other.contextId === contextId);
    const call: KeyedCall = {
      ...{ scope, requestId, contextId, fingerprint, protocol, repeatable, received, isSame },
      traceparent: visit.traceparent,
      // Its parts are said beside the result, and are no part of it.
      streaming: false,
      stored: () => {
        if (listening.requestId === requestId) stated();
      },
    };
    for await (const event of ask(call, listening, signal)) {
      visit.requestId = listening.requestId;
      yield event;
    }
  };
};

type Result = Record<string, unknown>;

const REPLAYED = { 'parley/replayed': true };

/** A result that was given before, marked as that. */
export const replayedResult = (result: Result): Result => ({
  ...result,
  _meta: { ...(result._meta as object | undefined), ...REPLAYED },
});

/** What is known of a call that took effect, though its result never came. */
export const settledResult = (settlement: EffectSettled): Result => ({
  content: [{ type: 'text', text: `${inWords(settlement)}. Its result is not known.` }],
  isError: false,
  _meta: REPLAYED,
});
