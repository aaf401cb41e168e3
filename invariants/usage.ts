import type { LoggedRecord, Of } from './reading.ts';
import { about, firstOfEach, groupedBy, invariant, isReadable, ofTypes } from './reading.ts';

type Response = Of<'ResponseCompleted' | 'ResponseFailed'>;

const usesSomething = (response: Response): boolean =>
  response.type === 'ResponseCompleted' || Object.keys(response.data.meters).length > 0;

/**
 * What a response used is counted once. Of several ends of one request the first counts; what a later one used may be counted in
 * its stead where the first used nothing.
 */
export const usageOnce = invariant('usage once', function* ({ records, mayBeOpen }) {
  const events = firstOfEach(records);
  const usage = groupedBy(ofTypes(events, 'UsageRecorded'), (event) => event.causationId);
  const readable: LoggedRecord[] = records.filter(isReadable);
  const responses = ofTypes(readable, 'ResponseCompleted', 'ResponseFailed');
  const used = new Set(responses.filter(usesSomething).map(({ id }) => id));
  for (const response of ofTypes(events, 'ResponseCompleted', 'ResponseFailed')) {
    const counted = usage.get(response.id)?.length ?? 0;
    if (counted > 1) yield about(response, `what it used is counted ${counted} times`);
    if (usesSomething(response) && counted === 0 && !mayBeOpen) yield about(response, 'what it used is not counted');
    if (!used.has(response.id) && counted > 0) yield about(response, 'it used nothing, and usage is counted');
  }
  const known = new Set(responses.map(({ id }) => id));
  for (const [cause, [event]] of usage)
    if (!known.has(cause)) yield about(event!, 'usage is counted of a response that is not in the log');
});
