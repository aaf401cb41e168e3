import { expect, test } from 'vitest';
import { argumentsOf } from './arguments.ts';

test.each([
  [
    { path: '/tmp/a', options: { force: true, depth: 2 } },
    { path: '/tmp/a', 'options.force': 'true', 'options.depth': '2' },
  ],
  [{ paths: ['/a', { deep: null }] }, { 'paths.0': '/a', 'paths.1.deep': 'null' }],
  [
    { 'a.b': 1, a: { b: 2 } },
    { 'a\\.b': '1', 'a.b': '2' },
  ],
  [{ __proto__: { x: 1 } }, {}],
  [JSON.parse('{"__proto__": {"x": 1}, "": {"": "y"}}'), { '__proto__.x': '1', '.': 'y' }],
  // In UTF-8 they would all be the same name.
  [JSON.parse('{"\\ud800": 1, "\\ud801": 2, "\ufffd": 3}'), { '\\ud800': '1', '\\ud801': '2', '\ufffd': '3' }],
  [JSON.parse('{"a": "b\\ud800"}'), { a: 'b\ufffd' }],
  [undefined, {}],
  ['text', {}],
])('%j', (given, expected) => {
  expect(argumentsOf(given)).toEqual(expected);
});

test('what is nested without end is text from some depth on', () => {
  let deep: object = { end: true };
  for (let i = 0; i < 100; i++) deep = { in: deep };
  const [[path, text]] = Object.entries(argumentsOf(deep)) as [[string, string]];
  expect(path.split('.')).toHaveLength(64);
  expect(text).toContain('{"end":true}');
});
