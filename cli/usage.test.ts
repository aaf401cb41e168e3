import { expect, test } from 'vitest';
import type { UsageRecorded } from '../schemas/generated.ts';
import { usageTable } from './usage.ts';
import { type Attribute, UsageSums } from './usage-sums.ts';

const usage = (unit: string, model: string, more: Partial<UsageRecorded> = {}): UsageRecorded => ({
  subject: { tenant: 'acme', unit, agent: `${unit}-bot`, person: 'lead', credential: 'k', actors: [] },
  action: 'model.chat',
  resource: { type: 'model', id: model },
  target: { id: `openai/${model}`, connection: 'openai', name: model },
  meters: { input_tokens: 1_000, output_tokens: 50 },
  estimated: false,
  costNanos: 2_000_000,
  currency: 'USD',
  priced: true,
  configurationVersion: 'v1',
  ...more,
});

const all = [
  usage('support', 'small'),
  usage('support', 'small', { estimated: true }),
  usage('research', 'large', { costNanos: 9_000_000 }),
  usage('research', 'free', { costNanos: 0, priced: false, meters: { input_tokens: 7 } }),
  usage('support', 'search', {
    resource: { type: 'tool', id: 'search' },
    meters: { calls: 1 },
    costNanos: 5,
    currency: 'EUR',
  }),
];

const sum = (by: Attribute) => {
  const sums = new UsageSums(by);
  for (const one of all) sums.add(one);
  return sums.all();
};

test('sums by unit, the dearest first', () => {
  expect(sum('unit')).toEqual([
    {
      name: 'research',
      calls: 2,
      meters: { input_tokens: 1_007, output_tokens: 50 },
      costNanos: { USD: 9_000_000 },
      estimated: 0,
      unpriced: 1,
    },
    {
      name: 'support',
      calls: 3,
      meters: { input_tokens: 2_000, output_tokens: 100, calls: 1 },
      costNanos: { USD: 4_000_000, EUR: 5 },
      estimated: 1,
      unpriced: 0,
    },
  ]);
});

test('sums by model leave out what is none', () => {
  expect(sum('model').map(({ name, calls }) => [name, calls])).toEqual([
    ['large', 1],
    ['small', 2],
    ['free', 1],
  ]);
});

test('sums by tool leave out what is none; what a tool reported in another currency is told of', () => {
  const tool = (id: string, meters: Record<string, number>, more: Partial<UsageRecorded> = {}) =>
    usage('support', id, { resource: { type: 'tool', id }, meters, costNanos: 0, ...more });
  const sums = new UsageSums('tool');
  for (const one of [
    usage('support', 'small'),
    tool('files/read', { tool_calls: 1, tool_ms: 12, response_bytes: 100 }),
    tool('files/read', { tool_calls: 1, tool_ms: 8, response_bytes: 50 }),
    tool('crm/find', { tool_calls: 1, reported_cost_nanos: 20_000_000 }, { costNanos: 20_000_000 }),
    tool('geo/find', { tool_calls: 1, unaccepted_costs: 1 }, { priced: false }),
  ])
    sums.add(one);
  expect(usageTable(sums.all(), 'tool')).toEqual([
    'tool        calls  reported_cost_nanos  response_bytes  tool_calls  tool_ms  unaccepted_costs          cost',
    'crm/find        1           20,000,000               0           1        0                 0  0.020000 USD',
    'files/read      2                    0             150           2       20                 0  0.000000 USD',
    'geo/find        1                    0               0           1        0                 1  0.000000 USD  *',
    '* of 1 call something has no price in mesh.yaml and is not in the cost',
    '* of 1 call a tool reported a cost in another currency, or none that can be charged',
  ]);
});

test.each([
  ['agent', ['research-bot', 'support-bot']],
  ['person', ['lead']],
  ['tenant', ['acme']],
] as const)('sums by %s', (by, names) => {
  expect(sum(by).map(({ name }) => name)).toEqual(names);
});

test('a table says what was estimated and what has no price', () => {
  expect(usageTable(sum('unit'), 'unit')).toEqual([
    'unit      calls  calls  input_tokens  output_tokens                         cost',
    'research      2      0         1,007             50                 0.009000 USD  *',
    'support       3      1         2,000            100  0.004000 USD + 0.000000 EUR  ~',
    '~ of 1 call the mesh counted the meters itself: the upstream said nothing',
    '* of 1 call something has no price in mesh.yaml and is not in the cost',
  ]);
});
