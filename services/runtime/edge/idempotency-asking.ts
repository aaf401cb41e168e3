/** How an edge asks under idempotency keys: one request for a key, whoever asks, wherever and however often. */
import type { EffectSettled } from '../../../schemas/generated.ts';
import type { EventType } from '../../../topics/index.ts';
import type { Asker } from '../ask.ts';
import { derivedId } from '../event.ts';
import type { AnyRecorded, Event, Log } from '../log.ts';
import { type IdempotencyKeys, type KeyedRequest, keyUse } from './idempotency.ts';
import { afterEarlier } from './idempotency-outcome.ts';
import { type Replayed, replay, settlementOf, wasBegun } from './idempotency-replay.ts';

/** A replay reads the log for itself: more than these at a time are turned away. */
const MAX_REPLAYS = 32;

/** A call under a key. */
export interface KeyedCall {
  scope: string;
  /** The request that it is where the key names none. */
  requestId: string;
  contextId: string;
  fingerprint: string;
  protocol: string;
  repeatable: boolean;
  /** Whether parts of its answer are shown as they come: an answer that has begun is told to its end. */
  streaming: boolean;
  traceparent: string;
  /** Whether another request is this very call. */
  isSame(other: { fingerprint: string; contextId: string }): boolean;
  /** The event that the call is, under this request id. */
  received(requestId: string, time: number): Event<'RequestReceived'>;
  /** Told the offset of its RequestReceived, once that is durable. */
  stored?(offset: number): void;
}

export interface Listening {
  /** The request that the call is now. */
  requestId: string;
  /** What was appended for it by this call, the answer of which it would cancel; undefined where it only listens. */
  stated?: Event<'RequestReceived'> | undefined;
  /** Whether the answer is that of an earlier call. */
  replayed: boolean;
  /** Set before the end of an earlier call is told that took effect, as somebody found out, though the mesh could not know. */
  settlement?: EffectSettled | undefined;
}

/** Above all what says whether a request was performed. RequestPermitted says which body was let through. */
type Needed =
  | 'RequestPermitted'
  | 'RequestDenied'
  | 'RequestUnroutable'
  | 'ResponseChunk'
  | 'ResponseCompleted'
  | 'ResponseFailed';

export interface Keyed<T extends EventType> extends Replayed<T> {
  source: string;
  /** With bounded appends. */
  log: Log;
  asker: Asker<T>;
  keys: IdempotencyKeys;
  now(): number;
  /** What is thrown. */
  refusals: {
    /** The key names another call. */
    mismatch(): Error;
    tooManyReplays(): Error;
  };
}

/**
 * States a call, or finds the earlier one that its key names, and yields what follows from it. The caller stops at the event
 * that answers it.
 * @throws a refusal; the signal's reason once it is aborted; PARLEY_LOG_UNAVAILABLE.
 */
export type AskUnderKey<T extends EventType> = (
  call: KeyedCall,
  listening: Listening,
  signal: AbortSignal,
) => AsyncGenerator<AnyRecorded<T>>;

export const createAskUnderKey = <T extends EventType>(
  mesh: [Needed] extends [T] ? Keyed<T> : never,
): AskUnderKey<T> => {
  const { source, log, asker, keys, now, refusals } = mesh;
  let replays = 0;

  /**
   * Passes events on once policy has let through this very body. Two edges that get one key with two bodies at the same time
   * state one request id; policy takes the first, and both hear its answer.
   */
  async function* ofThisBody(events: AsyncIterable<AnyRecorded<T>>, call: KeyedCall): AsyncGenerator<AnyRecorded<T>> {
    const held: AnyRecorded<T>[] = [];
    let permitted = false;
    for await (const heard of events) {
      const event = heard as AnyRecorded;
      if (event.type === 'RequestPermitted' && !permitted) {
        const { request } = event.data;
        if (!call.isSame(request) || request.protocol !== call.protocol) throw refusals.mismatch();
        permitted = true;
        yield* held.splice(0);
      } else if (permitted || event.type === 'RequestDenied') yield heard;
      // Another topic may be read ahead of policy's.
      else held.push(heard);
    }
  }

  const state = (call: KeyedCall, listening: Listening, requestId: string): Event<'RequestReceived'> => {
    const event = call.received(requestId, now());
    Object.assign(listening, { requestId, stated: event, replayed: false });
    return event;
  };

  async function* replayed(request: KeyedRequest, call: KeyedCall, listening: Listening, signal: AbortSignal) {
    if (replays >= MAX_REPLAYS) throw refusals.tooManyReplays();
    replays += 1;
    // The key is in the log and its request is not: their append broke in two. The same event again does no harm.
    const silent = () => {
      const again = log.append([state(call, listening, request.requestId)], signal);
      again.then(([offset]) => call.stored?.(offset!)).catch(() => {});
    };
    try {
      yield* replay(log, request, mesh, signal, silent);
    } finally {
      replays -= 1;
    }
  }

  async function* askWithKey(call: KeyedCall, requestId: string, listening: Listening, signal: AbortSignal) {
    const request = state(call, listening, requestId);
    const use = keyUse(source, call, requestId, now());
    const contest = new AbortController();
    keys.note(use, () => contest.abort('CONTESTED'));
    try {
      const either = AbortSignal.any([signal, contest.signal]);
      yield* asker.ask([use, request], requestId, either, ([, offset]) => call.stored?.(offset!));
    } catch (error) {
      keys.forget(use);
      if (signal.aborted || !contest.signal.aborted) throw error;
      // Another edge stated it first: its client waits too, and what it led to may have been said before this one listened.
      listening.stated = undefined;
      yield* replayed({ ...use.data, usedAt: use.time }, call, listening, signal);
    }
  }

  /** Yields what an earlier call led to, until it is clear that another is to be made. */
  async function* earlier(known: KeyedRequest, call: KeyedCall, listening: Listening, signal: AbortSignal) {
    if (!call.isSame(known)) throw refusals.mismatch();
    Object.assign(listening, { requestId: known.requestId, replayed: true });
    const look = { begun: () => wasBegun(log, known, signal), settled: () => settlementOf(log, known, signal) };
    let shown = false;
    for await (const event of ofThisBody(replayed(known, call, listening, signal), call)) {
      const next = shown ? 'told' : await afterEarlier(event as AnyRecorded, call.repeatable, look);
      if (next === 'again') return;
      if (next !== 'told') listening.settlement = next;
      shown ||= event.type === 'ResponseChunk' && call.streaming;
      yield event;
    }
  }

  return async function* (call, listening, signal) {
    const { scope } = call;
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
    yield* ofThisBody(askWithKey(call, next, listening, signal), call);
  };
};
