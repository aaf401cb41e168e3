/** Records as Kafka hands them over, with their headers: the envelope of an event. */
import { isDeepStrictEqual } from 'node:util';
import { createCodec, localSchemaIds } from '../../services/runtime/codec.ts';
import { deadLetter } from '../../services/runtime/dead-letter.ts';
import { decodeRecord, encodeRecord } from '../../services/runtime/kafka/record-encoding.ts';
import { recordOf } from '../../services/runtime/kafka/shared.ts';
import type { Recorded } from '../../services/runtime/log.ts';
import { hasEnvelope } from '../../services/runtime/recorded.ts';
import { Broken, holds, type Target } from '../target.ts';

const ids = localSchemaIds();
const codec = await createCodec(ids, ['EventDeadLettered']);
const frame = Buffer.alloc(5);
frame.writeUInt32BE(await ids.idOf('EventDeadLettered', {}), 1);
await codec.learn([frame]);
const context = { firstOffset: '0', firstTimestamp: '0', magicByte: 2, timestampType: 0 };

interface Message {
  offset: string;
  timestamp: string;
  key: Buffer | null;
  value: Buffer | null;
  headers: Record<string, Buffer | Buffer[] | null>;
}

const decode = (buffer: Buffer) => decodeRecord({ buffer, offset: 0 }, context) as Message;

/** A record without the length before it. */
const bodyOf = (record: Buffer): Buffer => {
  let at = 0;
  while (record[at]! > 127) at += 1;
  return record.subarray(at + 1);
};

const decodedOf = (bytes: Buffer): Message | undefined => {
  try {
    return decode(bytes);
  } catch (error) {
    // It is cut off: the batch is refused.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
};

const checkAgain = (message: Message) => {
  // kafkajs's encoder, which writes what is rare, cannot write a header without a value, and a number is no such timestamp.
  if (Object.values(message.headers).flat().includes(null)) return;
  if (!Number.isSafeInteger(Number(message.timestamp))) return;
  const { offset, timestamp, ...fields } = message;
  const numbers = { offsetDelta: Number(offset), timestampDelta: Number(timestamp) };
  const again = decode(bodyOf(encodeRecord({ ...fields, ...numbers }).buffer));
  for (const field of ['key', 'value', 'headers', 'offset', 'timestamp'] as const)
    holds(
      isDeepStrictEqual(again[field], message[field]),
      'a record that was decoded is the same when it is encoded and decoded',
      () => field,
    );
};

const checkEnvelope = (message: Message) => {
  const event = recordOf(codec, 'mesh.requests', 0, message as never) as Recorded;
  for (const attribute of ['type', 'id', 'source', 'key', 'correlationId', 'causationId', 'traceparent'] as const)
    holds(typeof event[attribute] === 'string', 'an attribute is text', () => attribute);
  const { data } = deadLetter('audit', event, 'it cannot be read', 0);
  let kept: typeof data;
  try {
    kept = codec.decode('EventDeadLettered', codec.encode('EventDeadLettered', data));
  } catch (error) {
    throw new Broken('whatever it is, a record can be kept as a dead letter', (error as Error).message);
  }
  for (const field of ['recordKey', 'recordValue', 'recordHeaders'] as const)
    holds(isDeepStrictEqual(kept[field], data[field]), 'a dead letter is the record as it was', () => field);
  if (hasEnvelope(event)) holds(event.id !== '' && Number.isFinite(event.time), 'an envelope has an id and a time');
};

export const target: Target = {
  name: 'record',
  dictionary: [
    ...[
      '\nce_id',
      '\u000ece_type',
      '&mesh.RequestReceived',
      '\u000ece_time',
      '02026-11-21T15:00:00.000Z',
      '\u0012ce_source',
    ],
    ...['\u0016traceparent', '\u0014ce_subject', '\u0012__proto__', '\u0016constructor', '\u0018content-type'],
  ],
  run: (bytes) => {
    const message = decodedOf(bytes);
    if (!message) return;
    checkEnvelope(message);
    checkAgain(message);
  },
};
