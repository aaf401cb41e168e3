import { expect, test } from 'vitest';
import type { AgentCardPublished } from '../../schemas/generated.ts';
import type { AgentConfiguration } from '../../services/runtime/configuration.ts';
import { nameOf, withAgent } from './register.ts';
import { agentTable, agentText } from './text.ts';

const MESH = `# The mesh.
tenants: [acme]
units:
  travel: { tenant: acme } # pays
people: [lead@acme.example]
`;
const weather = { unit: 'travel', owner: 'lead@acme.example', url: 'https://weather.example.com' };

test('a name for mesh.yaml is made of what a card calls its agent', () => {
  expect(['Weather & Wind!', '  ', '気象', `${'x'.repeat(63)}  y`].map(nameOf)).toEqual([
    'weather-wind',
    '',
    '',
    'x'.repeat(63),
  ]);
});

const lines = (name: string) =>
  `  ${name}:\n    unit: travel\n    owner: lead@acme.example\n    url: https://weather.example.com\n`;

test('an agent is added to mesh.yaml, the rest of which stays as it is', () => {
  const first = withAgent(MESH, 'mesh.yaml', 'weather', weather);
  expect(first).toBe(`${MESH}agents:\n${lines('weather')}`);
  expect(() => withAgent(first, 'mesh.yaml', 'weather', weather)).toThrow('mesh.yaml has an agent weather');
  const rest = '\n# What protects it.\nlimits: { deadline: 1m }';
  const second = withAgent(`${first.trimEnd()} # good${rest}`, 'mesh.yaml', 'wind', weather);
  expect(second).toBe(`${first.trimEnd()} # good\n${lines('wind')}${rest.slice(1)}\n`);
  expect(withAgent(`${MESH}agents: {}\n`, 'mesh.yaml', 'weather', weather)).toContain(' weather: {');
});

test('a mesh.yaml that is not right, or would not be, is left alone', () => {
  expect(() => withAgent(MESH, 'mesh.yaml', 'weather', { ...weather, unit: 'sea' })).toThrow(
    /mesh\.yaml:\d+:\d+ .*sea/,
  );
  expect(() => withAgent(MESH, 'mesh.yaml', '../x', weather)).toThrow(/mesh\.yaml:\d+:\d+ agents/);
  expect(() => withAgent('units: [', 'mesh.yaml', 'weather', weather)).toThrow('mesh.yaml:1:');
});

const agent = (name: string, kind: AgentConfiguration['kind']): AgentConfiguration => ({
  name,
  tenant: 'acme',
  unit: 'travel',
  owner: 'lead@acme.example',
  kind,
  partitions: 1,
  tools: [],
});
const card = {
  name: 'Planner',
  version: '1.2',
  description: 'Plans \u001b[2J\u009btrips.',
  supportedInterfaces: [
    { url: 'https://mesh.example/a2a/planner', protocolBinding: 'JSONRPC', protocolVersion: '1.0' },
  ],
  skills: [{ id: 'plan', name: 'Plan', description: 'Plans a trip', tags: [] }],
};
const published = (of: unknown): AgentCardPublished => ({
  agent: 'planner',
  card: Buffer.from(JSON.stringify(of)),
  digest: '',
  signature: 'VERIFIED',
  extendedCard: null,
});
const cards = {
  published: new Map([['planner', published(card)]]),
  refused: new Map([['planner', 'its signature does not hold']]),
};

test('agents are listed with how they are reached and what they can do', () => {
  expect(agentTable([agent('bot', 'caller'), agent('planner', 'log'), agent('new', 'http')], cards)).toEqual([
    'agent    unit         owner              is          card                                                          skills',
    'bot      acme/travel  lead@acme.example  only calls',
    'planner  acme/travel  lead@acme.example  on the log  verified; the newest is refused: its signature does not hold  plan',
    'new      acme/travel  lead@acme.example  A2A server  none yet',
  ]);
});

test('what a card says reaches the terminal as harmless lines', () => {
  expect(agentText(agent('planner', 'log'), cards)).toEqual([
    'planner of acme/travel, owned by lead@acme.example: on the log',
    '  card: verified; the newest is refused: its signature does not hold',
    '  Planner 1.2: Plans [2J trips.',
    '  JSONRPC 1.0 at https://mesh.example/a2a/planner',
    '  skill plan: Plans a trip',
  ]);
});
