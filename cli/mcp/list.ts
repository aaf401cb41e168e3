import { Command } from 'commander';
import { visible } from '../../services/edge-mcp/catalogue/difference.ts';
import type { Configuration } from '../../services/runtime/configuration.ts';
import { standingOf } from '../../services/runtime/mcp/definitions.ts';
import { withLog } from '../connect.ts';
import { jsonLine } from '../event-json.ts';
import { many } from '../figures.ts';
import { plain, table } from '../text.ts';
import { type Known, offeredIn, readKnown } from '../tools/known.ts';

export interface ServerLine {
  name: string;
  version: string;
  /** Its URL, or the command that starts it. */
  at: string;
  reached: boolean;
  /** Why it is not reached; empty: it is, or was not asked yet. */
  problem: string;
  /** Revisions of MCP that it speaks, newest first. */
  protocolVersions: string[];
  /** What it lists and nobody is offered, with the reason of each. */
  leftOut: readonly string[];
  inForce: number;
  heldBack: number;
  /** What is to be used instead; null: it is not deprecated. */
  deprecated: string | null;
  /** Agents, as tenant/name, that declare that they use something of it. */
  callers: string[];
}

const callersOf = ({ agents }: Configuration, server: string): string[] =>
  agents
    .filter(({ tools }) => tools.some((one) => one === '*' || one.startsWith(`${server}/`)))
    .map(({ tenant, name }) => `${tenant}/${name}`);

const placeOf = ({ connections }: Configuration, id: string): string => {
  const connection = connections.find((one) => one.id === id);
  if (!connection?.process) return connection?.url ?? '';
  return [connection.process.command, ...connection.process.args].join(' ');
};

export const serverLines = (known: Known): ServerLine[] => {
  const { configuration, definitions } = known;
  if (!configuration) return [];
  const offered = offeredIn(known);
  return configuration.servers.map(({ name, version, connection, deprecated }) => {
    const seen = definitions.servers.get(name);
    const count = (standing: string) =>
      offered.filter((one) => one.server === name && standingOf(one) === standing).length;
    return {
      name,
      version,
      at: placeOf(configuration, connection),
      reached: seen !== undefined && seen.problem === '',
      problem: seen?.problem ?? '',
      protocolVersions: seen?.protocolVersions ?? [],
      leftOut: seen?.leftOut ?? [],
      inForce: count('in-force'),
      heldBack: count('held-back'),
      deprecated,
      callers: callersOf(configuration, name),
    };
  });
};

const stateOf = ({ reached, problem, protocolVersions }: ServerLine): string => {
  if (problem !== '') return plain(visible(`not reached: ${problem}`), 100);
  return reached ? plain(`MCP ${protocolVersions.join(', ')}`, 60) : 'not asked yet';
};

export const serverText = (lines: readonly ServerLine[]): string[] => [
  ...table(
    [
      ['server', 'version', 'in force', 'held back', 'state', 'at'],
      ...lines.map((one) => [
        one.name,
        plain(one.version, 30),
        String(one.inForce),
        String(one.heldBack),
        stateOf(one),
        plain(visible(one.at), 80),
      ]),
    ],
    [2, 3],
  ),
  ...lines.flatMap(({ name, leftOut }) =>
    leftOut.length === 0 ? [] : [`Left out of ${name}:`, ...leftOut.map((one) => `  ${plain(visible(one), 300)}`)],
  ),
  ...lines.flatMap(({ name, deprecated, callers }) =>
    deprecated === null
      ? []
      : [
          `${name} is deprecated: ${plain(deprecated, 200).replace(/\.$/, '')}. ${callers.length === 0 ? 'No agent declares that it uses it.' : `${many(callers.length, 'agent')} may use it: ${callers.join(', ')}`}`,
        ],
  ),
];

export const listCommand = new Command('list')
  .description(
    'the MCP servers of the mesh: whether they are reached, how much they offer, who uses those that are deprecated',
  )
  .option('--json', 'one JSON object per line')
  .addHelpText('after', '\nExample:\n  parley mcp list')
  .action(async ({ json }: { json?: boolean }) => {
    const lines = serverLines(await withLog(readKnown));
    if (json) for (const line of lines) console.log(jsonLine(line));
    else console.log(lines.length === 0 ? 'No MCP server is registered.' : serverText(lines).join('\n'));
  });
