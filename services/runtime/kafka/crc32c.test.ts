import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, test } from 'vitest';

// Taken before crc32c.ts replaces it.
const sumOfKafkajs = createRequire(import.meta.url)('kafkajs/src/protocol/recordBatch/crc32C') as (b: Buffer) => number;
const { crc32c } = await import('./crc32c.ts');

test('the check value of CRC-32C', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(crc32c(Buffer.alloc(0))).toBe(0);
});

test('sums are those of kafkajs', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      expect(crc32c(Buffer.from(bytes))).toBe(sumOfKafkajs(Buffer.from(bytes)));
    }),
  );
});
