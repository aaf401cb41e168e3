/** What a list of many tools costs: the first of a caller, in which policy is asked for each, and the later ones. */
import { Agent } from 'undici';
import { type Served, type Site, withServices } from './agents/site.ts';
import { KEY } from './call.ts';
import { startChild } from './children.ts';
import { read } from './gauges.ts';
import { type Listing, listTools, untilListed } from './mcp-list.ts';
import { WATCHER_KEY, writeMcpMeshFile } from './mcp-mesh-file.ts';
import { prepareMesh } from './scale/cluster.ts';
import { type Distribution, distribution } from './statistics.ts';

const LATER = 20;

export interface McpLists {
  tools: number;
  pages: number;
  bytes: number;
  /** The mesh has heard of all tools, approved them and shows them: after it was ready. */
  shownMs: number;
  /** The first list that a caller asks for, all pages: in a process that has just shown it to another, and in one that has just begun. */
  first: { warm: Listing; begun: Listing };
  /** Of all pages, and of the first alone; microseconds. */
  laterUs: Distribution;
  laterPageUs: Distribution;
  /** The server itself, asked directly. */
  directUs: Distribution;
  /** From the process spawned to ready, the definitions on the log; milliseconds. */
  readyMs: number;
  rssBytes: number;
}

const micro = (listings: readonly Listing[], of: (one: Listing) => number): Distribution =>
  distribution(Float64Array.from(listings, (one) => of(one) * 1000));

const repeated = async (times: number, list: () => Promise<Listing>): Promise<Listing[]> => {
  const listings: Listing[] = [];
  for (let i = 0; i < times; i += 1) listings.push(await list());
  return listings;
};

/** @param tools how many the server lists */
export const measureMcpLists = async (tools: number, site: Site): Promise<McpLists> => {
  const { cluster, say, signal } = site;
  const upstream = await startChild('mcp-server.ts', [String(tools)]);
  const agent = new Agent();
  try {
    say(`a server with ${tools} tools`);
    const file = writeMcpMeshFile(cluster.directory, { bench: upstream.url });
    const mesh = await prepareMesh(cluster, 'mcp-lists.', '', file);
    const at = ({ services }: Served) => new URL('/mcp/bench', services.url).href;
    const known = await withServices(mesh, [], site, async (served) => {
      const began = performance.now();
      await untilListed(at(served), WATCHER_KEY, tools, agent, signal);
      const shownMs = performance.now() - began;
      return { shownMs, warm: await listTools(at(served), KEY, agent) };
    });
    say(`${tools} tools: a new process`);
    return await withServices(mesh, [], site, async (served) => {
      const begun = await listTools(at(served), KEY, agent);
      if (begun.tools !== tools) throw new Error(`${begun.tools} tools are listed at first, of ${tools}`);
      const later = await repeated(LATER, () => listTools(at(served), KEY, agent));
      const direct = await repeated(LATER, () => listTools(upstream.url, KEY, agent));
      return {
        tools,
        pages: begun.pages,
        bytes: begun.bytes,
        shownMs: known.shownMs,
        first: { warm: known.warm, begun },
        laterUs: micro(later, ({ ms }) => ms),
        laterPageUs: micro(later, ({ firstPageMs }) => firstPageMs),
        directUs: micro(direct, ({ ms }) => ms),
        readyMs: served.readyMs,
        rssBytes: read(served.pids).parley.rssBytes,
      };
    });
  } finally {
    await agent.close();
    await upstream.stop();
  }
};
