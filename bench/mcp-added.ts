/** What the mesh adds to a call of a tool: an MCP server, direct and through the mesh in turn, as two kinds of client. */
import { Agent } from 'undici';
import { type Site, withServices } from './agents/site.ts';
import { KEY } from './call.ts';
import { startChild } from './children.ts';
import { measure, type Plan, type Run, type Setting, settings } from './compare.ts';
import { type AtRest, type Measured, measureInTurn, PRIMING, PRIMING_PLAN, type Step } from './in-turn.ts';
import type { Era } from './mcp-call.ts';
import { untilListed } from './mcp-list.ts';
import { writeMcpMeshFile } from './mcp-mesh-file.ts';
import { prepareMesh } from './scale/cluster.ts';
import { type Row, summarize } from './summary.ts';

const ERAS: readonly Era[] = ['modern', 'legacy'];
/** What bench/mcp-server.ts has by itself. */
const TOOLS = 2;

export interface McpRun extends Run {
  era: Era;
}

export interface McpRow extends Row {
  era: Era;
}

export interface McpAdded extends Measured<McpRun> {
  rows: McpRow[];
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
      const run = async (era: Era, setting: Setting, timing: typeof PRIMING_PLAN, atRest: AtRest): Promise<McpRun> => {
        const parley = { url, key: KEY, pids };
        const subject = { parley, mcp: era, upstreamUrl: upstream.url, atRest: atRest.parley, signal };
        return { ...(await measure(setting, timing, subject)), era };
      };
      const primings = (['direct', 'parley'] as const).flatMap((via) =>
        ERAS.flatMap((era) =>
          [false, true].map(
            (stream): Step<McpRun> => ({
              what: `${era}, ${via}`,
              run: (atRest) => run(era, { ...PRIMING, via, stream }, PRIMING_PLAN, atRest),
            }),
          ),
        ),
      );
      const steps = settings(plan).flatMap((setting) =>
        ERAS.map(
          (era): Step<McpRun> => ({
            what: `${setting.inFlight} ${setting.stream ? 'with progress' : 'calls'} in flight, ${era}, ${setting.via}`,
            run: (atRest) => run(era, setting, plan, atRest),
          }),
        ),
      );
      const measured = await measureInTurn(pids, { primings, steps }, say, signal);
      return { rows: rowsOf(measured.runs), ...measured };
    });
  } finally {
    await agent.close();
    await upstream.stop();
  }
};
