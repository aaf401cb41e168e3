/**
 * The shell around a service that only decides: read → decide → fold → append → commit. The processor is pure; time,
 * delivery, redelivery and poison are the shell's.
 */
import {
  type EventData,
  type EventType,
  fileOf,
  meshTopics,
  type ServiceName,
  type TopicName,
  topicOf,
} from '../../topics/index.ts';
import { appendDeadLetter, deadLetter } from './dead-letter.ts';
import { isLogUnavailable, RuntimeError } from './errors.ts';
import { follow } from './event.ts';
import type { AnyRecorded, AssignedPartition, Consuming, Event, TailOptions } from './log.ts';
import type { Metrics } from './metrics.ts';
import { RecentIds } from './recent-ids.ts';
import { hasEnvelope } from './recorded.ts';
import type { RunningService, Service, ServiceContext } from './service.ts';
import { RECALL_MARGIN_MS } from './times.ts';

/** What a processor says: an event, less what the shell knows. */
export interface Statement<T extends EventType = EventType> {
  type: T;
  data: EventData[T];
  /** Tells it from the other statements about the same event; default its place among them. */
  index?: number | string;
  /** The record's key; default the key of the event that it follows from. */
  key?: string;
  /** The id of the request that it belongs to; default that of the event that it follows from. */
  correlationId?: string;
}

/**
 * What a backlog is decided on at a time: enough for full batches, and appended long before it is too old to be sent
 * (STALE_MS of the group commit).
 */
const AT_ONCE = 2_000;

/**
 * What state is folded from: an event read, followed, stated, or stated before and recalled. What is stated and followed is
 * folded once it is followed: every instance folds it in the same order, and only if it is in the log.
 */
export type Folded<T extends EventType = EventType> = { [K in T]: Event<K> & { partition: number } }[T];

export interface Processor<S, In extends EventType, Out extends EventType> {
  name: ServiceName;
  /**
   * Consumed, ordered per conversation in each topic; each is decided on by one instance. After a crash topics come again in
   * any order among each other: the same is stated again only about what depends on events of one of these topics.
   */
  reads: readonly In[];
  /** Seen by every instance from the beginning of its compacted topic, and only folded. */
  follows: readonly EventType[];
  /**
   * Of what it writes itself on compacted topics, what it needs back however long ago it said so: folded from the beginning of
   * their topics, of the partitions that are assigned, before anything is handed over. What it said lately on other topics is
   * recalled and folded after that, also what is older than a kept event.
   *
   * Kept events are appended once all else is durable that follows from the same event: a part of an append may land alone
   * when a process dies, and what is kept then says that all was said.
   */
  keeps?: readonly Out[];
  /** Types that, recalled, say that the event that they follow from was decided on to the end; default: any. */
  settledBy?: readonly Out[];
  writes: readonly Out[];
  /** How long it may be behind so that it reads and states many events at once, milliseconds; default: not at all. */
  patienceMs?: number;
  initialState(): S;
  /** No clock, no randomness, no I/O: time is the event's time. A throw makes the event a dead letter. */
  decide(event: AnyRecorded<In>, state: S): Statement<Out>[];
  /** May change `state` in place. */
  evolve(state: S, event: Folded): S;
  /** Leaves out what was folded from these partitions: it is another instance's now, or is about to be recalled. */
  forget?(state: S, partitions: readonly number[]): S;
  /** Counts an event once it is durable: one that was followed, or was stated and is not followed. */
  observe?(event: Folded, metrics: Metrics): void;
}

const topicsOf = (types: readonly EventType[]): TopicName[] => [...new Set(types.map((type) => topicOf[type]))];

/** The service that runs a processor. */
export const processorService = <S, In extends EventType, Out extends EventType>(
  processor: Processor<S, In, Out>,
): Service => ({
  name: processor.name,
  reads: topicsOf([...processor.reads, ...processor.follows, ...(processor.keeps ?? [])]),
  writes: processor.writes,
  group: processor.name,
  start: (context) => startProcessor(processor, context),
});

