/** The figures of a mesh with MCP servers, as Markdown. */
import type { McpAdded, McpRow } from './mcp-added.ts';
import { VERSIONS } from './mcp-call.ts';
import type { McpLists } from './mcp-lists.ts';
import { table, withSpread } from './table.ts';

const mebibytes = (bytes: number) => `${Math.round(bytes / 1024 / 1024)} MiB`;
const milliseconds = (ms: number) => ms.toLocaleString('en', { maximumFractionDigits: ms < 100 ? 1 : 0 });
const percent = (cores: number) => `${(cores * 100).toFixed(0)} %`;

const HEAD = [
  'in flight',
  '',
  'direct p50, ms',
  'Parley p50, ms',
  '**added p50**, ms',
  '**added p99**, ms',
  'direct, calls/s',
  '**Parley, calls/s**',
  'Parley CPU, µs per call',
  'broker CPU',
];

const cells = (row: McpRow): string[] => [
  String(row.inFlight),
  `client of ${VERSIONS[row.era]}${row.stream ? ', to the first progress' : ''}`,
  withSpread(row.directP50),
  withSpread(row.parleyP50),
  withSpread(row.addedP50),
  withSpread(row.addedP99),
  withSpread(row.directRate),
  withSpread(row.parleyRate),
  withSpread(row.parleyCpu),
  withSpread(row.brokerCpu),
];

export const renderMcpAdded = ({ rows, atRest, rssBytes }: Pick<McpAdded, 'rows' | 'atRest' | 'rssBytes'>): string => {
  const others = Math.max(0, ...rows.map(({ othersCores }) => othersCores.max));
  return [
    table(HEAD, rows.map(cells)),
    `At rest: Parley ${percent(atRest.parley)} of a core, the broker ${percent(atRest.broker)}. Parley ${mebibytes(rssBytes.before)} (RSS) before, ${mebibytes(rssBytes.after)} after all of these. Others used up to ${others.toFixed(1)} cores meanwhile.`,
  ].join('\n\n');
};

export const renderMcpLists = (all: readonly McpLists[]): string => {
  const us = ({ p50, p99 }: McpLists['laterUs']) => `${milliseconds(p50 / 1000)} / ${milliseconds(p99 / 1000)}`;
  const row = (name: string, of: (one: McpLists) => string) => [name, ...all.map(of)];
  return table(
    ['', ...all.map(({ tools }) => `${tools.toLocaleString('en')} tools`)],
    [
      row('all pages, MiB', ({ pages, bytes }) => `${pages}, ${(bytes / 1024 / 1024).toFixed(1)}`),
      row('shown, after a first start is ready, s', ({ shownMs }) => (shownMs / 1000).toFixed(1)),
      row('ready, the definitions on the log, s', ({ readyMs }) => (readyMs / 1000).toFixed(1)),
      row('first list of a caller, all pages, new process, ms', ({ first }) => milliseconds(first.begun.ms)),
      row('first list of a caller, its first page, new process, ms', ({ first }) =>
        milliseconds(first.begun.firstPageMs),
      ),
      row('first list of a caller, all pages, warm process, ms', ({ first }) => milliseconds(first.warm.ms)),
      row('later list, all pages, p50 / p99, ms', ({ laterUs }) => us(laterUs)),
      row('later list, its first page, p50 / p99, ms', ({ laterPageUs }) => us(laterPageUs)),
      row('the server itself, asked directly, p50 / p99, ms', ({ directUs }) => us(directUs)),
      row('Parley, RSS', ({ rssBytes }) => mebibytes(rssBytes)),
    ],
  );
};
