import { about, firstOfEach, groupedBy, invariant, ofTypes } from './reading.ts';
import { lastSnapshots } from './tasks.ts';

const outcomes = ['RequestDenied', 'RequestUnroutable', 'ResponseCompleted', 'ResponseFailed'] as const;

/** Every accepted request ends in exactly one outcome, or is visibly open: one of its events is a dead letter, or its turn of a task lasts. */
export const oneOutcome = invariant('one outcome', function* ({ records, mayBeOpen }) {
  const events = firstOfEach(records);
  const requests = ofTypes(events, 'RequestReceived');
  const ended = groupedBy(ofTypes(events, ...outcomes), (event) => event.correlationId);
  const dead = new Set(ofTypes(events, 'EventDeadLettered').map((event) => event.correlationId));
  const open = new Set([...lastSnapshots(records).values()].flatMap(({ data }) => data.turn?.requestId ?? []));
  for (const request of requests) {
    const own = ended.get(request.correlationId) ?? [];
    if (own.length === 0 && !mayBeOpen && !dead.has(request.correlationId) && !open.has(request.correlationId))
      yield about(request, 'it was accepted and has no outcome');
    if (own.length > 1) yield about(request, `it has ${own.length} outcomes: ${own.map((o) => o.type).join(', ')}`);
  }
  const accepted = new Set(requests.map((request) => request.correlationId));
  for (const [requestId, [outcome]] of ended)
    if (!accepted.has(requestId)) yield about(outcome!, `${outcome!.type} of a request that was never accepted`);
});
