import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Claim, shareOut } from './copartition.ts';

const partitions = Array.from({ length: 12 }, (_, i) => i);
const claimsOf = (shares: Map<string, number[]>): Claim[] =>
  [...shares].map(([memberId, owned]) => ({ memberId, owned }));
const moved = (before: Map<string, number[]>, after: Map<string, number[]>) =>
  partitions.filter((p) => {
    const ownerIn = (shares: Map<string, number[]>) => [...shares].find(([, owned]) => owned.includes(p))?.[0];
    return ownerIn(before) !== ownerIn(after);
  });

test('whatever members claim, each partition has one owner and shares differ by one at most', () => {
  const claim = fc.uniqueArray(fc.integer({ min: -1, max: 14 }));
  fc.assert(
    fc.property(fc.array(claim, { minLength: 1, maxLength: 15 }), (owned) => {
      const members = owned.map((of, i) => ({ memberId: `m${i}`, owned: of }));
      const shares = shareOut(members, partitions);
      expect([...shares.values()].flat().sort((a, b) => a - b)).toEqual(partitions);
      const sizes = [...shares.values()].map((share) => share.length);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      expect(shareOut([...members].reverse(), partitions)).toEqual(shares);
    }),
  );
});

test('when a member comes or goes, no more partitions change hands than must', () => {
  const three = shareOut(
    ['a', 'b', 'c'].map((memberId) => ({ memberId, owned: [] })),
    partitions,
  );
  const four = shareOut([...claimsOf(three), { memberId: 'd', owned: [] }], partitions);
  expect(moved(three, four)).toEqual(four.get('d'));
  const left = claimsOf(four).filter(({ memberId }) => memberId !== 'b');
  expect(moved(four, shareOut(left, partitions))).toEqual(four.get('b'));
});

test('nothing changes hands while all stay', () => {
  const five = shareOut(
    ['a', 'b', 'c', 'd', 'e'].map((memberId) => ({ memberId, owned: [] })),
    partitions,
  );
  expect(shareOut(claimsOf(five), partitions)).toEqual(five);
});

test('a partition that two claim goes to either as if nobody claimed it', () => {
  const shares = shareOut(
    [
      { memberId: 'a', owned: [0] },
      { memberId: 'b', owned: [0] },
    ],
    [0, 1],
  );
  expect([...shares.values()].map((share) => share.length)).toEqual([1, 1]);
});
