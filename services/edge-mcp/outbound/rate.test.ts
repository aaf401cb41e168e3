import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Bucket, refilled, taken, waitOf } from './rate.ts';

/** Makes a call at each instant that lets it. @returns those that were made */
const made = (perMinute: number, instants: readonly number[]): number[] => {
  let bucket: Bucket | undefined;
  return instants.filter((now) => {
    bucket = refilled(bucket, perMinute, now);
    if (waitOf(bucket, perMinute) > 0) return false;
    bucket = taken(bucket);
    return true;
  });
};

test('as many calls at once as a minute allows, then one for each part of a minute', () => {
  const instants = [0, 0, 0, 0, 19_999, 20_000, 20_000, 40_000, 60_000];
  expect(made(3, instants)).toEqual([0, 0, 0, 20_000, 40_000, 60_000]);
});

test('what was not used is not saved up beyond a minute', () => {
  expect(made(2, [0, 0, 10_000_000, 10_000_000, 10_000_000])).toEqual([0, 0, 10_000_000, 10_000_000]);
});

test('a clock that is set back neither adds nor holds up', () => {
  const empty = { parts: 0, at: 1_000_000 };
  const back = refilled(empty, 60, 5_000);
  expect(back).toEqual({ parts: 0, at: 5_000 });
  expect(waitOf(refilled(back, 60, 6_000), 60)).toBe(0);
});

test('who waits for as long as it was told finds a call, and who comes a millisecond earlier does not', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000_000 }), fc.integer({ min: 0, max: 59_999 }), (perMinute, parts) => {
      const bucket = { parts, at: 7 };
      const wait = waitOf(bucket, perMinute);
      expect(waitOf(refilled(bucket, perMinute, 7 + wait), perMinute)).toBe(0);
      expect(waitOf(refilled(bucket, perMinute, 7 + wait - 1), perMinute)).toBeGreaterThan(0);
    }),
  );
});
