import { expect, test } from 'vitest';
import type { Run } from './compare.ts';
import type { Distribution } from './statistics.ts';
import { summarize } from './summary.ts';
import { render, withSpread } from './table.ts';

const flat = (us: number): Distribution => ({ p50: us, p90: us, p99: 2 * us, max: 2 * us, mean: us });

const run = (via: Run['via'], round: number, us: number, rate: number, stream = false): Run => ({
  via,
  round,
  stream,
  inFlight: 16,
  load: {
    calls: 5000,
    measured: 4000,
    rate,
    failed: 0,
    firstFault: undefined,
    callUs: flat(stream ? 500_000 : us),
    firstByteUs: flat(us),
  },
  cpuUsPerCall: { parley: 900, broker: 400, registry: 0 },
  catchUpMs: 250,
  othersCores: 0.3,
});

const runs = [
  run('direct', 0, 1000, 9000),
  run('parley', 0, 6000, 1500),
  run('direct', 1, 2000, 8000),
  run('parley', 1, 9000, 1300),
  run('direct', 0, 2000, 30, true),
  run('parley', 0, 9500, 29, true),
];

test('what is added is the difference within a round', () => {
  const [whole, streams] = summarize(runs);
  expect(whole!.addedP50).toEqual({ median: 6, min: 5, max: 7 });
  expect(whole!.addedP99).toEqual({ median: 12, min: 10, max: 14 });
  expect(whole!.parleyRate).toEqual({ median: 1400, min: 1300, max: 1500 });
  // Of streams it is the first byte that counts.
  expect(streams!.addedP50.median).toBe(7.5);
});

test('a spread is shown where there is one', () => {
  expect(withSpread({ median: 1234.56, min: 999, max: 1500 })).toBe('1,235 (999 to 1,500)');
  expect(withSpread({ median: 0.123, min: 0.123, max: 0.123 })).toBe('0.12');
});

test('the figures as Markdown', () => {
  const text = render({
    rows: summarize(runs),
    rounds: 2,
    durationMs: 5000,
    chunkGapMs: 20,
    startMs: { first: 9_400, again: 6_100 },
    memory: { parley: 200 * 2 ** 20, broker: 500 * 2 ** 20, registry: 300 * 2 ** 20 },
    atRest: { parley: 0.04, broker: 0.02 },
    conditions: { cores: 2, cpu: 'a CPU', memoryBytes: 2 ** 33, system: 'Linux 6', node: '24.1.0', load: 0.1, at: '' },
  });
  expect(text).toContain(
    '| 16 | 1.5 | 7.5 | 6 (5 to 7) | 12 (10 to 14) | 8,500 | 1,400 (1,300 to 1,500) | 900 | 400 |',
  );
  expect(text).toContain('Streams, to the first byte (one chunk every 20 ms):');
  expect(text).toContain('Start to `/readyz`: 9.4 s with no data, 6.1 s');
  expect(text).toContain('Every answer was right.');
});
