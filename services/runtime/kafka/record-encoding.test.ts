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
const { murmur2 } = await import('./murmur2.ts');

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const text = fc.string({ unit: 'binary', maxLength: 200 });
const header = fc.oneof(bytes, text, fc.array(bytes, { minLength: 1, maxLength: 3 }));
const fields = fc.record({
  offsetDelta: fc.nat(2 ** 20),
  timestampDelta: fc.oneof(fc.constant(0), fc.integer({ min: -(2 ** 40), max: 2 ** 40 })),
  key: fc.oneof(fc.constant(null), bytes, text),
  value: fc.oneof(fc.constant(null), bytes, text),
  headers: fc.dictionary(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }), header, {
    noNullPrototype: true,
  }),
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

test('no header gets at the prototype', () => {
  const record = body(encode({ key: null, value: null, headers: { ['__proto__']: 'x' } }).buffer);
  const { headers } = decodeRecord(new Decoder(record), context) as { headers: object };
  expect(Object.getPrototypeOf(headers)).toBe(Object.prototype);
});

test('keys go to the partitions that kafkajs chooses', () => {
  fc.assert(fc.property(fc.oneof(bytes, text), (key) => murmur2(Buffer.from(key as string)) === hash(key)));
});
