import { about, firstOfEach, groupedBy, invariant, ofTypes } from './reading.ts';

/** What a response used is counted once. */
export const usageOnce = invariant('usage once', function* ({ records, mayBeOpen }) {
  const events = firstOfEach(records);
  const usage = groupedBy(ofTypes(events, 'UsageRecorded'), (event) => event.causationId);
  const responses = ofTypes(events, 'ResponseCompleted', 'ResponseFailed');
  for (const response of responses) {
    const used = response.type === 'ResponseCompleted' || Object.keys(response.data.meters).length > 0;
    const counted = usage.get(response.id)?.length ?? 0;
    if (counted > 1) yield about(response, `what it used is counted ${counted} times`);
    if (used && counted === 0 && !mayBeOpen) yield about(response, 'what it used is not counted');
    if (!used && counted > 0) yield about(response, 'it used nothing, and usage is counted');
  }
  const known = new Set(responses.map(({ id }) => id));
  for (const [cause, [event]] of usage)
    if (!known.has(cause)) yield about(event!, 'usage is counted of a response that is not in the log');
});
