/** Whether something that is sampled over time keeps growing. */
import { slope, spread } from './statistics.ts';

export interface Growth {
  median: number;
  /** Least squares over the second half. */
  perMinute: number;
  /** By how much the line rises over the second half, as a share of the median. */
  share: number;
  grew: boolean;
}

/** A heap that breathes with its garbage collector leaves a line this steep. */
const TOLERATED = 0.05;

/**
 * Judged from the second half: caches, pools and compilers fill in the first.
 * @param samples in order, at least two
 */
export const growth = (samples: readonly { atMs: number; value: number }[]): Growth => {
  const from = (samples[0]!.atMs + samples.at(-1)!.atMs) / 2;
  const half = samples.filter(({ atMs }) => atMs >= from);
  const minutes = (half.at(-1)!.atMs - half[0]!.atMs) / 60_000;
  const perMinute = slope(half.map(({ atMs, value }) => ({ x: atMs / 60_000, y: value })));
  const { median } = spread(half.map(({ value }) => value));
  const share = median === 0 ? 0 : (perMinute * minutes) / median;
  return { median, perMinute, share, grew: share > TOLERATED };
};
