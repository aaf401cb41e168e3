/** A mesh with MCP servers: what it adds to a call of a tool, and what a list of many tools costs. */
import type { Site } from './agents/site.ts';
import { type Conditions, conditions } from './conditions.ts';
import { type McpAdded, measureMcpAdded } from './mcp-added.ts';
import { type McpLists, measureMcpLists } from './mcp-lists.ts';
import { renderMcpAdded, renderMcpLists } from './mcp-table.ts';
import { progress, type Undo } from './measuring.ts';
import { startCluster } from './scale/cluster.ts';
import { renderConditions } from './scale/table.ts';
import type { Options, Outcome } from './sessions.ts';

/** What the command line says beside what all that can be measured has: nothing in a list leaves its part out. */
export interface McpOptions extends Options {
  tools: number[];
  quick: boolean;
}

/** Small sizes, to see that it works. */
const QUICK: Partial<McpOptions> = {
  rounds: 1,
  duration: 1,
  warmUp: 0.3,
  concurrency: [4],
  streamConcurrency: [4],
  tools: [600],
};

interface McpFigures {
  conditions: Conditions;
  rounds: number;
  durationMs: number;
  added?: McpAdded;
  lists: McpLists[];
}

const textOf = ({ conditions: found, rounds, durationMs, added, lists }: McpFigures): string => {
  const turns = `Median (smallest to largest) of ${rounds} rounds of ${durationMs / 1000} s, direct and through Parley in turn.`;
  return [
    ...(added ? ['A call of a tool:', renderMcpAdded(added), turns] : []),
    ...(lists.length > 0 ? ['A list of tools:', renderMcpLists(lists)] : []),
    renderConditions(found),
  ].join('\n\n');
};

export const mcp = async (given: McpOptions, directory: string, undo: Undo, signal: AbortSignal): Promise<Outcome> => {
  const options = given.quick ? { ...given, ...QUICK } : given;
  const found = conditions();
  progress.update('Starting Kafka');
  const cluster = await startCluster(directory, signal);
  undo.push(cluster.stop);
  const site: Site = { cluster, say: (what) => progress.update(what), signal };
  const { rounds, concurrency, streamConcurrency, tools } = options;
  const durationMs = options.duration * 1000;
  const figures: McpFigures = { conditions: found, rounds, durationMs, lists: [] };
  if (concurrency.length + streamConcurrency.length > 0) {
    const plan = {
      rounds,
      durationMs,
      warmUpMs: options.warmUp * 1000,
      whole: concurrency,
      streams: streamConcurrency,
    };
    figures.added = await measureMcpAdded(plan, site);
  }
  for (const size of tools) figures.lists.push(await measureMcpLists(size, site));
  return { document: figures, text: textOf(figures), faults: figures.added?.faults ?? [] };
};
