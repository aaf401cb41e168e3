import { expect, test } from 'vitest';
import { createRecentMessages } from './recent-messages.ts';

const of = (length: number, text = 'x') => Buffer.alloc(length, text);

test('keeps the messages used last, as many as fit', () => {
  const recent = createRecentMessages(10);
  recent.put(0, 1, of(4, 'a'));
  recent.put(0, 2, of(4, 'b'));
  expect(recent.get(0, 1)).toEqual(of(4, 'a'));
  recent.put(1, 1, of(4, 'c'));
  expect(recent.get(0, 2)).toBeUndefined();
  expect(recent.get(0, 1)).toEqual(of(4, 'a'));
  expect(recent.get(1, 1)).toEqual(of(4, 'c'));
  // Put again, it counts once.
  recent.put(1, 1, of(6, 'd'));
  expect([recent.get(0, 1), recent.get(1, 1)]).toEqual([of(4, 'a'), of(6, 'd')]);
  recent.put(2, 1, of(11));
  expect([recent.get(0, 1), recent.get(1, 1), recent.get(2, 1)]).toEqual([undefined, undefined, undefined]);
});

test('keeps bytes of its own, not the buffer that they were fetched in', () => {
  const recent = createRecentMessages();
  const fetched = Buffer.alloc(1_000);
  recent.put(0, 1, fetched.subarray(0, 10));
  fetched.fill('z');
  expect(recent.get(0, 1)).toEqual(Buffer.alloc(10));
});
