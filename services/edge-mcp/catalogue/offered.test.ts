import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson } from '../../runtime/canonical-json.ts';
import { difference, inWords } from './difference.ts';
import { type Offered, readAll, readOffered } from './offered.ts';

const tool = (more: object) =>
  readOffered('TOOL', { name: 'add', inputSchema: { type: 'object' }, ...more }) as Offered;

test('a definition has a digest of what it says, in whatever order it says it', () => {
  const one = readOffered('TOOL', { name: 'add', description: 'Adds.', inputSchema: { type: 'object', a: [1, null] } });
  const other = readOffered('TOOL', {
    inputSchema: { a: [1, null], type: 'object' },
    description: 'Adds.',
    name: 'add',
  });
  expect(one).toEqual(other);
  expect((one as Offered).definition.toString()).toBe(
    '{"description":"Adds.","inputSchema":{"a":[1,null],"type":"object"},"name":"add"}',
  );
  expect((one as Offered).digest).toMatch(/^[0-9a-f]{64}$/);
  expect(tool({ description: 'Adds' }).digest).not.toBe(tool({ description: 'Adds.' }).digest);
});

test('canonical JSON is JSON of the same value', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('members that MCP does not know are part of it', () => {
  expect(tool({ 'x-more': 1 }).digest).not.toBe(tool({}).digest);
  expect(tool({ _meta: { ui: 1 } }).digest).not.toBe(tool({}).digest);
});

test('a resource is the same however large it is just now', () => {
  const at = (size: number, lastModified: string) =>
    readOffered('RESOURCE', { uri: 'a:b', name: 'b', size, annotations: { lastModified, priority: 1 } }) as Offered;
  expect(at(1, '2026-01-01').digest).toBe(at(2, '2026-01-02').digest);
  expect(at(1, '2026-01-01').definition.toString()).toBe('{"annotations":{"priority":1},"name":"b","uri":"a:b"}');
});

const nested = (levels: number) => {
  let schema: object = {};
  for (let i = 0; i < levels; i++) schema = { not: schema };
  return { name: 'deep', inputSchema: schema };
};

test.each<[string, unknown, string]>([
  ['that is nothing', null, 'it has no name'],
  ['that is a list', [], 'it has no name'],
  ['without a name', { name: '' }, 'it has no name'],
  ['with a number for a name', { name: 1 }, 'it has no name'],
  ['with an endless name', { name: 'x'.repeat(3_000) }, 'longer than 2048'],
  ['with half a character in its name', { name: 'x\ud800' }, 'not well-formed'],
  ['that is deep', nested(70), 'nested deeper than 64 levels'],
  ['that is beyond the stack', nested(100_000), 'nested deeper than 64 levels'],
  [
    'that wants an object in a header',
    { name: 'x', inputSchema: { type: 'object', properties: { o: { type: 'object', 'x-mcp-header': 'O' } } } },
    'x-mcp-header',
  ],
  ['whose arguments are no object', { name: 'x', inputSchema: { $ref: '#/$defs/a' } }, 'inputSchema.type: '],
  [
    'with an odd hint',
    { name: 'x', inputSchema: { type: 'object' }, annotations: { readOnlyHint: 'yes' } },
    'annotations.readOnlyHint: ',
  ],
  [
    'that is large',
    { name: 'large', inputSchema: { type: 'object' }, description: 'x'.repeat(1024 * 1024) },
    'larger than 1048576 bytes',
  ],
])('a tool %s is left out', (_, listed, reason) => {
  expect(readOffered('TOOL', listed)).toMatchObject({ kind: 'TOOL', reason: expect.stringContaining(reason) });
});

test('prompts and resources that clients could not read are left out', () => {
  expect(readOffered('PROMPT', { name: 'x', arguments: [{ required: true }] })).toMatchObject({
    reason: expect.stringContaining('arguments.0.name: '),
  });
  expect(readOffered('RESOURCE', { uri: 'a:b' })).toMatchObject({ reason: expect.stringContaining('name: ') });
  expect(readOffered('RESOURCE', { uri: 'docs/readme', name: 'b' })).toMatchObject({ reason: 'its uri is none' });
  expect(readOffered('RESOURCE_TEMPLATE', { uriTemplate: 'a:{b}', name: 'b', mimeType: 1 })).toMatchObject({
    reason: expect.stringContaining('mimeType: '),
  });
});

test('of a name that is there twice the first counts, and what cannot be read takes nothing with it', async () => {
  const { offered, leftOut } = await readAll('PROMPT', [{ name: 'a' }, 7, { name: 'a', title: 'A' }, { name: 'b' }]);
  expect(offered.map(({ name, times }) => [name, times])).toEqual([
    ['a', 2],
    ['b', 1],
  ]);
  expect(offered[0]?.definition.toString()).toBe('{"name":"a"}');
  expect(leftOut).toEqual([{ kind: 'PROMPT', name: '', reason: 'it has no name' }]);
});

test('what is clean is recorded', () => {
  const read = readOffered('TOOL', { name: 'a', inputSchema: { type: 'object' }, description: 'key s3cret' }, (bytes) =>
    Buffer.from(bytes.toString().replace('s3cret', '[removed]')),
  );
  expect((read as Offered).definition.toString()).toContain('key [removed]');
});

const said = (before: unknown, after: unknown) => difference(before, after).map(inWords);

test('a difference is told place by place', () => {
  const before = {
    description: 'Adds.',
    inputSchema: { properties: { 'a/b': { type: 'number' }, c: {} }, required: ['c'] },
  };
  const after = {
    description: 'Sums.',
    inputSchema: { properties: { 'a/b': { type: 'string' }, d: {} }, required: ['c', 'd'] },
  };
  expect(said(before, after)).toEqual([
    '/description was "Adds.", is "Sums."',
    '/inputSchema/properties/a~1b/type was "number", is "string"',
    '/inputSchema/properties/c is gone; it was {}',
    '/inputSchema/properties/d is new: {}',
    '/inputSchema/required/1 is new: "d"',
  ]);
  expect(said(before, structuredClone(before))).toEqual([]);
  expect(said({}, [])).toEqual(['the whole was {}, is []']);
  expect(said({ a: null }, {})).toEqual(['/a is gone; it was null']);
});

test('what cannot be seen is written by its number', () => {
  expect(said({ a: 'x' }, { a: 'x\u200b\u202e\u{e0041}\u009b' })).toEqual([
    '/a was "x", is "x\\u{200b}\\u{202e}\\u{e0041}\\u{9b}"',
  ]);
  expect(said({}, { a: 'y'.repeat(1_000) })[0]).toMatch(/^\/a is new: "y{290,300}…$/);
});
