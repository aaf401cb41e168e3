import fc from 'fast-check';
import { expect, test } from 'vitest';
import { memberOf, outlineOf, withMembers } from './json-bytes.ts';

const bytes = (text: string) => Buffer.from(text);
const set = (json: string, values: Record<string, string | null>) => withMembers(bytes(json), values).toString();

test('the outline names the members of the outermost object, whatever is inside them', () => {
  const json = '{ "a" : [1,{"a":"}"}], "b\\"c": "x,\\\\", "d":{ "e": ":" } }';
  const { depth, members } = outlineOf(bytes(json));
  expect(depth).toBe(3);
  expect(members.map((m) => [m.key, json.slice(m.valueStart, m.end)])).toEqual([
    ['a', '[1,{"a":"}"}]'],
    ['b"c', '"x,\\\\"'],
    ['d', '{ "e": ":" }'],
  ]);
});

test('a value is replaced, added or left out, and every other one stays as it was written', () => {
  expect(set('{"model":"a","seed":12345678901234567890,"t":1.0}', { model: '"b"' })).toBe(
    '{"model":"b","seed":12345678901234567890,"t":1.0}',
  );
  expect(set('{"a":1.0}', { b: '2' })).toBe('{"a":1.0,"b":2}');
  expect(set('{}', { b: '2' })).toBe('{"b":2}');
  expect(set('{"a":1, "usage":null , "b":2e0}', { usage: null })).toBe('{"a":1,"b":2e0}');
  expect(set('{"usage":null}', { usage: null })).toBe('{}');
});

test('nothing to change is the same bytes', () => {
  const json = bytes(' { "model" : "a" } ');
  expect(withMembers(json, { model: '"a"', gone: null })).toBe(json);
});

test('a key written in escapes is the same key', () => {
  expect(set('{"mod\\u0065l":"a"}', { model: '"b"' })).toBe('{"mod\\u0065l":"b"}');
});

test('of a member given twice one is left: the one that a parser sees', () => {
  expect(set('{"model":"first","model":"last","x":1}', {})).toBe('{"model":"last","x":1}');
  expect(memberOf(bytes('{"a":1,"a":{"b":2}}'), 'a')).toEqual({ b: 2 });
});

test('names of an object’s own methods are names like any other', () => {
  expect(set('{"toString":1,"__proto__":{"x":1}}', { constructor: '2' })).toBe(
    '{"toString":1,"__proto__":{"x":1},"constructor":2}',
  );
});

// A literal of `__proto__` is the prototype, in this test too.
const key = fc.string().filter((k) => k !== '__proto__');
const object = fc.dictionary(key, fc.jsonValue(), { noNullPrototype: true });

test('any object: what is set is there, and nothing else changes', () => {
  fc.assert(
    fc.property(object, key, fc.jsonValue(), fc.nat(3), (value, name, to, indent) => {
      const json = bytes(JSON.stringify(value, null, indent));
      expect(JSON.parse(withMembers(json, { [name]: JSON.stringify(to) }).toString())).toEqual(
        JSON.parse(JSON.stringify({ ...value, [name]: to })),
      );
      expect(JSON.parse(withMembers(json, { [name]: null }).toString())).toEqual(
        JSON.parse(JSON.stringify({ ...value, [name]: undefined })),
      );
      expect(outlineOf(json).members.map((m) => m.key)).toEqual(Object.keys(JSON.parse(json.toString())));
    }),
  );
});

test('any bytes are looked at without harm', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (garbage) => void outlineOf(Buffer.from(garbage))));
});

test('ten million brackets are looked at no further than need be', () => {
  const begun = performance.now();
  expect(outlineOf(Buffer.alloc(10_000_000, '['), 256).depth).toBe(257);
  expect(performance.now() - begun).toBeLessThan(500);
});

test('the parts are the strings of the outermost object and the elements of its arrays, with the comma before each', () => {
  const long = (text: string) => `"${text.padEnd(30, '.')}"`;
  const json = `{"a": ${long('a')} ,"short":"s","m":[ {"x":[${long('deep')},1]} , ${long('],[\\"')}
 ,1,{"y":{"z":${long('z')}}}],"o":{"p":[${long('inner')}],"q":${long('q')}}, "t" :[${long('t')}]}`;
  expect(outlineOf(bytes(json)).parts.map(({ start, end }) => json.slice(start, end))).toEqual([
    long('a'),
    ` {"x":[${long('deep')},1]}`,
    `, ${long('],[\\"')}`,
    `,{"y":{"z":${long('z')}}}`,
    long('t'),
  ]);
});
