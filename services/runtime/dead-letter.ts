import { derivedId } from './event.ts';
import type { Event, Recorded } from './log.ts';

/** A record that `service` can never process, whole, with the reason. Its id follows from where the record is. */
export const deadLetter = (
  service: string,
  record: Recorded,
  reason: string,
  now: number,
): Event<'EventDeadLettered'> => ({
  id: derivedId('dead-letter', service, record.topic, record.partition, record.offset),
  type: 'EventDeadLettered',
  source: service,
  key: record.key || 'unkeyed',
  time: now,
  correlationId: record.correlationId,
  causationId: record.id,
  traceparent: record.traceparent,
  data: {
    service,
    reason,
    topic: record.topic,
    partition: record.partition,
    offset: record.offset,
    recordKey: record.raw.key,
    recordValue: record.raw.value,
    recordHeaders: record.raw.headers,
  },
});
