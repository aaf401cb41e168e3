import { join } from 'node:path';
import type { Parley } from './parley.ts';
import { segmentBytes } from './segments.ts';

/** How far Parley has come. */
export interface Progressed {
  /** Calls that its edge has answered. */
  calls: number;
  /** Records behind, of the partition that is furthest behind. */
  lag: number;
  /** What Kafka keeps of all topics, indices left out. */
  logBytes: number;
}

/** The values of a metric in Prometheus's text format, whatever its labels. */
export const valuesOf = (text: string, metric: string): number[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith(`${metric}{`) || line.startsWith(`${metric} `))
    .map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)));

/** Asks its metrics, and looks at the files of its Kafka. */
export const progressed = async (parley: Parley): Promise<Progressed> => {
  const text = await (await fetch(new URL('/metrics', parley.url))).text();
  return {
    calls: valuesOf(text, 'parley_requests_total').reduce((sum, value) => sum + value, 0),
    lag: Math.max(0, ...valuesOf(text, 'parley_consumer_lag_records')),
    logBytes: segmentBytes(join(parley.directory, '.parley', 'kafka', 'data')),
  };
};
