import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isOurs } from './adopt.ts';
import { marker } from './kafka.ts';
import { plan, readState, type Sight, type State, type Step, writeState } from './state.ts';

test.each<[Sight, Sight, Step, Step]>([
  ['gone', 'gone', 'start', 'start'],
  ['answers', 'answers', 'adopt', 'adopt'],
  ['answers', 'gone', 'adopt', 'start'],
  ['answers', 'silent', 'adopt', 'restart'],
  ['silent', 'silent', 'restart', 'restart'],
  ['silent', 'answers', 'restart', 'restart'],
  ['gone', 'answers', 'start', 'restart'],
  ['gone', 'silent', 'start', 'restart'],
])('Kafka %s and registry %s: %s and %s', (kafka, registry, kafkaStep, registryStep) => {
  expect(plan({ kafka, registry })).toEqual({ kafka: kafkaStep, registry: registryStep });
});

test('takes a process for ours only if it began when ours did and carries our mark', () => {
  const server = { pid: 7, started: '1000', port: 9001 };
  const command = `java ${marker('/data/kafka')} kafka.Kafka`;
  expect(isOurs(server, '/data/kafka', { pid: 7, started: '1000', command })).toBe(true);
  expect(isOurs(server, '/data/kafka', { pid: 7, started: '2000', command })).toBe(false);
  expect(isOurs(server, '/data/kafka', { pid: 7, started: '1000', command: 'java other.Main' })).toBe(false);
  expect(isOurs(server, '/data', { pid: 7, started: '1000', command })).toBe(false);
  expect(isOurs(server, '/data/kafka', undefined)).toBe(false);
});

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'parley-state-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

test('reads what was written', () => {
  const file = join(dir, 'embedded.json');
  const state: State = { owner: { pid: 1, started: '5' }, kafka: { pid: 2, started: '6', port: 9001 } };
  writeState(file, state);
  expect(readState(file)).toEqual(state);
});

test('takes a missing, broken or foreign file for no state', () => {
  const file = join(dir, 'odd.json');
  expect(readState(file)).toBeUndefined();
  for (const text of ['', '{"owner": {', 'null', '[]', '{"pid": 1}']) {
    writeFileSync(file, text);
    expect(readState(file)).toBeUndefined();
  }
});
