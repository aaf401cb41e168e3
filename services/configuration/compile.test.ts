import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseConfiguration } from '../runtime/configuration.ts';
import { compile } from './compile.ts';
import { readMeshFile } from './read-mesh-file.ts';

const compiled = (text: string, env = {}) => {
  const read = readMeshFile(Buffer.from(text), 'mesh.yaml');
  if (Array.isArray(read)) throw new Error(read[0]?.message);
  return compile(read.file, [], env);
};
const configuration = (text: string, env = {}) => parseConfiguration(compiled(text, env));

const providers = `providers:
  chat-only: { url: https://a.example.com/v1, interfaces: [chat] }
  all: { url: https://b.example.com/v1, interfaces: [chat, responses, embeddings] }
`;

test('the document is canonical and its version is of it', () => {
  const { document, version } = compiled(
    `${providers}models:\n  b: { targets: [{ provider: all }] }\n  a: { targets: [{ provider: all }] }\n`,
  );
  const other = compiled(
    `models:\n  a: { targets: [{ provider: all }] }\n  b: { targets: [{ provider: all }] }\n# more\n${providers}`,
  );
  expect(other).toEqual({ document, version });
  expect(version).toBe(createHash('sha256').update(document).digest('hex').slice(0, 12));
});

test('fallbacks become higher tiers, in order, and a target counts where it comes first', () => {
  const { resources } = configuration(`${providers}models:
  large: { targets: [{ provider: all }, { provider: chat-only, model: big, weight: 2 }], fallbacks: [small, last] }
  small: { targets: [{ provider: all }], fallbacks: [tiny] }
  tiny: { targets: [{ provider: chat-only }, { provider: chat-only, model: big }] }
  last: { targets: [{ provider: chat-only }], fallbacks: [small] }
`);
  expect(resources.find(({ id }) => id === 'large')?.targets).toEqual([
    { id: 'all/large', connection: 'all', name: 'large', weight: 1, tier: 0 },
    { id: 'chat-only/big', connection: 'chat-only', name: 'big', weight: 2, tier: 0 },
    { id: 'all/small', connection: 'all', name: 'small', weight: 1, tier: 1 },
    { id: 'chat-only/tiny', connection: 'chat-only', name: 'tiny', weight: 1, tier: 2 },
    { id: 'chat-only/last', connection: 'chat-only', name: 'last', weight: 1, tier: 3 },
  ]);
});

test('a model can do what each of its targets can, and responses where they have chat', () => {
  const { resources } = configuration(`${providers}models:
  everywhere: { targets: [{ provider: all }, { provider: chat-only }] }
  vectors: { targets: [{ provider: all }], interfaces: [embeddings] }
  all: { targets: [{ provider: all }], tags: { region: eu } }
`);
  expect(resources).toMatchObject([
    { type: 'model', id: 'all', actions: ['model.chat', 'model.respond', 'model.embed'], attributes: { region: 'eu' } },
    { type: 'model', id: 'everywhere', actions: ['model.chat', 'model.respond'] },
    { type: 'model', id: 'vectors', actions: ['model.embed'] },
  ]);
});

test('references to secrets stay references, those in URLs are resolved', () => {
  const text = `providers:\n  p: { url: "\${BASE}/v1/", apiKey: "\${KEY}", headers: { X-Org: "\${ORG}" } }\nmodels: {}\n`;
  const env = { BASE: 'http://127.0.0.1:9', KEY: 'very-secret', ORG: 'also-secret' };
  expect(configuration(text, env).connections).toMatchObject([
    { protocol: 'openai', url: 'http://127.0.0.1:9/v1', credential: `\${KEY}`, headers: { 'x-org': `\${ORG}` } },
  ]);
  expect(compiled(text, env).document).not.toContain('secret');
});

test('prices are billionths for one token', () => {
  const { prices, currency } = configuration(`${providers}models:
  m: { targets: [{ provider: all }] }
prices:
  currency: EUR
  models: { m: { input: 1.1, output: 0.0375, cachedInput: 0 } }
  targets: { all/m: { input: 3 } }
`);
  expect(currency).toBe('EUR');
  expect(prices).toEqual([
    { of: 'model/m', nanosPer: { input_tokens: 1100, output_tokens: 37.5, cached_input_tokens: 0 } },
    { of: 'all/m', nanosPer: { input_tokens: 3000 } },
  ]);
});

