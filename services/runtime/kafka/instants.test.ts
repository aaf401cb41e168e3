import { expect, test } from 'vitest';
import { instants } from './instants.ts';

test('an instant of a clock that runs on is that of the monotonic one', () => {
  let now = 0;
  const instantOf = instants(
    () => 1_000_000 + now,
    () => now,
  );
  now = 20_000;
  expect(instantOf(1_008_000)).toBe(8_000);
});

test.each([-600_000, 600_000])('of a clock that was set by %i ms nothing is said, until the next time', (set) => {
  let now = 0;
  let off = 1_000_000;
  const instantOf = instants(
    () => now + off,
    () => now,
  );
  now = 20_000;
  off += set;
  expect(instantOf(1_008_000)).toBeUndefined();
  now = 22_000;
  expect(instantOf(21_000 + off)).toBe(21_000);
});
