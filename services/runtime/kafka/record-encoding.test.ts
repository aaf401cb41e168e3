/** Both must be, byte for byte, what kafkajs itself does. */
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, test } from 'vitest';

const require = createRequire(import.meta.url);
// Taken before record-encoding.ts replaces them.
const encode = require('kafkajs/src/protocol/recordBatch/record/v0');
const decode = require('kafkajs/src/protocol/recordBatch/record/v0/decoder');
const hash = require('kafkajs/src/producer/partitioners/default/murmur2');
const Decoder = require('kafkajs/src/protocol/decoder');
const { decodeRecord, encodeRecord } = await import('./record-encoding.ts');
// Only now, so that it decodes with what replaces them.
const decodeMessages = require('kafkajs/src/protocol/requests/fetch/v4/decodeMessages');
const { murmur2 } = await import('./murmur2.ts');

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const text = fc.string({ unit: 'binary', maxLength: 200 });
const header = fc.oneof(bytes, text, fc.array(bytes, { minLength: 1, maxLength: 3 }));
// Of a name that every object has kafkajs takes what is there for a header.
const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((text) => !(text in {}));
const fields = fc.record({
  offsetDelta: fc.nat(2 ** 20),
  timestampDelta: fc.oneof(fc.constant(0), fc.integer({ min: -(2 ** 40), max: 2 ** 40 })),
  key: fc.oneof(fc.constant(null), bytes, text),
  value: fc.oneof(fc.constant(null), bytes, text),
  headers: fc.dictionary(name, header, { noNullPrototype: true }),
});

const context = { firstOffset: '9007199254740', firstTimestamp: '1760000000000', magicByte: 2, timestampType: 0 };

/** A record without the length before it. */
const body = (record: Buffer): Buffer => {
  let at = 0;
  while (record[at]! > 127) at += 1;
  return record.subarray(at + 1);
};

test('records are encoded as kafkajs encodes them', () => {
  fc.assert(fc.property(fields, (given) => encodeRecord(given).buffer.equals(encode(given).buffer)));
});

test('records are decoded as kafkajs decodes them', () => {
  fc.assert(
    fc.property(fields, (given) => {
      const record = body(encode(given).buffer);
      expect(decodeRecord(new Decoder(record), context)).toEqual(decode(new Decoder(record), context));
    }),
  );
});

test('a timestamp may be any of 64 bits', () => {
  const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  fc.assert(
    fc.property(long, (delta) => {
      const first = BigInt.asIntN(64, 1_760_000_000_000n - delta);
      const varint: number[] = [];
      for (let left = BigInt.asUintN(64, (delta << 1n) ^ (delta >> 63n)); ; left >>= 7n) {
        varint.push(Number(left & 127n) | (left > 127n ? 128 : 0));
        if (left <= 127n) break;
      }
      const record = Buffer.from([0, ...varint, 0, 1, 1, 0]);
      const from = { ...context, firstTimestamp: String(first) };
      expect(decodeRecord(new Decoder(record), from)).toMatchObject({ timestamp: '1760000000000', key: null });
    }),
  );
});

test('a header may be called anything, once or twice', () => {
  const x = Buffer.from('x');
  for (const name of ['__proto__', 'constructor', 'toString']) {
    for (const header of [x, [x, x]]) {
      const given = Object.fromEntries([[name, header]]);
      const record = body(encode({ key: null, value: null, headers: given }).buffer);
      const { headers } = decodeRecord(new Decoder(record), context) as { headers: object };
      expect(Object.getPrototypeOf(headers)).toBe(Object.prototype);
      expect(Object.entries(headers)).toEqual([[name, header]]);
    }
  }
});

test('a record that is cut off is refused, wherever', () => {
  fc.assert(
    fc.property(fields, (given) => {
      const record = body(encode(given).buffer);
      for (let length = 0; length < Math.min(record.length, 300); length++)
        expect(() => decodeRecord(new Decoder(record.subarray(0, length)), context)).toThrow(RangeError);
    }),
    { numRuns: 20 },
  );
});

test('a number without an end is refused', () => {
  for (const at of [1, 2]) {
    const record = Buffer.alloc(100_000, 0x80).fill(0, 0, at);
    expect(() => decodeRecord(new Decoder(record), context)).toThrow(RangeError);
  }
});

const int = (bytes: number, value: number): Buffer => {
  const buffer = Buffer.alloc(bytes);
  if (bytes === 8) buffer.writeBigInt64BE(BigInt(value));
  else buffer.writeIntBE(value, 0, bytes);
  return buffer;
};

/** A batch as a fetch brings it, of records each with its length before it. */
const batchOf = (...records: Buffer[]): Buffer => {
  const after = Buffer.concat([
    ...[int(4, 0), int(1, 2), int(4, 0), int(2, 0), int(4, records.length - 1)],
    ...[int(8, 0), int(8, 0), int(8, -1), int(2, -1), int(4, -1), int(4, records.length)],
    ...records,
  ]);
  return Buffer.concat([int(8, 0), int(4, after.length), after]);
};

test('of what was fetched a batch that is cut off at the end is passed over, and one that is corrupt is refused', async () => {
  const record = encode({ key: 'k', value: 'v', headers: {} }).buffer;
  const whole = batchOf(record, record);
  const fetched = (...parts: Buffer[]) => {
    const bytes = Buffer.concat(parts);
    return decodeMessages(new Decoder(Buffer.concat([int(4, bytes.length), bytes])));
  };
  expect(await fetched(whole, whole)).toHaveLength(4);
  expect(await fetched(whole, whole.subarray(0, -1))).toHaveLength(2);
  const corrupt = batchOf(Buffer.concat([Buffer.from([2 * (record.length - 2)]), record.subarray(1, -1)]));
  await expect(fetched(whole, corrupt, whole)).rejects.toThrow(RangeError);
});

test('keys go to the partitions that kafkajs chooses', () => {
  fc.assert(fc.property(fc.oneof(bytes, text), (key) => murmur2(Buffer.from(key as string)) === hash(key)));
});
