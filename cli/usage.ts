import { Command, Option } from 'commander';
import type { Log } from '../services/runtime/log.ts';
import { RecentIds } from '../services/runtime/recent-ids.ts';
import { withLog } from './connect.ts';
import { jsonLine } from './event-json.ts';
import { count, instant, lasting, many, money } from './figures.ts';
import { progressBar } from './progress.ts';
import { parseAgo } from './since.ts';
import { plain, table } from './text.ts';
import { type Attribute, attributes, type UsageSum, UsageSums } from './usage-sums.ts';

const DAY_MS = 86_400_000;

/** Usage recorded since an instant; what was written twice counts once. */
const readUsage = async (log: Log, by: Attribute, since: number): Promise<{ sums: UsageSum[]; unreadable: number }> => {
  const sums = new UsageSums(by);
  const seen = new Map<number, RecentIds>();
  let unreadable = 0;
  const bar = progressBar();
  const tail = await log.tail(
    ['mesh.usage'],
    (event) => {
      if (event.type !== 'UsageRecorded' || event.time < since) return;
      const ids = seen.get(event.partition) ?? new RecentIds();
      seen.set(event.partition, ids);
      if (ids.has(event.id)) return;
      ids.add(event.id);
      try {
        sums.add(event.data);
      } catch {
        unreadable += 1;
      }
    },
    { from: { time: since }, progress: (done, total) => bar.report('Reading usage', done, total) },
  );
  await tail.caughtUp;
  await tail.close();
  bar.end();
  return { sums: sums.all(), unreadable };
};

/** A table, and under it what its marks mean. */
export const usageTable = (sums: readonly UsageSum[], by: Attribute): string[] => {
  const meters = [...new Set(sums.flatMap((sum) => Object.keys(sum.meters)))].sort();
  const marks = ({ estimated, unpriced }: UsageSum) => `${estimated > 0 ? '~' : ''}${unpriced > 0 ? '*' : ''}`;
  const rows = sums.map((sum) => [
    plain(sum.name, 60),
    count(sum.calls),
    ...meters.map((meter) => count(sum.meters[meter] ?? 0)),
    Object.entries(sum.costNanos)
      .map(([currency, nanos]) => money(nanos, currency))
      .join(' + '),
    marks(sum),
  ]);
  const [estimated, unpriced] = [sum(sums, 'estimated'), sum(sums, 'unpriced')];
  const refused = sums.reduce((n, { meters }) => n + (meters.unaccepted_costs ?? 0), 0);
  return [
    ...table(
      [[by, 'calls', ...meters.map((meter) => plain(meter, 40)), 'cost', ''], ...rows],
      [1, ...meters.map((_, i) => i + 2), meters.length + 2],
    ),
    ...(estimated > 0
      ? [`~ of ${many(estimated, 'call')} the mesh counted the meters itself: the upstream said nothing`]
      : []),
    ...(unpriced > 0
      ? [`* of ${many(unpriced, 'call')} something has no price in mesh.yaml and is not in the cost`]
      : []),
    ...(refused > 0
      ? [`* of ${many(refused, 'call')} a tool reported a cost in another currency, or none that can be charged`]
      : []),
  ];
};

const sum = (sums: readonly UsageSum[], what: 'estimated' | 'unpriced') => sums.reduce((n, one) => n + one[what], 0);

export const usageCommand = new Command('usage')
  .description('sum up what was used and what it cost')
  .addOption(new Option('--by <attribute>', 'whom or what to sum it up for').choices(attributes).makeOptionMandatory())
  .addOption(
    new Option('--since <ago>', 'from so long ago on, e.g. 30m or 7d').argParser(parseAgo).default(DAY_MS, '24h'),
  )
  .option('--json', 'one JSON object per line; cost in billionths of the currency')
  .addHelpText('after', '\nExample:\n  parley usage --by unit --since 7d')
  .action(async ({ by, since, json }: { by: Attribute; since: number; json?: boolean }) => {
    const from = Date.now() - since;
    const { sums, unreadable } = await withLog((log) => readUsage(log, by, from));
    if (unreadable > 0)
      console.error(`${many(unreadable, 'record')} of mesh.usage could not be read and are not counted`);
    if (json) for (const one of sums) console.log(jsonLine({ by, ...one }));
    else if (sums.length === 0) console.log(`Nothing was used in the last ${lasting(since)}.`);
    else console.log([`Since ${instant(from)}`, '', ...usageTable(sums, by)].join('\n'));
  });
