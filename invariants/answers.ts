import { invariant, ofTypes } from './reading.ts';

/** A client that was told an answer, whole, finds it in the log. */
export const answersLogged = invariant('answers logged', function* ({ records, answers }) {
  const completed = new Map(ofTypes(records, 'ResponseCompleted').map((event) => [event.correlationId, event]));
  for (const { requestId, status, whole } of answers)
    if (whole && status >= 200 && status < 300 && !completed.has(requestId)) {
      const message = `a client was told ${status} of it, and the log has no answer`;
      yield { contextId: '', requestId, message };
    }
});
