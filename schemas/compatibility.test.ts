import { expect, test } from 'vitest';
import { incompatibilities, publish, readPublished } from './compatibility.ts';
import { type RecordSchema, wholeSchema } from './index.ts';

const published = readPublished();
const current = Object.keys(published).map(wholeSchema);

test('every event can be read across every version that was published', () => {
  expect(current.length).toBeGreaterThan(15);
  expect(incompatibilities(current, published)).toEqual([]);
});

const changed = (change: (schema: RecordSchema) => void): string[] => {
  const schema = structuredClone(wholeSchema('ResponseChunk'));
  change(schema);
  return incompatibilities([schema], { ResponseChunk: [wholeSchema('ResponseChunk')] });
};

test.each<[string, (schema: RecordSchema) => void]>([
  ['a new field without a default', (s) => s.fields.push({ name: 'more', type: 'string', doc: '' })],
  ['a removed field without a default', (s) => s.fields.splice(0, 1)],
  ['another type', (s) => Object.assign(s.fields[0]!, { type: 'string' })],
])('%s would break a reader', (_, change) => {
  expect(changed(change)).not.toEqual([]);
});

test('a new field with a default breaks nobody', () => {
  expect(changed((s) => s.fields.push({ name: 'more', type: 'string', doc: '', default: '' }))).toEqual([]);
});

test('publishing adds a version only where something changed', () => {
  const once = publish([wholeSchema('ResponseChunk')], {});
  expect(once.ResponseChunk).toHaveLength(1);
  expect(publish([wholeSchema('ResponseChunk')], once).ResponseChunk).toHaveLength(1);
});
