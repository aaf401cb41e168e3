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
