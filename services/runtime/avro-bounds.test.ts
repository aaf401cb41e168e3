import './avro-bounds.ts';
import avro from 'avsc';
import { expect, test } from 'vitest';

const ints = avro.Type.forSchema({ type: 'array', items: 'int' });
const texts = avro.Type.forSchema({ type: 'map', values: 'string' });
const nulls = avro.Type.forSchema({ type: 'array', items: 'null' });
const long = avro.Type.forSchema('long');
const numbers = (...values: number[]) => Buffer.concat(values.map((value) => long.toBuffer(value)));

const recordOf = (...fields: { name: string; type: avro.Type }[]) =>
  avro.Type.forSchema({ type: 'record', name: 'R', fields: fields.map(({ name, type }) => ({ name, type })) } as never);
const end = { name: 'end', type: long };
/** Reads a record of which the reader has `end` only, so that a field before it is passed over. */
const skipping = (type: avro.Type, bytes: Buffer) => {
  const reader = recordOf(end);
  return reader.fromBuffer(bytes, reader.createResolver(recordOf({ name: 'unknown', type }, end)));
};

test('blocks are read and passed over, those that say their size too', () => {
  const list = numbers(2, 1, -1, -3, 3, 5, 6, 7, 0);
  expect(ints.fromBuffer(list)).toEqual([1, -1, 5, 6, 7]);
  expect({ ...skipping(ints, Buffer.concat([list, numbers(9)])) }).toEqual({ end: 9 });
  const a = Buffer.from('\x02a\x02b');
  const named = Buffer.concat([numbers(-1, 4), a, numbers(1), Buffer.from('\x02c\x02d'), numbers(0)]);
  expect({ ...texts.fromBuffer(named) }).toEqual({ a: 'b', c: 'd' });
  expect({ ...skipping(texts, Buffer.concat([named, numbers(9)])) }).toEqual({ end: 9 });
});

test.each([
  ['of a list', ints, numbers(2 ** 52)],
  ['of a list, with a size', ints, numbers(-(2 ** 52), 8)],
  ['of a map', texts, numbers(2 ** 52)],
  ['of a list of nothing', nulls, numbers(2 ** 52, 0)],
])('more items than there are bytes, %s, are refused at once', (_, type, bytes) => {
  expect(() => type.fromBuffer(bytes)).toThrow('truncated buffer');
  expect(() => skipping(type, bytes)).toThrow('truncated buffer');
});

test('items that end with the value are not read on', () => {
  let reads = 0;
  class Counted extends avro.types.LogicalType {
    override _fromValue(value: unknown) {
      reads += 1;
      return value;
    }
  }
  const schema = { type: 'array', items: { type: 'string', logicalType: 'counted' } } as never;
  const type = avro.Type.forSchema(schema, { logicalTypes: { counted: Counted } });
  const bytes = Buffer.concat([numbers(1_000), Buffer.alloc(1_000, 20)]);
  expect(() => type.fromBuffer(bytes)).toThrow('truncated buffer');
  expect(reads).toBeLessThan(100);
});

test('a block that is passed over leads forwards', () => {
  expect(() => skipping(ints, numbers(-1, -2))).toThrow('negative size');
  expect(() => skipping(texts, numbers(-1, 100))).toThrow('truncated buffer');
});

test('an int has 32 bits', () => {
  for (const value of [2 ** 31 - 1, -(2 ** 31)]) expect(ints.fromBuffer(numbers(1, value, 0))).toEqual([value]);
  for (const value of [2 ** 31, -(2 ** 31) - 1])
    expect(() => ints.fromBuffer(numbers(1, value, 0))).toThrow('more than 32 bits');
});

test('no key gets at the prototype', () => {
  const values = avro.Type.forSchema({ type: 'map', values: 'bytes' });
  const given = Object.fromEntries([['__proto__', Buffer.from('x')]]);
  const read = values.fromBuffer(values.toBuffer(given)) as object;
  expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
  expect(Object.entries(read)).toEqual([['__proto__', Buffer.from('x')]]);
});
