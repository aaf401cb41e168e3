/**
 * What work costs as it grows: more instances, a longer log, state from zero, many replays. Figures as Markdown on standard error, as
 * JSON on standard output or in a file.
 *   node bench/scale.ts --help
 */
import { cpus } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import { startUpstream } from './children.ts';
import { conditions } from './conditions.ts';
import { measuring, progress } from './measuring.ts';
import { positive, whole, wholes } from './numbers.ts';
import { type Cluster, type Mesh, prepareMesh, startCluster } from './scale/cluster.ts';
import { type History, type HistoryPlan, measureHistory } from './scale/history.ts';
import { type InstancesPlan, type InstancesRun, instancesSettings, measureInstances } from './scale/instances.ts';
import { measureRebuild, type Rebuilds } from './scale/rebuild.ts';
import { renderConditions, renderHistory, renderInstances, renderRebuilds } from './scale/table.ts';

const PARTS = ['instances', 'history', 'rebuild'] as const;
type Part = (typeof PARTS)[number];

interface Options {
  parts: Part[];
  rounds: number;
  instances: number[];
  inFlight: number;
  warmUp: number;
  duration: number;
  conversations: number[];
  rebuildConversations: number;
  keys: number;
  quick: boolean;
  out?: string;
}

const QUICK: Omit<Options, 'parts' | 'out' | 'quick'> = {
  rounds: 1,
  instances: [2],
  inFlight: 16,
  warmUp: 0.5,
  duration: 1,
  conversations: [1_000],
  rebuildConversations: 500,
  keys: 1_000,
};

const parts = (text: string): Part[] =>
  text.split(',').map((name) => {
    const part = PARTS.find((known) => known === name);
    if (!part) throw new InvalidArgumentError(`must be some of ${PARTS.join(', ')}.`);
    return part;
  });

interface Figures {
  conditions: ReturnType<typeof conditions>;
  instances?: InstancesRun[];
  histories?: History[];
  rebuilds?: Rebuilds;
}

interface Site {
  running: { cluster: Cluster };
  upstreamUrl: string;
  signal: AbortSignal;
}

const meshOf = ({ running, upstreamUrl }: Site, prefix: string): Promise<Mesh> => {
  progress.update('Topics and schemas');
  return prepareMesh(running.cluster, prefix, upstreamUrl);
};

const instances = async (plan: InstancesPlan, site: Site): Promise<InstancesRun[]> => {
  const mesh = await meshOf(site, 'instances.');
  const runs: InstancesRun[] = [];
  const todo = instancesSettings(plan);
  for (const [i, setting] of todo.entries()) {
    const { shape, instances: count } = setting;
    progress.update(`${i + 1} of ${todo.length}: ${count} ${shape === 'all' ? 'of all' : 'beside one edge'}`);
    runs.push(await measureInstances(setting, plan, { cluster: site.running.cluster, mesh }, site.signal));
  }
  return runs;
};

const history = async (plan: HistoryPlan, site: Site): Promise<History[]> => {
  const mesh = await meshOf(site, '');
  const histories: History[] = [];
  const sizes = plan.conversations.toSorted((a, b) => a - b);
  for (const [i, size] of sizes.entries()) {
    const say = (what: string) => progress.update(`${size} conversations: ${what}`);
    histories.push(
      await measureHistory(size, sizes[i - 1] ?? 0, plan, { running: site.running, mesh }, say, site.signal),
    );
  }
  return histories;
};

const measure = async (options: Options, site: Site): Promise<{ figures: Figures; faults: string[] }> => {
  const figures: Figures = { conditions: conditions() };
  const faults: string[] = [];
  const tell = (text: string) => progress.done(`\n${text}\n`);
  const { rounds, inFlight, quick } = options;
  if (options.parts.includes('instances')) {
    const plan = {
      rounds,
      inFlight,
      instances: options.instances,
      warmUpMs: options.warmUp * 1000,
      durationMs: options.duration * 1000,
    };
    figures.instances = await instances(plan, site);
    tell(renderInstances(figures.instances, plan, cpus().length));
    faults.push(...figures.instances.flatMap(({ firstFault }) => firstFault ?? []));
  }
  if (options.parts.includes('history')) {
    const { conversations } = options;
    figures.histories = await history({ conversations, rounds, killAfterMs: 2_000, settle: !quick }, site);
    tell(renderHistory(figures.histories));
    faults.push(...figures.histories.flatMap((one) => one.faults));
  }
  if (options.parts.includes('rebuild')) {
    const mesh = await meshOf(site, 'rebuild.');
    const plan = { conversations: options.rebuildConversations, keys: options.keys };
    const say = (what: string) => progress.update(what);
    figures.rebuilds = await measureRebuild(plan, { cluster: site.running.cluster, mesh }, say, site.signal);
    tell(renderRebuilds(figures.rebuilds));
  }
  tell(renderConditions(figures.conditions));
  return { figures, faults };
};

const scale = (given: Options): Promise<void> => {
  const options = given.quick ? { ...given, ...QUICK } : given;
  return measuring(options, async (directory, undo, signal) => {
    const upstream = await startUpstream(20);
    undo.push(upstream.stop);
    progress.update('Starting Kafka');
    const running = { cluster: await startCluster(directory, signal) };
    undo.push(() => running.cluster.stop());
    const { figures, faults } = await measure(options, { running, upstreamUrl: upstream.url, signal });
    return { document: figures, faults };
  });
};

await new Command('scale')
  .description(
    'Measures what work costs as it grows, on an embedded Kafka of its own (acks=all) in a temporary directory.',
  )
  .addOption(new Option('--parts <part,…>', 'what is measured').argParser(parts).default([...PARTS]))
  .option('--rounds <n>', 'how often instances and starts are measured', whole, 3)
  .option('--instances <n,…>', 'processes of the services', wholes, [1, 2, 4])
  .option('--in-flight <n>', 'calls in flight, over all instances', whole, 64)
  .option('--warm-up <seconds>', 'before each run of calls, not counted', positive, 2)
  .option('--duration <seconds>', 'of each run of calls', positive, 8)
  .option('--conversations <n,…>', 'in the log; each takes about 8 kB of disk', wholes, [1_000, 100_000])
  .option('--rebuild-conversations <n>', 'of which services start from zero', whole, 50_000)
  .option('--keys <n>', 'idempotency keys of the last day', whole, 200_000)
  .option('--quick', 'all parts, small: to see that it works', false)
  .option('--out <file>', 'the JSON, instead of standard output')
  .addHelpText(
    'after',
    `
Parts:
  instances  calls a second, and CPU per call, with more processes of the services
  history    starts of the services and of Kafka, usage, audit verify and replay, with more conversations in the log
  rebuild    each service from zero, with its group's position gone

One JSON document on standard output, the tables on standard error. Linux only: CPU and memory come from /proc.
The exit status is 1 when a call was answered wrongly, or the log does not hold what it should.

Examples:
  node bench/scale.ts --quick
  node bench/scale.ts --parts instances --out instances.json
  node bench/scale.ts --parts history --conversations 1000,100000,1000000 --out history.json`,
  )
  .action(scale)
  .parseAsync()
  .catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
