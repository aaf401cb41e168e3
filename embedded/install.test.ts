import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mavenNotFound } from './errors.ts';
import { versions } from './install.ts';
import { downloads, noDownloads } from './maven-output.ts';

test('takes the versions from the pom', () => {
  const pom = readFileSync(join(import.meta.dirname, 'pom.xml'), 'utf8');
  expect(versions(pom)).toEqual({
    kafka: expect.stringMatching(/^4\.\d+\.\d+$/),
    registry: expect.stringMatching(/^3\.\d+\.\d+$/),
  });
  expect(() => versions('<project/>')).toThrow('no <kafka.version>');
});

test('counts what Maven says it downloads', () => {
  const output = `[INFO] Scanning for projects...
[INFO] Downloading from central: https://repo.example/org/a/1/a-1.pom
[INFO] Downloaded from central: https://repo.example/org/a/1/a-1.pom (5.5 kB at 12 kB/s)
[INFO] Downloading from central: https://repo.example/org/b/1/b-1-all.zip
[INFO] Downloaded from central: https://repo.example/org/b/1/b-1-all.zip (109 MB at 64 MB/s)
[INFO] Downloading from central: https://repo.example/org/c/1/c-1.jar`;
  expect(output.split('\n').reduce(downloads, noDownloads)).toEqual({ files: 2, bytes: 109_005_500, now: 'c-1.jar' });
});

test('without Maven, names the ways on', () => {
  const { code, message } = mavenNotFound();
  expect(code).toBe('MAVEN_NOT_FOUND');
  for (const way of ['Maven 3.8', 'docker compose up', 'KAFKA_BROKERS', 'SCHEMA_REGISTRY_URL']) {
    expect(message).toContain(way);
  }
});
