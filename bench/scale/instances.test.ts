import { expect, test } from 'vitest';
import type { LoadResult } from '../load.ts';
import { instancesSettings, shareOut, together } from './instances.ts';

test.each([
  [64, 1, [64]],
  [64, 4, [16, 16, 16, 16]],
  [10, 4, [3, 3, 2, 2]],
  [2, 4, [1, 1]],
])('%i calls in flight over %i ports', (inFlight, ports, shares) => {
  expect(shareOut(inFlight, ports)).toEqual(shares);
});

const load = (calls: number, p50: number, p99: number, firstFault?: string): LoadResult => {
  const callUs = { p50, p90: p99, p99, max: p99, mean: p50 };
  const failed = firstFault === undefined ? 0 : 1;
  return { calls, measured: calls, rate: calls / 2, failed, firstFault, callUs, firstByteUs: callUs };
};

test('several load generators add up, and the worst p99 stands', () => {
  expect(together([load(100, 2_000, 9_000), load(300, 4_000, 5_000, '503: no'), load(200, 6_000, 7_000)])).toEqual({
    calls: 600,
    rate: 300,
    p50Ms: 4,
    p99Ms: 9,
    failed: 1,
    firstFault: '503: no',
  });
});

test('every round measures each shape with each number of instances', () => {
  const plan = { rounds: 2, instances: [1, 4], inFlight: 8, warmUpMs: 0, durationMs: 0 };
  expect(instancesSettings(plan).map(({ round, shape, instances }) => `${round} ${shape} ${instances}`)).toEqual([
    '0 all 1',
    '0 all 4',
    '0 deciders 1',
    '0 deciders 4',
    '1 all 1',
    '1 all 4',
    '1 deciders 1',
    '1 deciders 4',
  ]);
});
