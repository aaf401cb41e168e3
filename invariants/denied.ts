import type { LoggedRecord } from './evidence.ts';
import { about, firstOfEach, invariant, isBefore, ofTypes } from './reading.ts';

/** What was denied, or not decided, is never routed. Of decisions on one request the first in the log counts. */
export const onlyPermittedRouted = invariant('only permitted routed', function* ({ records }) {
  const events = firstOfEach(records);
  const decisions = new Map<string, LoggedRecord>();
  for (const decision of ofTypes(events, 'RequestPermitted', 'RequestDenied')) {
    const known = decisions.get(decision.correlationId);
    if (!known || isBefore(decision, known)) decisions.set(decision.correlationId, decision);
  }
  for (const routed of ofTypes(events, 'RequestDispatched', 'RequestUnroutable')) {
    const decision = decisions.get(routed.correlationId);
    if (!decision) yield about(routed, `${routed.type} of a request that was not decided on`);
    else if (decision.type === 'RequestDenied') yield about(routed, `${routed.type} of a request that was denied`);
    else if (isBefore(routed, decision)) yield about(routed, `${routed.type} before it was permitted`);
  }
});
