import type { ServiceName } from '../../topics/index.ts';
import { isLogUnavailable } from './errors.ts';
import { derivedId } from './event.ts';
import type { Event, Recorded } from './log.ts';
import type { ServiceContext } from './service.ts';

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

type Append = (events: readonly Event[]) => Promise<unknown>;

/**
 * Appends a dead letter; without the value of its record where it is too large with it: then at least where the record is
 * stays on record, and the record holds nothing up.
 * @throws what `append` throws; PARLEY_LOG_UNAVAILABLE at once.
 */
export const appendDeadLetter = async (letter: Event<'EventDeadLettered'>, append: Append): Promise<void> => {
  try {
    await append([letter]);
  } catch (refused) {
    if (isLogUnavailable(refused)) throw refused;
    await append([{ ...letter, data: { ...letter.data, recordValue: null } }]);
  }
};

/** Puts a record that `service` can never process among the dead letters: with its reason in the log, and counted once it is there. */
export const burying =
  (
    service: ServiceName,
    { logger, metrics, now }: Pick<ServiceContext, 'logger' | 'metrics' | 'now'>,
    append: Append,
  ) =>
  async (record: Recorded, error: unknown): Promise<void> => {
    const { topic, partition, offset } = record;
    const reason = error instanceof Error ? error.message : String(error);
    logger.error({ err: error, topic, partition, offset }, 'dead letter');
    await appendDeadLetter(deadLetter(service, record, reason, now()), append);
    metrics.deadLetters.inc({ service, topic });
  };
