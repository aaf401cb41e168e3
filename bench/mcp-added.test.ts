import { expect, test } from 'vitest';
import { type McpRun, rowsOf } from './mcp-added.ts';
import { renderMcpAdded } from './mcp-table.ts';

const at = (us: number) => ({ p50: us, p90: us, p99: 2 * us, max: 2 * us, mean: us });

const run = (era: McpRun['era'], via: McpRun['via'], wholeUs: number, firstUs = 0): McpRun => ({
  era,
  via,
  round: 0,
  stream: firstUs > 0,
  inFlight: 16,
  load: {
    calls: 10,
    measured: 9,
    rate: 100,
    failed: 0,
    firstFault: undefined,
    callUs: at(wholeUs),
    firstByteUs: at(firstUs),
  },
  cpuUsPerCall: { parley: 1_000, broker: 500, registry: 0 },
  catchUpMs: 250,
  othersCores: 0.5,
});

test('what is added is told for each kind of client, and for progress to its first', () => {
  const rows = rowsOf([
    run('modern', 'direct', 1_000),
    run('legacy', 'direct', 3_000),
    run('modern', 'parley', 5_000),
    run('legacy', 'parley', 4_000),
    run('modern', 'direct', 60_000, 2_000),
    run('modern', 'parley', 90_000, 9_000),
  ]);
  expect(rows.map(({ era, stream, addedP50, addedP99 }) => [era, stream, addedP50.median, addedP99.median])).toEqual([
    ['modern', false, 4, 8],
    ['modern', true, 7, 14],
    ['legacy', false, 1, 2],
  ]);
  const text = renderMcpAdded({
    rows,
    atRest: { parley: 0.02, broker: 0.05 },
    rssBytes: { before: 0, after: 2 ** 28 },
  });
  expect(text).toContain('| 16 | client of 2026-07-28, to the first progress | 2 | 9 | 7 | 14 |');
  expect(text).toContain('Others used up to 0.5 cores');
});
