/** The figures as Markdown. */
import type { Conditions } from './conditions.ts';
import type { Growth } from './growth.ts';
import type { Soaked } from './soak.ts';
import type { Spread } from './statistics.ts';
import type { Row } from './summary.ts';

export interface Memory {
  parley: number;
  broker: number;
  registry: number;
}

const digits = (value: number) => (Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0);
const number = (value: number) => value.toLocaleString('en', { maximumFractionDigits: digits(value) });

/** The median, and the smallest and the largest of the rounds where they differ. */
export const withSpread = ({ median, min, max }: Spread): string => {
  const [low, high] = [number(min), number(max)];
  return low === high ? number(median) : `${number(median)} (${low} to ${high})`;
};

export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, column) => (column === 0 ? '---' : '---:')), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');

const cells = (row: Row): string[] => [
  String(row.inFlight),
  number(row.directP50.median),
  number(row.parleyP50.median),
  withSpread(row.addedP50),
  withSpread(row.addedP99),
  number(row.directRate.median),
  withSpread(row.parleyRate),
  withSpread(row.parleyCpu),
  withSpread(row.brokerCpu),
];

const tableOf = (title: string, rows: readonly Row[], what: string, each: string): string[] => {
  if (rows.length === 0) return [];
  const head = [
    'in flight',
    `direct p50, ms`,
    `Parley p50, ms`,
    '**added p50**, ms',
    '**added p99**, ms',
    `direct, ${what}/s`,
    `**Parley, ${what}/s**`,
    `Parley CPU, µs per ${each}`,
    `broker CPU, µs per ${each}`,
  ];
  return [title, table(head, rows.map(cells))];
};

const mebibytes = (bytes: number) => `${Math.round(bytes / 1024 / 1024)} MiB`;
const memoryLine = ({ parley, broker, registry }: Memory) =>
  `Parley ${mebibytes(parley)}, broker ${mebibytes(broker)}, registry ${mebibytes(registry)}`;

const conditionsLine = (c: Conditions) =>
  `${c.cores} cores (${c.cpu}), ${mebibytes(c.memoryBytes)} of memory, Node ${c.node}, ${c.system}; load average ${c.load.toFixed(2)} before.`;

export interface Figures {
  conditions: Conditions;
  rounds: number;
  durationMs: number;
  chunkGapMs: number;
  rows: readonly Row[];
  /** Milliseconds to /readyz: with no data, and with that of all these runs; undefined where it did not start. */
  startMs: { first: number; again: number | undefined };
  memory: Memory;
  /** Cores used with no calls. */
  atRest: { parley: number; broker: number };
}

export const render = (figures: Figures): string => {
  const { rows, rounds, durationMs, chunkGapMs, startMs, memory, atRest, conditions } = figures;
  const whole = rows.filter(({ stream }) => !stream);
  const streams = rows.filter(({ stream }) => stream);
  const failed = rows.reduce((sum, row) => sum + row.failed, 0);
  const largest = (of: (row: Row) => Spread) => Math.max(...rows.map((row) => of(row).max));
  const seconds = (ms: number | undefined) => (ms === undefined ? '**no start**' : `${(ms / 1000).toFixed(1)} s`);
  return [
    ...tableOf('Whole answers:', whole, 'calls', 'call'),
    ...tableOf(`Streams, to the first byte (one chunk every ${chunkGapMs} ms):`, streams, 'streams', 'stream'),
    [
      `- Start to \`/readyz\`: ${seconds(startMs.first)} with no data, ${seconds(startMs.again)} with that of all these calls.`,
      `- Memory at the end (RSS): ${memoryLine(memory)}.`,
      `- At rest: Parley ${(atRest.parley * 100).toFixed(0)} % of a core, the broker ${(atRest.broker * 100).toFixed(0)} %.`,
      `- Metering and audit had caught up at most ${seconds(largest((row) => row.catchUpMs))} after the last answer of a run.`,
      `- ${failed === 0 ? 'Every answer was right.' : `**${failed} calls failed.**`}`,
      `- Median (smallest to largest) of ${rounds} rounds of ${durationMs / 1000} s, direct and through Parley in turn. Load generator, upstream, Parley, broker and registry share ${conditionsLine(conditions)} Others used up to ${largest((row) => row.othersCores).toFixed(1)} cores meanwhile.`,
    ].join('\n'),
  ].join('\n\n');
};

const growthLine = (
  name: string,
  { perMinute, share, grew }: Growth,
  unit: string,
  amount: (value: number) => string,
) =>
  `| ${name} | ${amount(perMinute)}${unit}/min | ${(share * 100).toFixed(1)} % | ${grew ? '**grows**' : 'no growth'} |`;

const SOAK_HEAD = '| second half of the run | slope | over that half | |\n| --- | ---: | ---: | --- |';

export const renderSoak = (minutes: number, soaked: Soaked): string => {
  const { calls, growths, capacity, rate, rebalances, lag, bytesPerCall } = soaked;
  const kilobytes = bytesPerCall.map((bytes) => (bytes / 1_000).toFixed(2));
  return [
    `${number(calls)} calls and streams in ${minutes} minutes: ${number(rate)} a second, of ${number(capacity)} that were possible.`,
    [
      SOAK_HEAD,
      ...Object.entries(growths).flatMap(([name, { rss, handles }]) => [
        growthLine(`${name}, RSS of ${mebibytes(rss.median)}`, rss, ' MiB', (value) =>
          (value / 1024 / 1024).toFixed(2),
        ),
        growthLine(`${name}, ${handles.median} open files`, handles, '', (value) => value.toFixed(2)),
      ]),
    ].join('\n'),
    [
      `- A second instance of all services came or went ${rebalances} times.`,
      `- Lag of the partition that was furthest behind: ${number(lag.median)} records in the median, ${number(lag.most)} at most.`,
      `- A call or stream added ${kilobytes[0]} kB to Kafka's log in the first half, ${kilobytes[1]} kB in the second.`,
    ].join('\n'),
  ].join('\n\n');
};
