/** Imports go one way: schemas ← topics ← services/runtime ← services/<name> ← services/index, main ← everything else. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');

/** Agents' side of the log, which agents' developers take as it is: an island beside the services. */
const sdk = 'agent-sdk';
const usesSdk = /^(examples\/|cli\/init\/|integration-tests\/|simulation\/|bench\/)/;

/** Only these know the Kafka client, the registry client and OpenTelemetry. */
const guarded = /^(kafkajs|@kafkajs\/|@opentelemetry\/|@platformatic\/kafka)/;

const layerOf = (path: string): string => {
  const [top = '', second = ''] = path.split('/');
  if (top !== 'services') return top;
  return second.endsWith('.ts') ? 'services' : `services/${second}`;
};

const mayImport = (from: string, to: string): boolean => {
  if (from === to) return true;
  if (from === sdk) return to === 'schemas';
  if (from === 'invariants') return ['schemas', 'topics', 'services/runtime', 'services/audit'].includes(to);
  if (['integration-tests', 'bench', 'cli', 'simulation', 'chaos', 'fuzz'].includes(from))
    return to !== 'integration-tests';
  if (from === 'conformance') return ['schemas', 'topics', 'services/runtime'].includes(to);
  if (from === 'scripts') return ['schemas', 'topics', 'services/configuration'].includes(to);
  if (from === 'topics') return to === 'schemas';
  if (from === 'services/runtime') return ['schemas', 'topics'].includes(to);
  if (from.startsWith('services/')) return ['schemas', 'topics', 'services/runtime'].includes(to);
  if (from === 'services') return to.startsWith('services/') || to === 'topics';
  return false;
};

const sources = globSync('**/*.ts', { cwd: root, exclude: (name) => /^(node_modules|\.parley|\.git)$/.test(name) });

const importsOf = (path: string): string[] => {
  const text = readFileSync(join(root, path), 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1]!);
};

/** What is wrong with an import, or nothing. */
const violation = (path: string, specifier: string): string | undefined => {
  const from = layerOf(path);
  if (!specifier.startsWith('.')) {
    const guardedHere =
      guarded.test(specifier) && !['services/runtime', 'embedded', 'integration-tests', sdk].includes(from);
    return guardedHere && !path.endsWith('.test.ts') ? `${path} knows ${specifier}` : undefined;
  }
  const target = relative(root, join(root, dirname(path), specifier));
  const isSdk = layerOf(target) === sdk && from !== sdk;
  // The SDK's own tests start brokers.
  if (from === sdk && layerOf(target) === 'embedded' && path.endsWith('.integration.test.ts')) return undefined;
  const allowed = isSdk ? usesSdk.test(path) || path.endsWith('.test.ts') : mayImport(from, layerOf(target));
  return allowed ? undefined : `${path} imports ${target}`;
};

test('every import goes one way', () => {
  expect(sources.length).toBeGreaterThan(50);
  const violations = sources.flatMap((path) => importsOf(path).flatMap((s) => violation(path, s) ?? []));
  expect(violations).toEqual([]);
});

test.each([
  ['a service that imports a service', 'services/policy/policy.ts', '../routing/choose.ts'],
  ['the runtime that imports a service', 'services/runtime/log.ts', '../policy/policy.ts'],
  ['a service that knows kafkajs', 'services/policy/policy.ts', 'kafkajs'],
  ['an agent SDK that imports a service', 'agent-sdk/agent.ts', '../services/runtime/event.ts'],
  ['an agent SDK that imports topics', 'agent-sdk/agent.ts', '../topics/index.ts'],
  ['a service that imports the agent SDK', 'services/policy/policy.ts', '../../agent-sdk/index.ts'],
  ['a command that imports the agent SDK', 'cli/up.ts', '../agent-sdk/index.ts'],
  ['a schema that imports a topic', 'schemas/index.ts', '../topics/index.ts'],
])('the rule finds %s', (_, path, specifier) => {
  expect(violation(path, specifier)).toBeDefined();
});
