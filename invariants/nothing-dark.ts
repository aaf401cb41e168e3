import type { LoggedRecord } from './evidence.ts';
import { about, firstOfEach, groupedBy, invariant, ofTypes } from './reading.ts';

/** No call reaches an upstream without its request, decision and dispatch in the log before it. */
export const nothingDark = invariant('nothing dark', function* ({ records, calls }) {
  const events = firstOfEach(records);
  const dispatches = new Map(ofTypes(events, 'RequestDispatched').map((event) => [event.id, event]));
  const byRequest = groupedBy(ofTypes(events, 'RequestReceived', 'RequestPermitted'), (event) => event.correlationId);
  const ofRequest = new Map([...dispatches.values()].toReversed().map((event) => [event.correlationId, event]));
  for (const { dispatchId, requestId, at, logged } of calls) {
    const dispatch = requestId === undefined ? dispatches.get(dispatchId) : ofRequest.get(requestId);
    if (!dispatch) {
      const known = requestId === undefined ? `x-client-request-id: ${dispatchId}` : `request: ${requestId || 'none'}`;
      const message = `a call at ${new Date(at).toISOString()} has no dispatch in the log (${known})`;
      yield { contextId: '', requestId: requestId ?? '', message };
      continue;
    }
    const isLogged = (record: LoggedRecord | undefined) =>
      record !== undefined && (logged === undefined || record.sequence === undefined || record.sequence < logged);
    const before = byRequest.get(dispatch.correlationId) ?? [];
    const needed = [
      ['request', before.find((event) => event.type === 'RequestReceived')],
      ['decision', before.find((event) => event.type === 'RequestPermitted')],
      ['dispatch', dispatch],
    ] as const;
    for (const [name, record] of needed)
      if (!isLogged(record)) yield about(dispatch, `a call was made before its ${name} was in the log`);
  }
});
