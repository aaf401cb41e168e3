import { expect, test } from 'vitest';
import { services } from '../services/index.ts';
import { faults } from './faults/index.ts';
import { schedule, shapeOf } from './schedule.ts';

const seeds = Array.from({ length: 200 }, (_, seed) => seed);

test('a seed gives the same schedule again, and another seed another one', () => {
  expect(schedule(7, 10, faults)).toEqual(schedule(7, 10, faults));
  expect(schedule(7, 10, faults)).not.toEqual(schedule(8, 10, faults));
});

test('on each side one fault is over before the next begins, and all are over in time', () => {
  for (const seed of seeds)
    for (const side of ['ground', 'mesh'] as const) {
      const mine = schedule(seed, 5, faults).filter((planned) => planned.side === side);
      for (const [i, { atMs, forMs }] of mine.entries()) {
        expect(atMs + forMs).toBeLessThanOrEqual(mine[i + 1]?.atMs ?? 5 * 60_000);
        expect(atMs).toBeGreaterThan(0);
      }
    }
});

test('ten minutes have every fault, each as long as it says', () => {
  for (const seed of seeds) {
    const planned = schedule(seed, 10, faults);
    expect(new Set(planned.map(({ fault }) => fault))).toEqual(new Set(faults.map(({ name }) => name)));
    for (const { fault, forMs } of planned) {
      const [least, most] = faults.find(({ name }) => name === fault)!.lastsMs;
      expect(forMs).toBeGreaterThanOrEqual(Math.floor(least));
      expect(forMs).toBeLessThanOrEqual(Math.ceil(most));
    }
  }
});

test('only faults that were chosen are made', () => {
  const chosen = faults.filter(({ name }) => name === 'kill');
  const planned = schedule(3, 2, chosen);
  expect(planned.length).toBeGreaterThan(2);
  expect(new Set(planned.map(({ fault }) => fault))).toEqual(new Set(['kill']));
});

test('every shape runs every service, and only such as there are', () => {
  const names = services.map(({ name }) => name as string);
  const shapes = seeds.map(shapeOf);
  expect(new Set(shapes).size).toBeGreaterThan(2);
  for (const shape of shapes) {
    const running = new Set(shape.flatMap((process) => (process.length === 0 ? names : process)));
    expect(running).toEqual(new Set(names));
  }
});
