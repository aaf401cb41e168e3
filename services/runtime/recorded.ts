/** The envelope: CloudEvents 1.0, Kafka protocol binding, binary content mode. */
import type { EventData, EventType, TopicName } from '../../topics/index.ts';
import type { Codec } from './codec.ts';
import type { AnyRecorded, Event, Position, Recorded } from './log.ts';

export type Headers = Record<string, Buffer>;

/** A record as a log keeps it. */
export interface RawRecord {
  topic: TopicName;
  partition: number;
  offset: number;
  key: Buffer | null;
  value: Buffer | null;
  headers: Headers;
}

const CONTENT_TYPE = 'application/avro';
const PREFIX = 'mesh.';

// Many events are stated in one millisecond, and writing a date takes longer than all else about a header.
let lastTime = Number.NaN;
let lastInstant = '';
const instant = (time: number): string => {
  if (time !== lastTime) {
    lastInstant = new Date(time).toISOString();
    lastTime = time;
  }
  return lastInstant;
};

/** The headers of an event's record. */
export const headersOf = (event: Event): Record<string, string> => ({
  ce_specversion: '1.0',
  ce_id: event.id,
  ce_type: PREFIX + event.type,
  ce_source: event.source,
  ce_subject: event.key,
  ce_time: instant(event.time),
  ce_correlationid: event.correlationId,
  ce_causationid: event.causationId,
  traceparent: event.traceparent,
  'content-type': CONTENT_TYPE,
});

/** The event type that a record's headers name; an empty string when they name none. */
export const typeOf = (headers: Headers): string => {
  const type = headers.ce_type?.toString() ?? '';
  return type.startsWith(PREFIX) ? type.slice(PREFIX.length) : type;
};

class RecordedEvent implements Recorded {
  readonly id: string;
  readonly type: EventType;
  readonly source: string;
  readonly key: string;
  readonly time: number;
  readonly correlationId: string;
  readonly causationId: string;
  readonly traceparent: string;
  readonly topic: TopicName;
  readonly partition: number;
  readonly offset: number;
  readonly raw: RawRecord;
  readonly #codec: Codec;
  #data: EventData[EventType] | undefined;

  constructor(raw: RawRecord, type: string, codec: Codec) {
    const { headers } = raw;
    this.id = headers.ce_id?.toString() ?? '';
    this.type = type as EventType;
    this.source = headers.ce_source?.toString() ?? '';
    this.key = raw.key?.toString() ?? '';
    this.time = Date.parse(headers.ce_time?.toString() ?? '');
    this.correlationId = headers.ce_correlationid?.toString() ?? '';
    this.causationId = headers.ce_causationid?.toString() ?? '';
    this.traceparent = headers.traceparent?.toString() ?? '';
    this.topic = raw.topic;
    this.partition = raw.partition;
    this.offset = raw.offset;
    this.raw = raw;
    this.#codec = codec;
  }

  get value(): Buffer {
    return this.raw.value ?? Buffer.alloc(0);
  }

  get data(): EventData[EventType] {
    this.#data ??= this.#codec.decode(this.type, this.value);
    return this.#data;
  }
}

/** A record as services see it: its data is decoded when first asked for. */
export const recorded = (raw: RawRecord, type: string, codec: Codec): AnyRecorded =>
  new RecordedEvent(raw, type, codec) as unknown as AnyRecorded;

/** An event that this process appended, as the log has it now. */
export const appendedRecord = (
  event: Event,
  position: Position,
  value: Buffer,
  headers: Record<string, string>,
): AnyRecorded => {
  const record: Recorded = {
    ...event,
    ...position,
    value,
    get raw() {
      const asBuffers = Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)] as const);
      return { key: Buffer.from(event.key), value, headers: Object.fromEntries(asBuffers) };
    },
  };
  return record as AnyRecorded;
};

/** Whether the headers make an envelope: without id, type and time a record can't be told from another. */
export const hasEnvelope = (record: Recorded): boolean =>
  record.id !== '' && record.type !== ('' as EventType) && record.key !== '' && !Number.isNaN(record.time);
