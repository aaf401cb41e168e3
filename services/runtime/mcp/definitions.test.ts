import { expect, test } from 'vitest';
import type * as mesh from '../../../schemas/generated.ts';
import { declares } from './declared.ts';
import { annotationsOf, definitionOf, foldDefinition, keyOf, noDefinitions, standingOf } from './definitions.ts';

const name = { server: 'calc', kind: 'TOOL', name: 'add' } as const;
const observed = (digest: string, definition: object = {}): mesh.DefinitionObserved => ({
  ...name,
  digest,
  definition: digest === '' ? Buffer.alloc(0) : Buffer.from(JSON.stringify(definition)),
  findings: [],
});
const reviewed = (digest: string, verdict: mesh.Verdict = 'APPROVED'): mesh.DefinitionReviewed => ({
  ...name,
  digest,
  verdict,
  by: 'alice',
  note: '',
  definition: Buffer.from('{}'),
});

const standing = (...events: (mesh.DefinitionObserved | mesh.DefinitionReviewed)[]) => {
  const definitions = noDefinitions();
  for (const data of events)
    foldDefinition(definitions, { type: 'verdict' in data ? 'DefinitionReviewed' : 'DefinitionObserved', data });
  const definition = definitionOf(definitions, 'calc', 'TOOL', 'add');
  return definition && standingOf(definition);
};

test('a definition is in force only as it was approved, whichever is heard first', () => {
  expect(standing()).toBeUndefined();
  expect(standing(observed('a'))).toBe('held-back');
  expect(standing(observed('a'), reviewed('a'))).toBe('in-force');
  expect(standing(reviewed('a'))).toBe('gone');
  expect(standing(reviewed('a'), observed('a'))).toBe('in-force');
  expect(standing(observed('a'), reviewed('a'), observed('b'))).toBe('held-back');
  expect(standing(observed('a'), reviewed('a'), observed('b'), observed('a'))).toBe('in-force');
  expect(standing(observed('a'), reviewed('a'), reviewed('a', 'REJECTED'))).toBe('rejected');
  expect(standing(observed('a'), reviewed('a', 'REJECTED'), observed('b'))).toBe('held-back');
});

test('what is gone is gone, however it was reviewed', () => {
  expect(standing(observed('a'), reviewed('a'), observed(''))).toBe('gone');
  expect(standing(observed(''), reviewed(''))).toBe('gone');
  expect(standing(observed('a'), reviewed('a'), observed(''), observed('a'))).toBe('in-force');
});

test('a key is of one definition, and what is before its last slash is its server', () => {
  const of = (kind: mesh.DefinitionKind, name: string, server = 'calc') => keyOf({ server, kind, name });
  const keys = [
    of('TOOL', 'a'),
    of('PROMPT', 'a'),
    of('TOOL', 'A'),
    of('TOOL', 'a/b'),
    of('TOOL', 'a%2Fb'),
    of('TOOL', 'a', 'c'),
  ];
  expect(new Set(keys).size).toBe(keys.length);
  expect(of('RESOURCE', 'file:///x y')).toBe('calc/RESOURCE file%3A%2F%2F%2Fx%20y');
  for (const key of keys.slice(0, 5)) expect(key.slice(0, key.lastIndexOf('/'))).toBe('calc');
});

test('the last word on a server counts', () => {
  const definitions = noDefinitions();
  const server = {
    server: 'calc',
    protocolVersions: ['1'],
    capabilities: Buffer.from('{}'),
    info: Buffer.from('{}'),
    instructions: '',
    leftOut: [],
  };
  for (const problem of ['', 'down'])
    foldDefinition(definitions, { type: 'ServerObserved', data: { ...server, problem } });
  expect(definitions.servers.get('calc')?.problem).toBe('down');
});

test('annotations are the hints of the server, as text', () => {
  const of = (definition: object) => annotationsOf({ ...name, observed: observed('a', definition) });
  expect(of({ annotations: { readOnlyHint: true, destructiveHint: false, title: 'Add', x: 1 } })).toEqual({
    readOnlyHint: 'true',
    destructiveHint: 'false',
  });
  for (const annotations of [undefined, null, 'x', []]) expect(of({ annotations })).toEqual({});
  expect(annotationsOf(name)).toEqual({});
});

test('an agent declares a thing, all of a server, or everything', () => {
  expect(declares(['calc/add'], 'calc/add')).toBe(true);
  expect(declares(['calc/*'], 'calc/add')).toBe(true);
  expect(declares(['*'], 'calc/add')).toBe(true);
  expect(declares(['docs/*'], 'docs/file:///a/b')).toBe(true);
  for (const declared of [[], ['calc/ad'], ['calc/add2'], ['cal/*'], ['calc2/*'], ['calc']])
    expect(declares(declared, 'calc/add')).toBe(false);
});
