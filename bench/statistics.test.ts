import { expect, test } from 'vitest';
import { growth } from './growth.ts';
import { distribution, percentile, Recording, slope, spread } from './statistics.ts';

test('a percentile is a value that was measured', () => {
  const hundred = Float64Array.from({ length: 100 }, (_, i) => i + 1);
  expect([1, 50, 99, 100].map((p) => percentile(hundred, p))).toEqual([1, 50, 99, 100]);
  expect(percentile([7], 99)).toBe(7);
  expect(percentile([], 50)).toBe(0);
});

test('a distribution needs no order', () => {
  expect(distribution(Float64Array.of(30, 10, 20))).toEqual({ p50: 20, p90: 30, p99: 30, max: 30, mean: 20 });
});

test('a recording keeps more than it first has room for', () => {
  const recording = new Recording();
  for (let i = 0; i < 70_000; i++) recording.add(i);
  expect(recording.values().length).toBe(70_000);
  expect(recording.values().at(-1)).toBe(69_999);
});

test('the spread of an even number of rounds is around the mean of the middle two', () => {
  expect(spread([4, 1, 3, 2])).toEqual({ median: 2.5, min: 1, max: 4 });
  expect(spread([5])).toEqual({ median: 5, min: 5, max: 5 });
});

test('the slope of a line is its slope', () => {
  expect(slope([0, 1, 2, 3].map((x) => ({ x, y: 3 * x + 7 })))).toBeCloseTo(3);
  expect(slope([{ x: 1, y: 1 }])).toBe(0);
});

const minute = (i: number) => i * 60_000;

test('what fills at first and breathes then has not grown', () => {
  const values = [100, 150, 190, 200, 205, 201, 206, 202, 204, 203];
  expect(growth(values.map((value, i) => ({ atMs: minute(i), value }))).grew).toBe(false);
});

test('what keeps rising has grown', () => {
  const judged = growth([100, 110, 120, 130, 140, 150, 160, 170].map((value, i) => ({ atMs: minute(i), value })));
  expect(judged.grew).toBe(true);
  expect(judged.perMinute).toBeCloseTo(10);
});
