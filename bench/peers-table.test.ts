import { expect, test } from 'vitest';
import { type PeerRow, ratioOf, renderPeers } from './peers-table.ts';

const row = (target: string, rate: number, conc = 64, failures = 0, suite: PeerRow['suite'] = 'llm'): PeerRow => ({
  suite,
  target,
  conc,
  rps: { min: rate - 10, med: rate, max: rate + 10 },
  added_p50_ms: target === 'direct' ? null : { min: 1, med: 2.25, max: 3 },
  added_p99_ms: null,
  cpu_us_per_req: { min: 400, med: 500, max: 600 },
  failures,
});
const conditions = {
  cores: 2,
  cpu: 'a processor',
  memoryBytes: 1,
  system: 'Linux',
  node: '24.0.0',
  load: 0.1,
  at: '2026-01-01T00:00:00.000Z',
};

test('a ratio compares medians of the same interface and number of calls', () => {
  const rows = [row('parley', 2_000), row('litellm', 40), row('litellm', 30, 1)];
  expect(ratioOf(rows, rows[1]!)).toBe(50);
  expect(ratioOf(rows, rows[2]!)).toBeUndefined();
});

test('every target is a row with its spread and how Parley compares', () => {
  const text = renderPeers(
    [row('direct', 20_000), row('parley', 2_000), row('portkey', 500)],
    { rounds: 3, duration: 8 },
    conditions,
    '20.0.0',
  );
  expect(text).toContain('| 64 | **Parley** | 2,000 (1,990 to 2,010) |  | 2.3 (1 to 3) |');
  expect(text).toContain('| 64 | Portkey | 500 (490 to 510) | 4 |');
  expect(text).toContain('Every answer was right.');
  expect(text).not.toContain('Streams');
});

test('each suite is a table of its own', () => {
  const of = (suite: PeerRow['suite']) => [row('contextforge', 50, 1, 0, suite), row('parley', 100, 1, 0, suite)];
  const text = renderPeers([...of('mcp'), ...of('mcp-mock')], { rounds: 1, duration: 1 }, conditions, '20.0.0');
  expect(text.match(/\| ContextForge \| 50 \(40 to 60\) \| 2 /g)).toHaveLength(2);
  expect(text).toContain('Calls of a tool that answers at once:');
  expect(text).not.toContain('Whole answers');
});

test('wrong answers are told', () => {
  expect(renderPeers([row('parley', 10, 1, 3)], { rounds: 1, duration: 1 }, conditions, '20.0.0')).toContain(
    '3 answers were wrong.',
  );
});
