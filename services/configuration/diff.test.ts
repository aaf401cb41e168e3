import { expect, test } from 'vitest';
import { parseConfiguration } from '../runtime/configuration.ts';
import { compile } from './compile.ts';
import { difference } from './diff.ts';
import { readMeshFile } from './read-mesh-file.ts';

const configuration = (text: string, policies: { id: string; text: string }[] = []) => {
  const read = readMeshFile(Buffer.from(text), 'mesh.yaml');
  if (Array.isArray(read)) throw new Error(read[0]?.message);
  return parseConfiguration(compile(read.file, policies, {}));
};

const text = `providers:
  p: { url: https://a.example.com/v1, apiKey: "\${KEY}", headers: { x-version: "2" } }
models:
  m: { targets: [{ provider: p }], tags: { size: small } }
prices: { models: { m: { input: 1 } } }
tenants: [acme]
units: { u: { tenant: acme } }
people: [owner@example.com]
agents: { a: { unit: u, owner: owner@example.com } }
keys:
  k: { agent: a, hash: 'sha256:${'a'.repeat(64)}' }
limits: { deadline: 60s }
`;
const policies = [{ id: 'policies/a.cedar', text: 'permit(principal, action, resource);' }];
const before = configuration(text, policies);
const after = (from: string | RegExp, to: string) =>
  difference(before, configuration(text.replace(from, to), policies));

test('nothing changed, nothing told', () => {
  expect(difference(before, before)).toEqual([]);
});

test('a first configuration is all new', () => {
  expect(difference(undefined, before)).toEqual([
    '+ providers.p',
    '+ models.m',
    '+ prices.model/m',
    '+ keys.k',
    '+ policies/a.cedar',
  ]);
});

test('what changed is told in the words of the file', () => {
  expect(after('60s', '30s')).toEqual(['~ limits.deadline 1m → 30s']);
  expect(after('https://a.', 'https://b.')).toEqual([
    '~ providers.p.url https://a.example.com/v1 → https://b.example.com/v1',
  ]);
  expect(after('  m: { targets', '  n: { targets: [{ provider: p }] }\n  m: { targets')).toEqual(['+ models.n']);
  expect(after('provider: p }', 'provider: p, weight: 2 }')).toEqual([
    '~ models.m.targets p/m (tier 0, weight 1) → p/m (tier 0, weight 2)',
  ]);
  expect(after('size: small', 'size: large, region: eu')).toEqual([
    '~ models.m.tags.size small → large',
    '+ models.m.tags.region',
  ]);
  expect(after('input: 1', 'input: 2.5')).toEqual(['~ prices.model/m.input_tokens 1 per million → 2.5 per million']);
  expect(after(/keys:\n.*\n/, '')).toEqual(['- keys.k']);
});

test('limits of MCP servers and of their tools are told as they are written', () => {
  const server = (limits: string) =>
    configuration(`${text}\nmcp: { servers: { web: { url: https://web.example.com/mcp, ${limits} } } }`, policies);
  const was = server('callsPerMinute: 60, tools: { look: { resultSize: 1MiB, tooLarge: refuse } }');
  const is = server('tooLarge: truncate, tools: { look: { resultSize: 64KiB, timeouts: { idle: 5s } } }');
  expect(difference(was, is)).toEqual([
    '- mcp.servers.web.callsPerMinute',
    '~ mcp.servers.web.tooLarge refuse → truncate',
    '~ mcp.servers.web.tools.look.resultSize 1MiB → 64KiB',
    '- mcp.servers.web.tools.look.tooLarge',
    '+ mcp.servers.web.tools.look.timeouts.idle',
  ]);
});

test('neither hashes nor headers nor policies are shown', () => {
  const told = [
    ...after('aaaa', 'bbbb'),
    ...after('x-version: "2"', 'x-version: "3"'),
    ...difference(
      before,
      configuration(text, [{ id: 'policies/a.cedar', text: 'forbid(principal, action, resource);' }]),
    ),
  ];
  expect(told).toEqual([
    '~ keys.k.hash changed',
    '~ providers.p.headers.x-version changed',
    '~ policies/a.cedar.text changed',
  ]);
});
