import type { FailureReason } from '../schemas/generated.ts';
import { about, firstOfEach, groupedBy, invariant, ofTypes } from './reading.ts';

/** The upstream said, or it is known, that nothing was performed. */
const nothingPerformed: ReadonlySet<FailureReason> = new Set([
  'CONNECT_FAILED',
  'CONNECT_TIMEOUT',
  'RATE_LIMITED',
  'MISCONFIGURED',
]);
/** Overloaded: said before anything was done. */
const OVERLOADED = 529;

/** A call that is not safe to repeat reaches an upstream once, and again only where the one before performed nothing. */
export const atMostOnce = invariant('at most once', function* ({ records, calls }) {
  const events = firstOfEach(records);
  const dispatches = ofTypes(events, 'RequestDispatched').filter(({ data }) => !data.request.repeatable);
  const byDispatch = groupedBy(calls, (call) => call.dispatchId);
  const harmless = new Set(
    ofTypes(events, 'AttemptFailed')
      .filter(({ data: { failure } }) => nothingPerformed.has(failure.reason) || failure.status === OVERLOADED)
      .map((event) => event.causationId),
  );
  for (const dispatch of dispatches) {
    const own = byDispatch.get(dispatch.id)?.length ?? 0;
    if (own > 1) yield about(dispatch, `attempt ${dispatch.data.attempt} reached the upstream ${own} times`);
  }
  const performed = calls.filter(({ requestId, refused }) => requestId !== undefined && !refused);
  const byRequest = groupedBy(performed, ({ requestId }) => requestId!);
  for (const [requestId, [dispatch]] of groupedBy(dispatches, (one) => one.correlationId)) {
    const own = byRequest.get(requestId)?.length ?? 0;
    if (own > 1) yield about(dispatch!, `it was performed ${own} times`);
  }
  for (const attempts of groupedBy(dispatches, (dispatch) => dispatch.correlationId).values()) {
    const reached = attempts.filter(({ id }) => byDispatch.has(id)).toSorted((a, b) => a.data.attempt - b.data.attempt);
    for (const [i, attempt] of reached.slice(0, -1).entries())
      if (!harmless.has(attempt.id))
        yield about(
          attempt,
          `attempt ${attempt.data.attempt} may have been performed, and attempt ${reached[i + 1]!.data.attempt} was made`,
        );
  }
});

/** What is asked for again under its idempotency key, of any replica, is performed once. */
export const onceUnderAKey = invariant('once under a key', function* ({ calls }) {
  const performed = calls.filter(({ key, refused }) => key !== undefined && !refused);
  for (const [key, own] of groupedBy(performed, (call) => call.key!))
    if (own.length > 1) {
      const message = `${key} was performed ${own.length} times`;
      yield { contextId: '', requestId: own[1]!.requestId ?? '', message };
    }
});
