import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FinishedPrefix } from './finished-prefix.ts';

test('only what is finished without a gap may be committed', () => {
  const prefix = new FinishedPrefix(10, 0);
  const [a, b, c] = [prefix.hand(10, 100), prefix.hand(12, 120), prefix.hand(13, 130)];
  c();
  expect(prefix.committable).toEqual({ offset: 10, time: 0 });
  a();
  expect(prefix.committable).toEqual({ offset: 11, time: 100 });
  b();
  expect(prefix.committable).toEqual({ offset: 14, time: 130 });
  expect(prefix.size).toBe(0);
});

test('a record that nobody wants moves the prefix, but not past an unfinished one', () => {
  const prefix = new FinishedPrefix(0, 0);
  prefix.skip(0, 1);
  expect(prefix.committable.offset).toBe(1);
  const finish = prefix.hand(1, 2);
  prefix.skip(2, 3);
  expect(prefix.committable.offset).toBe(1);
  finish();
  expect(prefix.committable).toEqual({ offset: 3, time: 3 });
});

test('whatever the order of finishing, it ends at the end and never goes back', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([...Array(60).keys()], { minLength: 60 }), (order) => {
      const prefix = new FinishedPrefix(0, 0);
      const finish = [...Array(60).keys()].map((offset) => prefix.hand(offset, offset));
      const done = new Set<number>();
      let before = 0;
      for (const i of order) {
        finish[i]!();
        done.add(i);
        const { offset } = prefix.committable;
        expect(offset).toBeGreaterThanOrEqual(before);
        expect([...Array(offset).keys()].every((o) => done.has(o))).toBe(true);
        before = offset;
      }
      expect(before).toBe(60);
    }),
  );
});
