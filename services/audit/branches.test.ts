import { describe, expect, test } from 'vitest';
import { Branches, type Change } from './branches.ts';
import { type Link, NO_HASH } from './chain.ts';

/** Links named by letters: `a` follows none, `b2` follows a at sequence 2. */
const link = (hash: string, sequence: number, previousHash: string): Link => ({ hash, sequence, previousHash });
const line = (names: string, from = 1, before = NO_HASH): Link[] =>
  [...names].map((name, i) => link(name, from + i, names[i - 1] ?? before));
const names = (links: readonly Link[]) => links.map((l) => l.hash).join('');

const fold = (links: readonly Link[]) => {
  const branches = new Branches<Link>();
  const changes: Change<Link>[] = [];
  for (const one of links) {
    const change = branches.add(one);
    if (typeof change === 'object') changes.push(change);
  }
  return { branches, changes, head: () => branches.head?.hash, aside: () => names(branches.aside) };
};

describe('branches', () => {
  test('links that follow each other are the chain', () => {
    const { branches, head, changes } = fold(line('abc'));
    expect(head()).toBe('c');
    expect(changes).toEqual([]);
    expect(branches.end()).toEqual([]);
  });

  test('the chain may begin anywhere: what came before is no longer kept', () => {
    expect(fold(line('abc', 40, 'gone')).head()).toBe('c');
  });

  test('of two branches of the same length the first is the chain', () => {
    const { head, aside, changes } = fold([...line('ab'), ...line('xy', 3, 'b'), ...line('pq', 3, 'b')]);
    expect(head()).toBe('y');
    expect(aside()).toBe('pq');
    expect(changes).toEqual([]);
  });

  test('the branch that goes further is the chain', () => {
    const { head, aside, changes } = fold([...line('ab'), ...line('xy', 3, 'b'), ...line('pqr', 3, 'b')]);
    expect(head()).toBe('r');
    expect(aside()).toBe('xy');
    expect(changes.map(({ on, off, broken }) => [names(on), names(off), broken])).toEqual([['pqr', 'xy', undefined]]);
  });

  test('branches that were written by turns', () => {
    const [x, p] = [line('xyz', 3, 'b'), line('pqrs', 3, 'b')];
    const { head, aside } = fold([...line('ab'), x[0]!, p[0]!, p[1]!, x[1]!, x[2]!, p[2]!, p[3]!]);
    expect(head()).toBe('s');
    expect(aside()).toBe('xyz');
  });

  test('of two branches from the very beginning the one that goes further is the chain', () => {
    const { branches, head, aside, changes } = fold([...line('ab'), ...line('pqr')]);
    expect(head()).toBe('r');
    expect(aside()).toBe('ab');
    expect(changes.map(({ on, off, broken }) => [names(on), names(off), broken])).toEqual([['pqr', 'ab', undefined]]);
    expect(branches.end()).toEqual([]);
  });

  test('a first entry that names a hash before it is no beginning', () => {
    const { changes } = fold([...line('ab'), ...line('pqr', 1, 'z')]);
    expect(changes.map((c) => c.broken?.what)).toEqual(['does not follow entry 0: previousHash is not its hash']);
  });

  test('a straggler that follows nothing known changes nothing', () => {
    const { branches, head, aside } = fold([...line('ab'), link('z', 6, 'lost'), ...line('cdefgh', 3, 'b')]);
    expect(head()).toBe('h');
    expect(aside()).toBe('z');
    expect(branches.end()).toEqual([]);
  });

  test('where a link is missing the chain is broken, and goes on', () => {
    const { branches, head } = fold([...line('abcdefg'), ...line('ij', 9, 'h')]);
    expect(head()).toBe('g');
    const [change] = branches.end();
    expect(change).toMatchObject({ broken: { what: 'entry 8 is missing before it' } });
    expect(change?.broken?.at.hash).toBe('i');
    expect(head()).toBe('j');
  });

  test('it goes on without waiting for the end, once nothing else can be meant', () => {
    const { head, changes } = fold([...line('ab'), ...line('efgh', 5, 'd')]);
    expect(head()).toBe('h');
    expect(changes.map((c) => c.broken?.what)).toEqual(['entries 3 to 4 are missing before it']);
  });

  test('a link that follows another one than the last', () => {
    const { branches } = fold([...line('abcd'), ...line('fg', 5, 'e')]);
    expect(branches.end().map((c) => c.broken?.what)).toEqual([
      'does not follow entry 4: previousHash is not its hash',
    ]);
  });

  test('two links the wrong way round', () => {
    const [a, b, c, d, e] = line('abcde') as [Link, Link, Link, Link, Link];
    const { head, changes } = fold([a, b, d, c, e]);
    expect(head()).toBe('e');
    expect(changes.map((change) => [change.broken?.at.hash, change.broken?.what])).toEqual([
      ['d', 'stands before the entry that it follows'],
    ]);
  });

  test('memory is bounded', () => {
    const { head, branches } = fold(Array.from({ length: 30_000 }, (_, i) => link(`h${i + 1}`, i + 1, `h${i}`)));
    expect(head()).toBe('h30000');
    branches.add(link('fork', 30_000, 'h29999'));
    branches.add(link('further', 30_001, 'fork'));
    expect(head()).toBe('further');
  });
});
