import { KafkaJSConnectionError } from 'kafkajs';
import { expect, test } from 'vitest';
import { isOutage, RuntimeError } from './errors.ts';

test.each([
  [new KafkaJSConnectionError('refused'), true],
  [new RuntimeError('PARLEY_LOG_UNAVAILABLE', 'Kafka did not give a record in time'), true],
  [Object.assign(new Error('who?'), { name: 'KafkaJSSASLAuthenticationError' }), false],
  [new RuntimeError('PARLEY_NOT_APPLIED', 'a schema is missing'), false],
  [new Error('a mistake'), false],
])('%s may be over in a while: %s', (error, is) => {
  expect(isOutage(error)).toBe(is);
});
