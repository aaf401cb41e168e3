import type { KafkaMessage } from 'kafkajs';
import { expect, test } from 'vitest';
import { createCodec, localSchemaIds } from '../codec.ts';
import { deadLetter } from '../dead-letter.ts';
import { recordOf } from './shared.ts';

const messageWith = (headers: object) =>
  ({ offset: '7', timestamp: '0', attributes: 0, key: null, value: null, headers }) as KafkaMessage;

test.each([
  ['has no value', { x: null }, { x: Buffer.alloc(0) }],
  ['is repeated, first without a value', { x: [null, Buffer.from('a')] }, { x: Buffer.alloc(0) }],
  ['is text', { x: 'a' }, { x: Buffer.from('a') }],
  ['is repeated', { x: [Buffer.from('a'), Buffer.from('b')] }, { x: Buffer.from('a') }],
  [
    "is called as an object's prototype is",
    Object.fromEntries([['__proto__', Buffer.from('a')]]),
    Object.fromEntries([['__proto__', Buffer.from('a')]]),
  ],
])('a record of which a header %s can be kept as a dead letter', async (_, headers, kept) => {
  const codec = await createCodec(localSchemaIds(), ['EventDeadLettered']);
  const record = recordOf(codec, 'mesh.requests', 0, messageWith(headers));
  const { data } = deadLetter('policy', record, 'no CloudEvents envelope', 0);
  const value = codec.encode('EventDeadLettered', data);
  await codec.learn([value]);
  expect(Object.entries(codec.decode('EventDeadLettered', value).recordHeaders)).toEqual(Object.entries(kept));
});