test('prices of tools are billionths for a call, a millisecond and a byte', () => {
  const { prices } = configuration(`mcp: { servers: { search: { url: https://t.example.com/mcp } } }
prices: { tools: { search/find: { call: 0.01, second: 0.003, requestMegabyte: 0.5, responseMegabyte: 1 } } }
`);
  const nanosPer = { tool_calls: 10_000_000, tool_ms: 3_000, request_bytes: 500, response_bytes: 1_000 };
  expect(prices).toEqual([{ of: 'tool/search/find', nanosPer }]);
});

test('what is not shown of events is part of the configuration', () => {
  const { redaction } = configuration(`redaction: { fields: [iban, cardNumber], patterns: ['DE[0-9]{20}'] }`);
  expect(redaction).toEqual({ fields: ['cardNumber', 'iban'], patterns: ['DE[0-9]{20}'] });
  expect(configuration('models: {}').redaction).toEqual({ fields: [], patterns: [] });
});

test("a key acts for its agent, its agent's unit and tenant, and a person", () => {
  const { credentials } = configuration(`${providers}models: {}
tenants: [acme]
units: { support: { tenant: acme } }
people: [owner@example.com, other@example.com]
agents: { helpdesk: { unit: support, owner: owner@example.com } }
keys:
  a: { agent: helpdesk, hash: 'sha256:${'a'.repeat(64)}' }
  b: { agent: helpdesk, hash: 'sha256:${'b'.repeat(64)}', person: other@example.com, expires: 2027-01-31, revoked: true }
`);
  const subject = { tenant: 'acme', unit: 'support', agent: 'helpdesk', person: 'owner@example.com' };
  expect(credentials).toEqual([
    { id: 'a', hash: 'a'.repeat(64), subject, revoked: false, expiresAt: null },
    {
      id: 'b',
      hash: 'b'.repeat(64),
      subject: { ...subject, person: 'other@example.com' },
      revoked: true,
      expiresAt: '2027-01-31T00:00:00.000Z',
    },
  ]);
});

test('the example compiles', () => {
  const { resources, limits } = configuration(readFileSync('examples/mesh.yaml', 'utf8'), {
    EXAMPLE_MODEL_URL: 'http://127.0.0.1:1/v1',
    EXAMPLE_DIR: '/tmp',
  });
  expect(resources.map(({ id }) => id)).toEqual([
    'example-embedding',
    'example-large',
    'example-small',
    'planner',
    'surveyor',
    'currency',
    'everything',
    'files',
    'memory',
  ]);
  expect(limits.deadlineMs).toBe(120_000);
});

const people = `tenants: [acme]
units: { support: { tenant: acme } }
people: [owner@acme.example]
`;

test('an agent with a url, or on the log, can be asked; another only calls', () => {
  const { agents, resources, connections, a2a } = configuration(
    `${people}agents:
  desk: { unit: support, owner: owner@acme.example }
  weather: { unit: support, owner: owner@acme.example, url: '\${WEATHER}/a2a/', apiKey: '\${KEY}', tags: { region: eu } }
  planner: { unit: support, owner: owner@acme.example, log: true, partitions: 3 }
a2a: { root: weather, deadline: 2d, publicUrl: https://mesh.example.com/ }
`,
    { WEATHER: 'https://weather.example.com', KEY: 'x' },
  );
  expect(agents.map(({ name, kind, partitions }) => [name, kind, partitions])).toEqual([
    ['desk', 'caller', 1],
    ['planner', 'log', 3],
    ['weather', 'http', 1],
  ]);
  expect(resources).toEqual([
    {
      type: 'agent',
      id: 'planner',
      actions: ['agent.send'],
      targets: [{ id: 'a2a/planner', connection: 'agent:planner', name: 'planner', weight: 1, tier: 0 }],
      attributes: { tenant: 'acme', unit: 'support', person: 'owner@acme.example' },
    },
    {
      type: 'agent',
      id: 'weather',
      actions: ['agent.send'],
      targets: [{ id: 'a2a/weather', connection: 'agent:weather', name: 'weather', weight: 1, tier: 0 }],
      attributes: { region: 'eu', tenant: 'acme', unit: 'support', person: 'owner@acme.example' },
    },
  ]);
  expect(connections.map(({ id, protocol, url, credential }) => [id, protocol, url, credential])).toEqual([
    ['agent:planner', 'a2a-log', '', null],
    ['agent:weather', 'a2a', 'https://weather.example.com/a2a', `\${KEY}`],
  ]);
  expect(a2a).toEqual({
    rootAgent: 'weather',
    publicUrl: 'https://mesh.example.com',
    turnDeadlineMs: 172_800_000,
    maxDepth: 8,
    pushTo: [],
  });
});
