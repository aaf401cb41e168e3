/**
 * The log port: all that the mesh asks of Kafka. `kafka-log.ts` and `memory-log.ts` implement it and pass the same suite
 * (`log-behaviour.ts`).
 */
import type { EventData, EventType, TopicName } from '../../topics/index.ts';

/** An event as a service states it; its topic follows from its type. CloudEvents 1.0 attributes, Kafka binary binding. */
export interface Event<T extends EventType = EventType> {
  /** ce_id. The same event appended twice has the same id. */
  id: string;
  /** ce_type. */
  type: T;
  /** ce_source: the service that states it. */
  source: string;
  /** The record's key: what orders it. On hot topics the contextId. */
  key: string;
  /** ce_time, milliseconds since the epoch. */
  time: number;
  /** ce_correlationid: the id of the request that it belongs to. */
  correlationId: string;
  /** ce_causationid: the id of the event that it follows from; empty for a first one. */
  causationId: string;
  /** W3C traceparent; empty where there is none. */
  traceparent: string;
  data: EventData[T];
}

/** Where a record is. */
export interface Position {
  topic: TopicName;
  partition: number;
  offset: number;
}

/** An event as the log has it. Its attributes come from headers; its data is decoded when first asked for. */
export interface Recorded<T extends EventType = EventType> extends Event<T>, Position {
  /** @throws UndecodableError when the value is not what its headers say. */
  readonly data: EventData[T];
  /** The value's bytes as recorded. */
  readonly value: Buffer;
  /** The record as it came, for a dead letter. */
  readonly raw: { key: Buffer | null; value: Buffer | null; headers: Record<string, Buffer> };
}

/** A recorded event whose type, once tested, says what its data is. */
export type AnyRecorded<T extends EventType = EventType> = { [K in T]: Recorded<K> }[T];

export interface Consumer {
  /** For how long records may be held back so that many are handed over at once, milliseconds; default: not at all. */
  patienceMs?: number | undefined;
  /** How many records may be under way together, of all partitions; others wait, in order. Default: any number. */
  atOnce?: number | undefined;
  /** Which event types are handed over; others are passed by. Records without a readable envelope always are handed over. */
  types: readonly EventType[];
  /**
   * These partitions (of every topic read) are now this instance's: called, and awaited, before any of their records. Also
   * called, without `revoked` before it, where they are this instance's still and are handed over again.
   */
  assigned(partitions: readonly AssignedPartition[]): Promise<void>;
  /** These partitions may now be another instance's: from here on nothing may be begun or said that is theirs to say. */
  revoked(partitions: readonly number[]): void;
  /**
   * One record, in order within its partition. The next comes without waiting for the promise, up to `atOnce`: it settles when the record
   * is done with, and offsets are committed over the finished prefix. A rejection hands the partition's records over again
   * from the last commit, after `assigned`.
   */
  handle(record: AnyRecorded): Promise<void>;
}

export interface AssignedPartition {
  partition: number;
  /** Time of the first record not committed by the group, or now: what came of earlier ones is long in the log. */
  since: number;
}

/** A place in a consumer group. */
export interface Consuming {
  /**
   * Whether this partition is this instance's and can be no other's just now. False once a process that was frozen may have
   * been given up, until the group has said what is its now, and what was said before is recalled.
   */
  owns(partition: number): boolean;
  close(): Promise<void>;
}

export interface TailOptions {
  /** end: what comes from now on. A number: from that time on, milliseconds since the epoch. */
  from: 'beginning' | 'end' | { time: number; atLeastLast?: number };
  /** Only these partitions; default all. */
  partitions?: readonly number[];
  /** For how long records may be held back so that many are seen at once, milliseconds; default: not at all. */
  patienceMs?: number;
  /** Only these types; default all. */
  types?: readonly EventType[];
  /** How far it is: records seen and to see until caught up. */
  progress?(seen: number, total: number): void;
}

export interface Tail {
  /** Resolves when everything that was in the log when the tail began has been seen. */
  caughtUp: Promise<void>;
  close(): Promise<void>;
}

export interface Log {
  /**
   * Resolves when every event is durable (acks=all), with the offset of each on its topic and partition. Events of one
   * call and of successive calls keep their order.
   * `signal` takes back what has not been sent yet.
   * @throws RuntimeError PARLEY_LOG_UNAVAILABLE when that could not be confirmed in time, PARLEY_TOO_LARGE when an event is
   * larger than its topic takes.
   */
  append(events: readonly Event[], signal?: AbortSignal): Promise<readonly number[]>;
  /** Shares the partitions of the topics among the instances of a group; one instance owns a partition number of them all. */
  consume(group: string, topics: readonly TopicName[], consumer: Consumer): Promise<Consuming>;
  /** Hands every record to every instance. Resolves once it listens: what is appended after that is seen. */
  tail(topics: readonly TopicName[], see: (record: AnyRecorded) => void, options: TailOptions): Promise<Tail>;
  /**
   * One record; undefined where there is none, or no longer.
   * @throws RuntimeError PARLEY_LOG_UNAVAILABLE when that could not be said in a few seconds.
   */
  read(topic: TopicName, partition: number, offset: number): Promise<AnyRecorded | undefined>;
  /** Whether the log can be reached, as far as is known: the last append went through and what is read is being fetched. */
  healthy(): boolean;
  /** The partition of a key on hot topics. */
  partitionOf(key: string): number;
  close(): Promise<void>;
}
