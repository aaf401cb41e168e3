import { expect, test } from 'vitest';
import { type AgentRun, rowsOf } from './added.ts';
import { renderAdded } from './table.ts';

const at = (p50: number) => ({ p50, p90: p50, p99: 2 * p50, max: p50, mean: p50 });

const run = (
  agent: 'http' | 'log',
  via: 'direct' | 'parley',
  round: number,
  wholeUs: number,
  firstUs = 0,
): AgentRun => ({
  agent,
  via,
  round,
  stream: firstUs > 0,
  inFlight: 16,
  load: {
    calls: 10,
    measured: 9,
    rate: 100 + round,
    failed: 0,
    firstFault: undefined,
    callUs: at(wholeUs),
    firstByteUs: at(firstUs),
  },
  cpuUsPerCall: { parley: 1_000, broker: 500, registry: 0 },
  agentCpuUsPerCall: 50,
  catchUpMs: 250,
  othersCores: 0,
});

test('what is added is the difference within a round', () => {
  const [row] = rowsOf([
    run('http', 'direct', 0, 1_000),
    run('http', 'parley', 0, 5_000),
    run('http', 'direct', 1, 9_000),
    run('http', 'parley', 1, 11_000),
  ]);
  expect(row).toMatchObject({
    p50: { median: 8, min: 5, max: 11 },
    addedP50: { median: 3, min: 2, max: 4 },
    addedP99: { median: 6, min: 4, max: 8 },
    rate: { min: 100, max: 101 },
    cpu: { median: 1_000 },
  });
});

test('an agent on the log has no direct way, and streams are measured to their first event', () => {
  const runs = [run('log', 'parley', 0, 50_000, 7_000)];
  const [row] = rowsOf(runs);
  expect(row).toMatchObject({ p50: { median: 7 }, addedP50: undefined, directRate: undefined });
  const text = renderAdded({
    rows: rowsOf(runs),
    atRest: { parley: 0.02, broker: 0.05 },
    rssBytes: { before: 2 ** 28, after: 2 ** 29 },
  });
  expect(text).toContain('| 16 | agent on the log, streamed, to the first event | 7 | 14 | none |');
  expect(text).toContain('Parley 256 MiB (RSS) before, 512 MiB after');
});
