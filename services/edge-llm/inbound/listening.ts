import type { Asker } from '../../runtime/ask.ts';
import { derivedId } from '../../runtime/event.ts';
import type { Event, Log } from '../../runtime/log.ts';
import { edgeProblems, type Problem } from '../openai/errors.ts';
import { type Call, keyUse, received } from './call.ts';
import type { AnswerEvent, answerTypes } from './events.ts';
import type { IdempotencyKeys, KeyedRequest } from './idempotency.ts';
import { makesNewCall } from './idempotency-outcome.ts';
import { replay, wasBegun } from './idempotency-replay.ts';

/** A call that is refused once it is known what became of an earlier one. */
export class CallRefused extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.message);
    this.problem = problem;
  }
}

/** A replay reads the log for itself: more than these at a time are turned away. */
const MAX_REPLAYS = 32;

export interface Listening {
  /** The request that the call is now. */
  requestId: string;
  /** What was appended for it by this call, the answer of which it would cancel; undefined where it only listens. */
  stated?: Event<'RequestReceived'> | undefined;
  /** Whether the answer is that of an earlier call. */
  replayed: boolean;
}

export interface Mesh {
  /** With bounded appends. */
  log: Log;
  asker: Asker<(typeof answerTypes)[number]>;
  keys: IdempotencyKeys;
  now(): number;
}

const same = (one: { fingerprint: string; contextId: string }, { asked }: Call) =>
  one.fingerprint === asked.fingerprint && one.contextId === asked.contextId;

/**
 * Passes events on once policy has let through this very body. Two edges that get one key with two bodies at the same time
 * state one request id; policy takes the first, and both hear its answer.
 * @throws CallRefused when it was another body, or the same at another endpoint.
 */
async function* ofThisBody(events: AsyncIterable<AnswerEvent>, call: Call): AsyncGenerator<AnswerEvent> {
  const held: AnswerEvent[] = [];
  let permitted = false;
  for await (const event of events) {
    if (event.type === 'RequestPermitted' && !permitted) {
      const { request } = event.data;
      if (!same(request, call) || request.protocol !== call.asked.protocol)
        throw new CallRefused(edgeProblems.idempotencyMismatch());
      permitted = true;
      yield* held.splice(0);
    } else if (permitted || event.type === 'RequestDenied') yield event;
    // Another topic may be read ahead of policy's.
    else held.push(event);
  }
}

/** How calls are stated and what follows from them is heard. */
export const createListener = (mesh: Mesh) => {
  const { log, asker, keys, now } = mesh;
  let replays = 0;

  const state = (call: Call, listening: Listening, requestId: string): Event<'RequestReceived'> => {
    const event = received(call, requestId, now());
    Object.assign(listening, { requestId, stated: event, replayed: false });
    return event;
  };

  async function* replayed(request: KeyedRequest, call: Call, listening: Listening, signal: AbortSignal) {
    if (replays >= MAX_REPLAYS) throw new CallRefused(edgeProblems.tooManyInFlight());
    replays += 1;
    // The key is in the log and its request is not: their append broke in two. The same event again does no harm.
    const silent = () => {
      const again = log.append([state(call, listening, request.requestId)], signal);
      again.then(([offset]) => call.stored(offset!)).catch(() => {});
    };
    try {
      yield* replay(log, request, signal, silent);
    } finally {
      replays -= 1;
    }
  }

  async function* askWithKey(call: Call, scope: string, requestId: string, listening: Listening, signal: AbortSignal) {
    const request = state(call, listening, requestId);
    const use = keyUse(call, scope, requestId, now());
    const contest = new AbortController();
    keys.note(use, () => contest.abort('CONTESTED'));
    try {
      const either = AbortSignal.any([signal, contest.signal]);
      yield* asker.ask([use, request], requestId, either, ([, offset]) => call.stored(offset!));
    } catch (error) {
      keys.forget(use);
      if (signal.aborted || !contest.signal.aborted) throw error;
      // Another edge stated it first: its client waits too, and what it led to may have been said before this one listened.
      listening.stated = undefined;
      yield* replayed({ ...use.data, usedAt: use.time }, call, listening, signal);
    }
  }

  /** Yields what an earlier call led to, until it is clear that it led to nothing. */
  async function* earlier(known: KeyedRequest, call: Call, listening: Listening, signal: AbortSignal) {
    if (!same(known, call)) throw new CallRefused(edgeProblems.idempotencyMismatch());
    Object.assign(listening, { requestId: known.requestId, replayed: true });
    const { repeatable, streaming } = call.asked;
    let shown = false;
    for await (const event of ofThisBody(replayed(known, call, listening, signal), call)) {
      if (!shown && (await makesNewCall(event, repeatable, () => wasBegun(log, known, signal)))) return;
      shown ||= event.type === 'ResponseChunk' && streaming;
      yield event;
    }
  }

  async function* withKey(call: Call, scope: string, listening: Listening, signal: AbortSignal) {
    let known = keys.get(scope);
    let next = call.requestId;
    while (known) {
      const { requestId } = known;
      yield* earlier(known, call, listening, signal);
      next = derivedId(requestId, 'again');
      known = keys.get(scope);
      // Else another call under this key has gone on from the same end.
      if (!known || known.requestId === requestId) break;
    }
    yield* ofThisBody(askWithKey(call, scope, next, listening, signal), call);
  }

  return {
    /**
     * States a call, or finds the earlier one that its idempotency key names, and yields what follows from it. The caller
     * stops at the event that answers it.
     * @throws CallRefused; the signal's reason once it is aborted; PARLEY_LOG_UNAVAILABLE.
     */
    listen: (call: Call, listening: Listening, signal: AbortSignal): AsyncGenerator<AnswerEvent> => {
      if (call.scope !== undefined) return withKey(call, call.scope, listening, signal);
      const request = state(call, listening, call.requestId);
      return asker.ask([request], call.requestId, signal, ([offset]) => call.stored(offset!));
    },
  };
};
