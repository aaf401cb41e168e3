/** Byte for byte what kafkajs writes. */
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

const require = createRequire(import.meta.url);
// Taken before produce-request.ts replaces it.
const requestOfKafkajs = require('kafkajs/src/protocol/requests/produce/v3/request');
const Long = require('kafkajs/src/utils/long');
const { produceRequest } = await import('./produce-request.ts');

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: 1_760_000_000_123 });
});
afterEach(() => {
  vi.useRealTimers();
});

const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
const message = fc.record({
  key: fc.oneof(text, bytes, fc.constant(null)),
  value: fc.oneof(bytes, fc.constant(null)),
  headers: fc.dictionary(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }), fc.oneof(text, bytes), {
    noNullPrototype: true,
  }),
});
const partition = fc.record({
  partition: fc.nat(1_000),
  firstSequence: fc.nat(2 ** 31 - 1),
  messages: fc.array(message, { minLength: 1, maxLength: 4 }),
});
const produce = fc.record({
  acks: fc.constantFrom(-1, 1),
  timeout: fc.nat(60_000),
  producerId: fc.oneof(
    fc.nat(2 ** 31),
    fc.bigInt({ min: 0n, max: 2n ** 62n }).map(String),
    fc.nat(2 ** 31).map((n) => Long.fromValue(n)),
  ),
  producerEpoch: fc.nat(32_000),
  topicData: fc.array(fc.record({ topic: text, partitions: fc.array(partition, { minLength: 1, maxLength: 3 }) }), {
    maxLength: 3,
  }),
});

test('a request is written as kafkajs writes it', async () => {
  await fc.assert(
    fc.asyncProperty(produce, async (given) => {
      const ours = await produceRequest(given).encode();
      const theirs = await requestOfKafkajs(given).encode();
      expect(ours.buffer.equals(theirs.buffer)).toBe(true);
      expect(ours.size()).toBe(theirs.size());
    }),
  );
});

test('what has times of its own is left to kafkajs', async () => {
  const given = {
    acks: -1,
    timeout: 1,
    topicData: [{ topic: 't', partitions: [{ partition: 0, messages: [{ value: 'v', timestamp: '1700000000000' }] }] }],
  };
  const ours = await produceRequest(given).encode();
  expect(ours.buffer.equals((await requestOfKafkajs(given).encode()).buffer)).toBe(true);
});
