/** The figures beside other gateways, as Markdown. */
import type { Conditions } from './conditions.ts';

/** Smallest, median and largest of the rounds. */
interface Rounds {
  min: number;
  med: number;
  max: number;
}

export interface PeerRow {
  /** mcp-mock: MCP, with a server that answers at once; mcp: with @modelcontextprotocol/server-everything. */
  suite: 'llm' | 'stream' | 'mcp' | 'mcp-mock';
  target: string;
  /** In flight. */
  conc: number;
  /** A second. */
  rps: Rounds;
  added_p50_ms: Rounds | null;
  added_p99_ms: Rounds | null;
  cpu_us_per_req: Rounds | null;
  failures: number;
}

const number = (value: number) => value.toLocaleString('en', { maximumFractionDigits: Math.abs(value) < 10 ? 1 : 0 });
const spread = (rounds: Rounds | null) =>
  rounds ? `${number(rounds.med)} (${number(rounds.min)} to ${number(rounds.max)})` : '';

const NAMES: Record<string, string> = {
  direct: 'the upstream itself',
  parley: '**Parley**',
  litellm: 'LiteLLM',
  portkey: 'Portkey',
  contextforge: 'ContextForge',
};

/** How many times as many calls a second Parley serves, of the medians. */
export const ratioOf = (rows: readonly PeerRow[], row: PeerRow): number | undefined => {
  const parley = rows.find((r) => r.target === 'parley' && r.suite === row.suite && r.conc === row.conc);
  return parley && row.rps.med > 0 ? parley.rps.med / row.rps.med : undefined;
};

const HEAD = ['in flight', '', 'calls/s', 'Parley’s / this', 'added p50, ms', 'added p99, ms', 'CPU, µs per call'];

const cells = (rows: readonly PeerRow[], row: PeerRow): string[] => [
  String(row.conc),
  NAMES[row.target] ?? row.target,
  spread(row.rps),
  row.target === 'parley' ? '' : number(ratioOf(rows, row) ?? Number.NaN),
  spread(row.added_p50_ms),
  spread(row.added_p99_ms),
  spread(row.cpu_us_per_req),
];

const TITLES = {
  llm: 'Whole answers:',
  stream: 'Streams, answered at once:',
  mcp: 'Calls of a tool of server-everything:',
  'mcp-mock': 'Calls of a tool that answers at once:',
} as const;

const table = (rows: readonly PeerRow[], suite: PeerRow['suite']): string =>
  [
    HEAD,
    HEAD.map((_, column) => (column < 2 ? '---' : '---:')),
    ...rows.filter((row) => row.suite === suite).map((row) => cells(rows, row)),
  ]
    .map((line) => `| ${line.join(' | ')} |`)
    .join('\n');

export const renderPeers = (
  rows: readonly PeerRow[],
  { rounds, duration }: { rounds: number; duration: number },
  c: Conditions,
  node: string,
): string => {
  const failures = rows.reduce((sum, row) => sum + row.failures, 0);
  return [
    ...(Object.keys(TITLES) as PeerRow['suite'][])
      .filter((suite) => rows.some((row) => row.suite === suite))
      .flatMap((suite) => [TITLES[suite], table(rows, suite)]),
    [
      `- Median (smallest to largest) of ${rounds} rounds of ${duration} s, all targets in turn, one upstream, one wrk.`,
      '- CPU of Parley is that of its process, its broker and its registry. It writes every call to Kafka (acks=all) before it makes it; the others write nothing.',
      `- ${failures === 0 ? 'Every answer was right.' : `${failures} answers were wrong.`}`,
      `- All share ${c.cores} cores (${c.cpu}), Node ${c.node} for Parley and ${node} for the others, ${c.system}; load average ${c.load.toFixed(2)} before.`,
    ].join('\n'),
  ].join('\n\n');
};