const startProcessor = async <S, In extends EventType, Out extends EventType>(
  processor: Processor<S, In, Out>,
  context: ServiceContext,
): Promise<RunningService> => {
  const { log, metrics, tracing } = context;
  const logger = context.logger.child({ service: processor.name });
  let state = processor.initialState();
  const isFollowed = (type: EventType) => processor.follows.includes(type);
  let consumer: Consuming | undefined;
  /** Ids of the events decided on, by partition: a redelivered one is ignored. */
  const decided = new Map<number, RecentIds>();

  const followed = await log.tail(
    topicsOf(processor.follows),
    (record) => {
      try {
        state = processor.evolve(state, record);
        processor.observe?.(record, metrics);
      } catch (error) {
        logger.error({ err: error, topic: record.topic, offset: record.offset }, 'a followed record was passed over');
      }
    },
    { from: 'beginning', types: processor.follows },
  );
  await followed.caughtUp;

  /**
   * What this service said: what it keeps, then what it said about events that it may be handed again. Those are decided, and
   * their outcome is folded.
   */
  const recall = async (assigned: readonly AssignedPartition[]) => {
    const { keeps = [], settledBy, writes } = processor;
    // Topics that each agent has are left out: what is stated there again is known by its id to the agent.
    const outputs = topicsOf(writes).filter(
      (topic) => topic !== 'mesh.dead-letters' && meshTopics.includes(topic) && fileOf(topic).cleanup === 'delete',
    );
    const since = Math.min(...assigned.map((a) => a.since)) - RECALL_MARGIN_MS;
    const partitions = assigned.map((a) => a.partition);
    const fresh = new Map(partitions.map((partition) => [partition, decided.get(partition)]));
    const see = (record: AnyRecorded) => {
      // Others may write on the same topic.
      if (record.source !== processor.name) return;
      const ids = decided.get(record.partition);
      // It was lost while this was read; if it came back, that is recalled anew.
      if (!ids || ids !== fresh.get(record.partition)) return;
      try {
        // Of old ones there are more than it remembers.
        const isRecent = fileOf(record.topic).cleanup === 'delete' || record.time >= since;
        if (isRecent && (settledBy?.includes(record.type as Out) ?? true)) ids.add(record.causationId);
        state = processor.evolve(state, record);
      } catch (error) {
        logger.error({ err: error, topic: record.topic, offset: record.offset }, 'a recalled record was passed over');
      }
    };
    const read = async (topics: readonly TopicName[], options: Pick<TailOptions, 'from' | 'types'>) => {
      if (topics.length === 0) return;
      const said = await log.tail(topics, see, { ...options, partitions });
      await said.caughtUp;
      await said.close();
    };
    await read(topicsOf(keeps), { from: 'beginning', types: keeps });
    await read(outputs, { from: { time: since, atLeastLast: 1 }, types: writes });
  };

  const decide = (record: AnyRecorded): Event[] => {
    if (!hasEnvelope(record)) return [deadLetter(processor.name, record, 'no CloudEvents envelope', context.now())];
    try {
      const statements = processor.decide(record as AnyRecorded<In>, state);
      state = processor.evolve(state, record);
      return statements.map((statement, i) => {
        const { id, traceparent } = record;
        const { key = record.key, correlationId = record.correlationId } = statement;
        const cause = { id, correlationId, traceparent, key };
        const event = follow(
          processor.name,
          cause,
          statement.index ?? i,
          statement.type,
          statement.data,
          context.now(),
        );
        if (!isFollowed(event.type))
          state = processor.evolve(state, { ...event, partition: record.partition } as Folded);
        return event;
      });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      logger.error(
        { err: error, topic: record.topic, partition: record.partition, offset: record.offset },
        'dead letter',
      );
      return [deadLetter(processor.name, record, reason, context.now())];
    }
  };

  /** What can't be encoded, or is larger than its topic takes, never will be appended: the cause is a dead letter then. */
  const append = async (record: AnyRecorded, events: Event[]): Promise<Event[]> => {
    if (events.length === 0) return events;
    const isKept = ({ type }: Event) => processor.keeps?.includes(type as Out) ?? false;
    const [first, last] = [events.filter((event) => !isKept(event)), events.filter(isKept)];
    try {
      if (first.length > 0) await log.append(first);
      // What is kept is the last word: it is not for an instance to say that was frozen meanwhile, and may have been given up.
      if (first.length > 0 && last.length > 0 && consumer && !consumer.owns(record.partition))
        throw new RuntimeError('PARLEY_LOG_UNAVAILABLE', 'the partition may be another instance’s now');
      if (last.length > 0) await log.append(last);
      return events;
    } catch (error) {
      if (isLogUnavailable(error)) throw error;
      const letter = deadLetter(processor.name, record, (error as Error).message, context.now());
      logger.error(
        { err: error, topic: record.topic, partition: record.partition, offset: record.offset },
        'dead letter',
      );
      await appendDeadLetter(letter, (events) => log.append(events));
      return [letter];
    }
  };

  consumer = await log.consume(processor.name, topicsOf(processor.reads), {
    types: processor.reads,
    patienceMs: processor.patienceMs,
    atOnce: AT_ONCE,
    assigned: async (assigned) => {
      const partitions = assigned.map((a) => a.partition);
      for (const partition of partitions) decided.set(partition, new RecentIds());
      state = processor.forget?.(state, partitions) ?? state;
      await recall(assigned);
    },
    revoked: (partitions) => {
      for (const partition of partitions) decided.delete(partition);
      state = processor.forget?.(state, partitions) ?? state;
    },
    handle: async (record) => {
      const seen = decided.get(record.partition);
      if (seen?.has(record.id)) return;
      const span = tracing.start(`${processor.name} ${record.type}`, record.traceparent, 'consumer');
      if (hasEnvelope(record))
        metrics.hop.observe({ service: processor.name, type: record.type }, (context.now() - record.time) / 1000);
      const events = decide(record);
      for (const event of events) event.traceparent = span.traceparent;
      // A dead letter is no decision: once the cause is mended, the event can be put back.
      if (!events.some((event) => event.type === 'EventDeadLettered')) seen?.add(record.id);
      const stated = await append(record, events).catch((error: unknown) => {
        span.end('not appended');
        throw error;
      });
      span.end();
      for (const event of stated) {
        if (event.type === 'EventDeadLettered')
          metrics.deadLetters.inc({ service: processor.name, topic: record.topic });
        if (!isFollowed(event.type)) processor.observe?.({ ...event, partition: record.partition } as Folded, metrics);
      }
    },
  });

  return {
    stop: async () => {
      await consumer?.close();
      await followed.close();
    },
  };
};
