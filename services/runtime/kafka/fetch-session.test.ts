import { expect, test } from 'vitest';
import { askedOf, changesOf } from './fetch-session.ts';

const partition = (partition: number, offset: number, maxBytes = 100) => ({
  partition,
  fetchOffset: String(offset),
  maxBytes,
});

test('a broker is told of what is new, moved on or left, and of nothing else', () => {
  const before = askedOf([
    { topic: 'still', partitions: [partition(0, 5), partition(1, 6)] },
    { topic: 'left', partitions: [partition(0, 1), partition(1, 1)] },
    { topic: 'halved', partitions: [partition(0, 1), partition(1, 1)] },
  ]);
  const now = [
    { topic: 'still', partitions: [partition(0, 5), partition(1, 7)] },
    { topic: 'halved', partitions: [partition(1, 1)] },
    { topic: 'new', partitions: [partition(3, 0)] },
  ];
  expect(changesOf(before, now)).toEqual({
    topics: [
      { topic: 'still', partitions: [partition(1, 7)] },
      { topic: 'new', partitions: [partition(3, 0)] },
    ],
    forgottenTopics: [
      { topic: 'left', partitions: [0, 1] },
      { topic: 'halved', partitions: [0] },
    ],
  });
  expect(changesOf(askedOf(now), now)).toEqual({ topics: [], forgottenTopics: [] });
});
