import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EmbeddedError } from './errors.ts';
import { findJava, javaMajor, javaVersion } from './java.ts';

test.each([
  ['openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment', '17.0.15', 17],
  ['openjdk version "21" 2023-09-19', '21', 21],
  ['openjdk version "25-ea" 2025-09-16', '25-ea', 25],
  ['java version "1.8.0_392"', '1.8.0_392', 8],
  ['Picked up JAVA_TOOL_OPTIONS: -Dx=y\nopenjdk version "11.0.2" 2019-01-15', '11.0.2', 11],
])('reads %j', (output, version, major) => {
  expect(javaVersion(output)).toBe(version);
  expect(javaMajor(version)).toBe(major);
});

test('sees no version in other output', () => expect(javaVersion('java: command not found')).toBeUndefined());

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'parley-java-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

/** A directory that looks like JAVA_HOME. */
function home(version: string): string {
  const bin = join(dir, version, 'bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'java'), `#!/bin/sh\necho 'openjdk version "${version}"' >&2\n`);
  chmodSync(join(bin, 'java'), 0o755);
  return join(dir, version);
}

test('takes the Java of JAVA_HOME before that of PATH', () => {
  const env = { JAVA_HOME: home('21.0.1'), PATH: join(home('17.0.2'), 'bin') };
  expect(findJava(env)).toEqual({ path: join(dir, '21.0.1', 'bin', 'java'), version: '21.0.1' });
});

test('takes the Java of PATH when that of JAVA_HOME is too old or not there', () => {
  const PATH = join(home('17.0.2'), 'bin');
  expect(findJava({ JAVA_HOME: home('11.0.2'), PATH })).toEqual({ path: 'java', version: '17.0.2' });
  expect(findJava({ JAVA_HOME: join(dir, 'nowhere'), PATH })).toEqual({ path: 'java', version: '17.0.2' });
});

test('without a Java, names the ways on', () => {
  const refusal = () => findJava({ PATH: dir });
  expect(refusal).toThrow(EmbeddedError);
  expect(refusal).toThrow(expect.objectContaining({ code: 'JAVA_NOT_FOUND' }));
  for (const way of ['Java 17', 'found none', 'docker compose up', 'KAFKA_BROKERS', 'SCHEMA_REGISTRY_URL']) {
    expect(refusal).toThrow(way);
  }
});

test('with only an old Java, says which', () => {
  expect(() => findJava({ PATH: join(home('11.0.2'), 'bin') })).toThrow('found only Java 11.0.2 (java)');
});
