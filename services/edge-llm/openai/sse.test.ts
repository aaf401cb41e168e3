import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BrokenStream, createSseReader, serializeEvent } from './sse.ts';

const text = 'id: 1\nevent: a\ndata: {"x":"é漢😀"}\n\n: comment\n\nunknown: y\ndata: one\ndata:two\n\ndata: last';
const events = [
  { id: '1', event: 'a', data: '{"x":"é漢😀"}' },
  { id: undefined, event: undefined, data: 'one\ntwo' },
  { id: undefined, event: undefined, data: 'last' },
];

test('however the bytes are cut, and whichever way lines end, the events are the same', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(80)), fc.constantFrom('\n', '\r\n'), (cuts, newline) => {
      const bytes = Buffer.from(text.replaceAll('\n', newline));
      const reader = createSseReader(1_000);
      const at = [0, ...cuts.filter((c) => c < bytes.length).sort((a, b) => a - b), bytes.length];
      const read = at.slice(1).flatMap((end, i) => reader.feed(bytes.subarray(at[i], end)));
      expect([...read, ...reader.end()]).toEqual(events);
    }),
  );
});

test('what is read and written is what was there', () => {
  const written = 'event: response.created\ndata: {"a": 1.0,  "b":[ ]}\n\n';
  expect(createSseReader(1_000).feed(Buffer.from(written)).map(serializeEvent).join('')).toBe(written);
  expect(serializeEvent({ data: 'one\ntwo' }).toString()).toBe('data: one\ndata: two\n\n');
});

test('an event beyond the bound breaks the stream, whether it comes in one piece or many', () => {
  const reader = createSseReader(100);
  expect(reader.feed(Buffer.from('data: x\n\n'))).toHaveLength(1);
  expect(() => {
    for (let i = 0; i < 20; i++) reader.feed(Buffer.from('data: 0123456789\n'));
  }).toThrow(BrokenStream);
  expect(() => reader.feed(Buffer.from('data: x\n\n'))).toThrow(BrokenStream);
});

test('bytes that are not UTF-8 break the stream, a character cut off at its end too', () => {
  expect(() => createSseReader(100).feed(Buffer.from([0xff]))).toThrow(BrokenStream);
  const reader = createSseReader(100);
  reader.feed(Buffer.from([0xe6, 0xbc]));
  expect(() => reader.end()).toThrow(BrokenStream);
});

/** All events until the stream ends or breaks, and whether it broke. */
const read = (pieces: readonly Buffer[], maxEventLength = 1_000) => {
  const reader = createSseReader(maxEventLength);
  const data: string[] = [];
  try {
    for (const piece of pieces) for (const event of reader.feed(piece)) data.push(event.data);
    for (const event of reader.end()) data.push(event.data);
    return { data, broken: false };
  } catch (error) {
    expect(error).toBeInstanceOf(BrokenStream);
    return { data, broken: true };
  }
};

const cutAt = (bytes: Buffer, cuts: readonly number[]) => {
  const at = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end));
};

test.each([
  ['at its end', Buffer.from([0xff])],
  ['within a character', Buffer.from([0xf0, 0x9f, 0x98, 0x41])],
  ['in an encoding that is too long', Buffer.from([0xe0, 0x80, 0x80])],
  ['within a line', Buffer.from('data: c\xff\n\n', 'latin1')],
  ['with a character that is cut off', Buffer.from([0xf0, 0x9f])],
])('what came whole before broken bytes is read, however it is cut: %s', (_, broken) => {
  const bytes = Buffer.concat([Buffer.from('\ufeffdata: é漢\n\ndata: 😀\n\n'), broken]);
  fc.assert(
    fc.property(fc.array(fc.nat(40)), (cuts) => {
      expect(read(cutAt(bytes, cuts))).toEqual({ data: ['é漢', '😀'], broken: true });
    }),
  );
});

test('what came whole before an event beyond the bound is read, and the next call throws', () => {
  const reader = createSseReader(20);
  expect(reader.feed(Buffer.from(`data: a\n\ndata: ${'x'.repeat(100)}`))).toMatchObject([{ data: 'a' }]);
  expect(() => reader.end()).toThrow(BrokenStream);
});

test('one byte order mark is left out, and no other', () => {
  expect(read([Buffer.from('\ufeffdata: a\n\n\ufeffdata: b\n\n')])).toEqual({ data: ['a'], broken: false });
  expect(read([Buffer.from('\ufeff\ufeffdata: a\n\n')])).toEqual({ data: [], broken: false });
});
