/** The figures as Markdown. */
import type { Conditions } from '../conditions.ts';
import { spread } from '../statistics.ts';
import { withSpread } from '../table.ts';
import type { History, Start } from './history.ts';
import type { InstancesPlan, InstancesRun, Shape } from './instances.ts';
import type { Rebuilds, Rebuilt } from './rebuild.ts';

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, column) => (column === 0 ? '---' : '---:')), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');

const whole = (value: number) => Math.round(value).toLocaleString('en');
const seconds = (ms: number) => (ms / 1000).toLocaleString('en', { maximumFractionDigits: ms < 10_000 ? 2 : 1 });
const mebibytes = (bytes: number) => whole(bytes / 1024 / 1024);
const perSecond = (count: number, ms: number) => whole(count / (ms / 1000));
const secondsOf = (ms: readonly number[]) => (ms.length === 0 ? '' : withSpread(spread(ms.map((one) => one / 1000))));

const conditionsLine = (c: Conditions) =>
  `${c.cores} cores (${c.cpu}), ${mebibytes(c.memoryBytes)} MiB of memory, Node ${c.node}, ${c.system}; load average ${c.load.toFixed(2)} before.`;

const shapes: Record<Shape, string> = {
  all: 'processes of all services, each with its share of the calls',
  deciders: 'one process of edge-llm, and beside it processes of policy, routing, metering and audit',
};

/** @param runs at least one */
export const renderInstances = (runs: readonly InstancesRun[], plan: InstancesPlan, cores: number): string => {
  const rowOf = (of: readonly InstancesRun[]) => {
    const median = (what: (run: InstancesRun) => number) => withSpread(spread(of.map(what)));
    return [
      String(of[0]!.instances),
      median(({ rate }) => rate),
      median(({ p50Ms }) => p50Ms),
      median(({ p99Ms }) => p99Ms),
      median(({ cpuUsPerCall }) => cpuUsPerCall.node),
      median(({ cpuUsPerCall }) => cpuUsPerCall.broker),
      median(({ rssBytes }) => rssBytes / 1024 / 1024),
      median(({ othersCores }) => othersCores),
    ];
  };
  const head = [
    'instances',
    '**calls/s**',
    'p50, ms',
    'p99, ms',
    'Node CPU, µs per call',
    'broker CPU, µs per call',
    'Node RSS, MiB',
    'others, cores',
  ];
  const tables = (['all', 'deciders'] as const).flatMap((shape) => {
    const ofShape = runs.filter((run) => run.shape === shape);
    const rows = [...Map.groupBy(ofShape, ({ instances }) => instances).values()].map(rowOf);
    return [`Instances: ${shapes[shape]}.`, table(head, rows)];
  });
  const note = `${plan.inFlight} whole calls in flight in all; median (smallest to largest) of ${plan.rounds} rounds of ${plan.durationMs / 1000} s. On ${cores} cores, which also host broker, registry, upstream and load generators, more processes cannot give more throughput once the cores are busy: the figures say what each further process costs, not how far it scales. CPU is of all processes of services, and of the broker, per call, what is done after the answer included.`;
  return [...tables, note].join('\n\n');
};

const startCells = (starts: readonly Start[]) => [
  secondsOf(starts.map(({ readyMs }) => readyMs)),
  secondsOf(starts.map(({ answeredMs }) => answeredMs)),
];

export const renderHistory = (histories: readonly History[]): string =>
  [
    'The log, and starts on it (one process of all services):',
    table(
      [
        'conversations',
        'records',
        'log, MiB',
        'Kafka and registry after a clean stop, s',
        'Kafka and registry after kill -9 of Kafka, s',
        '**ready**, clean stop, s',
        '**first answer**, clean stop, s',
        'ready, kill -9, s',
        'first answer, kill -9, s',
        'first answer, one failed attempt unread, s',
      ],
      histories.map((one) => [
        whole(one.conversations),
        whole(one.records),
        mebibytes(one.logBytes),
        seconds(one.clusterStartMs.clean),
        seconds(one.clusterStartMs.killed),
        ...startCells(one.clean),
        ...startCells(one.killed),
        seconds(one.rare.answeredMs),
      ]),
    ),
    'What reads the log from its beginning, as processes of their own with their start (peak of resident memory):',
    table(
      [
        'conversations',
        'filling, records/s',
        '`parley usage`, s',
        'records/s',
        'MiB',
        '`parley audit verify`, s',
        'records/s',
        'MiB',
        '`parley replay` of one, s',
        'records of its partition',
        'all replayed, s',
        '**conversations/s**',
        'MiB',
      ],
      histories.map(({ conversations, fill, usage, auditVerify, replayOne, replayAll }) => [
        whole(conversations),
        perSecond(fill.records, fill.ms),
        ...[usage, auditVerify].flatMap(({ ms, records, peakRssBytes }) => [
          seconds(ms),
          perSecond(records, ms),
          mebibytes(peakRssBytes),
        ]),
        secondsOf(replayOne.ms),
        whole(replayOne.records),
        seconds(replayAll.ms),
        perSecond(replayAll.conversations, replayAll.ms),
        mebibytes(replayAll.peakRssBytes),
      ]),
    ),
    'A conversation is one request: received, permitted, dispatched, completed, used, and four entries of the audit. They were appended as the services state them, and the groups put to the end, as a mesh that is stopped in order leaves them. Replays read from an hour before the conversation was made: here that is all of its partition. Of all conversations replayed the time is without the start of the process. One failed attempt unread: the stop was clean, and one AttemptFailed is the first record ever of its partition of mesh.attempts.',
  ].join('\n\n');

const froms: Record<Rebuilt['from'], string> = {
  nothing: 'nothing said yet',
  lost: 'position lost, what it said is in the log',
};

export const renderRebuilds = ({ conversations, services, keys }: Rebuilds): string =>
  [
    `Services from zero, each alone, with ${whole(conversations)} conversations:`,
    table(
      ['service', 'from', 'ready, s', '**caught up**, s', 'handed over', 'read back', 'stated', 'handed over a second'],
      services.map((one) => [
        one.group,
        froms[one.from],
        seconds(one.readyMs),
        seconds(one.caughtUpMs),
        whole(one.records),
        whole(one.recalled),
        whole(one.stated),
        perSecond(one.records, one.caughtUpMs),
      ]),
    ),
    `- Caught up: the end of its topics committed, to the next second, start of the process included. What a service that has lost its position states, it states a second time.\n- The edge with ${whole(keys.keys)} idempotency keys of the last day was ready after ${seconds(keys.with)} s, without after ${seconds(keys.without)} s.`,
  ].join('\n\n');

export const renderConditions = (conditions: Conditions): string => conditionsLine(conditions);
