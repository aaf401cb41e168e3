import { expect, test } from 'vitest';
import type { InstancesRun } from './instances.ts';
import { renderHistory, renderInstances, renderRebuilds } from './table.ts';

const run = (round: number, instances: number, rate: number, node: number): InstancesRun => ({
  round,
  shape: 'all',
  instances,
  rate,
  p50Ms: 20,
  p99Ms: 40,
  failed: 0,
  firstFault: undefined,
  cpuUsPerCall: { node, broker: 300 },
  rssBytes: instances * 200 * 1024 * 1024,
  othersCores: 0,
});

test('instances are a row each, with the spread of their rounds, and the text says what the figures are not', () => {
  const runs = [run(0, 1, 2_000, 600), run(0, 4, 1_000, 900), run(1, 1, 2_200, 640), run(1, 4, 1_000, 900)];
  const plan = { rounds: 2, instances: [1, 4], inFlight: 64, warmUpMs: 1_000, durationMs: 8_000 };
  const text = renderInstances(runs, plan, 2);
  expect(text).toContain('| 1 | 2,100 (2,000 to 2,200) | 20 | 40 | 620 (600 to 640) | 300 | 200 | 0 |');
  expect(text).toContain('| 4 | 1,000 | 20 | 40 | 900 | 300 | 800 | 0 |');
  expect(text).toContain('On 2 cores');
});

test('a log of each size is a row, in records and conversations a second', () => {
  const text = renderHistory([
    {
      conversations: 1_000,
      fill: { conversations: 1_000, records: 9_000, ms: 500 },
      records: 9_000,
      logBytes: 8 * 1024 * 1024,
      clusterStartMs: { clean: 3_000, killed: 9_000 },
      clean: [
        { readyMs: 1_000, answeredMs: 1_500 },
        { readyMs: 3_000, answeredMs: 3_500 },
      ],
      killed: [{ readyMs: 11_000, answeredMs: 11_250 }],
      rare: { readyMs: 2_000, answeredMs: 7_000 },
      usage: { ms: 500, records: 1_000, peakRssBytes: 0 },
      auditVerify: { ms: 2_000, records: 8_000, peakRssBytes: 0 },
      replayOne: { ms: [800], records: 417 },
      replayAll: { conversations: 1_000, records: 5_000, characters: 1, ms: 250, peakRssBytes: 0 },
      faults: [],
    },
  ]);
  expect(text).toContain('| 1,000 | 9,000 | 8 | 3 | 9 | 2 (1 to 3) | 2.5 (1.5 to 3.5) | 11 | 11.3 | 7 |');
  expect(text).toContain('| 1,000 | 18,000 | 0.5 | 2,000 | 0 | 2 | 4,000 | 0 | 0.8 | 417 | 0.25 | 4,000 | 0 |');
});

test('a service from zero is a row, with what it was handed a second', () => {
  const one = {
    group: 'policy',
    from: 'lost',
    readyMs: 1_000,
    caughtUpMs: 4_000,
    records: 8_000,
    recalled: 8_000,
    stated: 3,
  } as const;
  const text = renderRebuilds({
    conversations: 8_000,
    services: [one],
    keys: { keys: 5, without: 1_000, with: 1_200 },
  });
  expect(text).toContain('| 1 | 4 | 8,000 | 8,000 | 3 | 2,000 |');
  expect(text).toContain('ready after 1.2 s, without after 1 s');
});
