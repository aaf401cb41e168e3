/** The figures of a mesh with agents, as Markdown. */

import type { Spread } from '../statistics.ts';
import { table, withSpread } from '../table.ts';
import type { Added, AddedRow } from './added.ts';
import type { RegisteredAgents } from './many-agents.ts';
import type { TasksInLog } from './many-tasks.ts';

const mebibytes = (bytes: number) => `${Math.round(bytes / 1024 / 1024)} MiB`;
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
const milliseconds = (us: number) => (us / 1000).toFixed(us < 100_000 ? 1 : 0);
const percent = (cores: number) => `${(cores * 100).toFixed(0)} %`;
const orNone = (spread: Spread | undefined) => (spread ? withSpread(spread) : 'none');

const HEAD = [
  'in flight',
  '',
  'p50, ms',
  'p99, ms',
  'added p50, ms',
  'added p99, ms',
  'tasks/s',
  'direct, tasks/s',
  'Parley CPU, µs per task',
  'broker CPU',
  'the agent’s CPU',
];

const WHAT = { http: 'HTTP agent', log: 'agent on the log' };

const cells = (row: AddedRow): string[] => [
  String(row.inFlight),
  `${WHAT[row.agent]}${row.stream ? ', streamed, to the first event' : ''}`,
  withSpread(row.p50),
  withSpread(row.p99),
  orNone(row.addedP50),
  orNone(row.addedP99),
  withSpread(row.rate),
  orNone(row.directRate),
  withSpread(row.cpu),
  withSpread(row.brokerCpu),
  withSpread(row.agentCpu),
];

export const renderAdded = ({ rows, atRest, rssBytes }: Pick<Added, 'rows' | 'atRest' | 'rssBytes'>): string =>
  [
    table(HEAD, rows.map(cells)),
    `At rest: Parley ${percent(atRest.parley)} of a core, the broker ${percent(atRest.broker)}. Parley ${mebibytes(rssBytes.before)} (RSS) before, ${mebibytes(rssBytes.after)} after all of these.`,
  ].join('\n\n');

const startRows = (all: readonly TasksInLog[]): string[][] => {
  const row = (name: string, of: (one: TasksInLog) => string) => [name, ...all.map(of)];
  return [
    row('edge-a2a ready, its view built from the log', ({ edge }) => seconds(edge.rebuilt.readyMs)),
    row('edge-a2a ready with its view, all of the log read again', ({ edge }) => seconds(edge.atOnce.readyMs)),
    row('edge-a2a ready with its view, later than 15 minutes', ({ edge }) => seconds(edge.later.readyMs)),
    row('task-state has answered a report', ({ taskState }) =>
      taskState.map(({ answeredMs }) => seconds(answeredMs)).join(', '),
    ),
    row('edge-a2a, RSS after building, with its view, after the queries', ({ edge }) =>
      [edge.rebuilt.rssBytes, edge.later.rssBytes, edge.rssBytes].map(mebibytes).join(', '),
    ),
    row('task-state, RSS', ({ taskState }) => taskState.map(({ rssBytes }) => mebibytes(rssBytes)).join(', ')),
    row('the view on disk', ({ viewBytes }) => mebibytes(viewBytes)),
    row('load average before', ({ load }) => load.toFixed(1)),
  ];
};

export const renderTasks = (all: readonly TasksInLog[]): string => {
  const sizes = all.map(({ tasks }) => `${tasks.toLocaleString('en')} tasks`);
  const names = all[0]?.queries.map(({ name }) => name) ?? [];
  const queryRows = names.map((name) => [
    `${name}, p50 / p99, ms`,
    ...all.map(({ queries }) => {
      const found = queries.find((query) => query.name === name);
      return found ? `${milliseconds(found.us.p50)} / ${milliseconds(found.us.p99)}` : '';
    }),
  ]);
  return table(['', ...sizes], [...startRows(all), ...queryRows]);
};

export const renderAgents = (all: readonly RegisteredAgents[]): string =>
  table(
    [
      'agents on the log',
      'topics made in',
      'ready',
      'at rest: Parley, broker',
      'RSS: Parley, broker',
      'a message, p50 / p99, ms',
      'load average before',
    ],
    all.map(({ registered, appliedMs, readyMs, atRest, rssBytes, messages, load }) => [
      registered.toLocaleString('en'),
      seconds(appliedMs),
      seconds(readyMs),
      `${percent(atRest.parley)}, ${percent(atRest.broker)}`,
      `${mebibytes(rssBytes.parley)}, ${mebibytes(rssBytes.broker)}`,
      messages
        .map(
          ({ inFlight, load: { callUs } }) =>
            `${milliseconds(callUs.p50)} / ${milliseconds(callUs.p99)} (${inFlight} in flight)`,
        )
        .join(', '),
      load.toFixed(1),
    ]),
  );
