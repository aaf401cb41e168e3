/** What the mesh adds to a call of a tool: an MCP server, direct and through the mesh in turn, as two kinds of client. */
import { Agent } from 'undici';
import { REST_MS } from './agents/added.ts';
import { type Site, withServices } from './agents/site.ts';
import { KEY } from './call.ts';
import { startChild } from './children.ts';
import { measure, type Plan, type Run, type Setting, settings } from './compare.ts';
import { measureRest, read } from './gauges.ts';
import type { Era } from './mcp-call.ts';
import { untilListed } from './mcp-list.ts';
import { writeMcpMeshFile } from './mcp-mesh-file.ts';
import { prepareMesh } from './scale/cluster.ts';
import { type Row, summarize } from './summary.ts';

const ERAS: readonly Era[] = ['modern', 'legacy'];
const PRIMING = { inFlight: 16, round: -1 } as const;
const PRIMING_PLAN = { warmUpMs: 500, durationMs: 4_000 };
/** What bench/mcp-server.ts has by itself. */
const TOOLS = 2;

export interface McpRun extends Run {
  era: Era;
}

export interface McpRow extends Row {
  era: Era;
}

export interface McpAdded {
  rows: McpRow[];
  runs: McpRun[];
  /** Cores used with no calls, and resident memory before and after all runs. */
  atRest: { parley: number; broker: number };
  rssBytes: { before: number; after: number };
  faults: string[];
}

export const rowsOf = (runs: readonly McpRun[]): McpRow[] =>
  [...Map.groupBy(runs, ({ era }) => era)].flatMap(([era, ofEra]) => summarize(ofEra).map((row) => ({ ...row, era })));

export const measureMcpAdded = async (plan: Plan, site: Site): Promise<McpAdded> => {
  const { cluster, say, signal } = site;
  const upstream = await startChild('mcp-server.ts', []);
  const agent = new Agent();
  try {
    say('topics and schemas');
    const file = writeMcpMeshFile(cluster.directory, { bench: upstream.url });
    const mesh = await prepareMesh(cluster, 'mcp-added.', '', file);
    return await withServices(mesh, [], site, async ({ services, pids }) => {
      const url = new URL('/mcp/bench', services.url).href;
      await untilListed(url, KEY, TOOLS, agent, signal);
      let atRest = await measureRest(pids, REST_MS, signal);
      const run = async (era: Era, setting: Setting, timing: typeof PRIMING_PLAN): Promise<McpRun> => {
        const parley = { url, key: KEY, pids };
        const subject = { parley, mcp: era, upstreamUrl: upstream.url, atRest: atRest.parley, signal };
        return { ...(await measure(setting, timing, subject)), era };
      };
      for (const via of ['direct', 'parley'] as const)
        for (const era of ERAS)
          for (const stream of [false, true]) {
            say(`warming up: ${era}, ${via}`);
            const { load } = await run(era, { ...PRIMING, via, stream }, PRIMING_PLAN);
            if (load.failed > 0) throw new Error(`a call of a tool is answered wrongly (${via}): ${load.firstFault}`);
          }
      atRest = await measureRest(pids, REST_MS, signal);
      const before = read(pids).parley.rssBytes;
      const todo = settings(plan).flatMap((setting) => ERAS.map((era) => ({ era, setting })));
      const runs: McpRun[] = [];
      for (const [i, { era, setting }] of todo.entries()) {
        const { stream, inFlight, via } = setting;
        const what = `${inFlight} ${stream ? 'with progress' : 'calls'} in flight, ${era}, ${via}`;
        say(`${i + 1} of ${todo.length}: ${what}`);
        runs.push(await run(era, setting, plan));
      }
      return {
        rows: rowsOf(runs),
        runs,
        atRest,
        rssBytes: { before, after: read(pids).parley.rssBytes },
        faults: runs.flatMap(({ load }) => load.firstFault ?? []),
      };
    });
  } finally {
    await agent.close();
    await upstream.stop();
  }
};
