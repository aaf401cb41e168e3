import type { EventType } from '../topics/index.ts';
import type { LoggedRecord } from './evidence.ts';
import { about, firstOfEach, groupedBy, invariant, isBefore, ofTypes } from './reading.ts';

const placesOf = (records: readonly LoggedRecord[]) =>
  new Map(records.map((record, place) => [record.correlationId, place]));

/** Requests of a conversation are decided and dispatched in the order in which they came. */
export const conversationOrder = invariant('conversation order', function* ({ records }) {
  const events = firstOfEach(records);
  const requests = groupedBy(ofTypes(events, 'RequestReceived'), (event) => event.key);
  const followed = {
    decided: ofTypes(events, 'RequestPermitted', 'RequestDenied'),
    dispatched: ofTypes(events, 'RequestDispatched').filter(({ data }) => data.attempt === 1),
  };
  for (const [how, following] of Object.entries(followed))
    for (const [contextId, own] of groupedBy<LoggedRecord>(following, (event) => event.key)) {
      const places = placesOf(requests.get(contextId) ?? []);
      let last = -1;
      for (const event of own) {
        const place = places.get(event.correlationId);
        if (place === undefined) continue;
        if (place < last) yield about(event, `it was ${how} after a later request of its conversation`);
        last = Math.max(last, place);
      }
    }
});

/** The chunks of an attempt are in the log in the order of their index, without gaps, and before its outcome. */
export const chunkOrder = invariant('chunk order', function* ({ records }) {
  const events = firstOfEach(records);
  const chunks = groupedBy(ofTypes(events, 'ResponseChunk'), (event) => event.causationId);
  for (const own of chunks.values())
    for (const [place, chunk] of own.entries())
      if (chunk.data.index !== place) {
        yield about(chunk, `chunk ${chunk.data.index} of attempt ${chunk.data.attempt} is at place ${place}`);
        break;
      }
  for (const outcome of ofTypes(events, 'ResponseCompleted')) {
    const own = chunks.get(outcome.causationId) ?? [];
    const before = own.filter((chunk) => isBefore(chunk, outcome)).length;
    if (before < outcome.data.chunks)
      yield about(outcome, `it tells of ${outcome.data.chunks} chunks, after ${before}`);
  }
});

/**
 * A key's use is stated with its request, and before it where their append breaks in two; a request is cancelled also when
 * nobody knows whether it came to be in the log.
 */
const mayGoAhead: ReadonlySet<EventType> = new Set(['IdempotencyKeyUsed', 'CancelRequested']);

/** Nothing is in the log before what it follows from. */
export const causesFirst = invariant('causes first', function* ({ records }) {
  const events = firstOfEach(records);
  const byId = new Map(events.map((event) => [event.id, event]));
  for (const event of events) {
    if (event.causationId === '' || mayGoAhead.has(event.type)) continue;
    const cause = byId.get(event.causationId);
    if (cause && isBefore(event, cause))
      yield about(event, `${event.type} is before the ${cause.type} it follows from`);
  }
});
