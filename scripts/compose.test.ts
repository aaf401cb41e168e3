import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

interface Container {
  image: string;
  build?: string;
  command?: string[];
  ports?: string[];
  healthcheck?: { disable?: boolean };
}

const root = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const { services } = parse(read('docker-compose.yml'), { merge: true }) as { services: Record<string, Container> };
const containers = Object.entries(services);
const versionIn = (pom: string, name: string) => new RegExp(`<${name}.version>(.*)</${name}.version>`).exec(pom)?.[1];

test('every service has a container of its own name', () => {
  const names = globSync('services/*/index.ts', { cwd: root }).map((path) => path.split('/')[1]!);
  expect(names).toContain('edge-llm');
  for (const name of names) expect(services[name], name).toMatchObject({ image: 'parley', command: [name] });
});

test('ports are published on loopback only', () => {
  const published = containers.flatMap(([, { ports = [] }]) => ports);
  expect(published.length).toBeGreaterThan(0);
  for (const port of published) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
});

test('one container builds the image', () => {
  expect(containers.filter(([, { build }]) => build).map(([name]) => name)).toEqual(['topics']);
});

test('Kafka and the registry are the versions that are embedded', () => {
  const pom = read('embedded/pom.xml');
  expect(services.kafka?.image).toBe(`apache/kafka:${versionIn(pom, 'kafka')}`);
  expect(services.registry?.image).toBe(`apicurio/apicurio-registry:${versionIn(pom, 'registry')}`);
});
