/** Calls of a tool through Parley beside other MCP gateways, with the kit's own servers. The kit starts Parley, once those serve. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { KEY } from './call.ts';
import { conditions } from './conditions.ts';
import { freePort } from './free-port.ts';
import { writeMcpMeshFile } from './mcp-mesh-file.ts';
import { progress, type Undo } from './measuring.ts';
import { endJvms, upWith } from './parley.ts';
import { installPeers, measurePeers, type Target } from './peers.ts';
import { renderPeers } from './peers-table.ts';
import type { Options, Outcome } from './sessions.ts';

/** Where the kit's servers listen. Parley names them so. */
const SERVERS = {
  'mcp-mock': { name: 'mock', url: 'http://127.0.0.1:9111/mcp' },
  mcp: { name: 'everything', url: 'http://127.0.0.1:9110/mcp' },
} as const;

/** @param directory of its own: data, and the mesh with one server */
const targetIn = async (directory: string, kind: keyof typeof SERVERS): Promise<Target> => {
  const { name, url } = SERVERS[kind];
  const port = String(await freePort());
  const origin = `http://127.0.0.1:${port}`;
  return {
    name: 'parley',
    kind,
    url: `${origin}/mcp/${name}`,
    headers: { authorization: `Bearer ${KEY}` },
    tool: 'echo',
    start: {
      cmd: [process.execPath, ...upWith(writeMcpMeshFile(directory, { [name]: url }))],
      cwd: directory,
      env: { PARLEY_PORT: port, PARLEY_GRPC_PORT: '0' },
      ready: `${origin}/readyz`,
    },
  };
};

export const besideMcpPeers = async (
  { kit, peersRoot: root, rounds, duration, warmUp, concurrency }: Options,
  directory: string,
  undo: Undo,
  signal: AbortSignal,
): Promise<Outcome> => {
  const say = (line: string) => progress.update(line);
  await installPeers({ kit, root }, (line) => say(`Installing the other gateways: ${line}`), signal);
  const found = conditions();
  const measured: Awaited<ReturnType<typeof measurePeers>>[] = [];
  for (const suite of ['mcp-mock', 'mcp'] as const) {
    const own = join(directory, suite);
    mkdirSync(own, { recursive: true });
    undo.push(() => endJvms(own));
    const plan = { kit, root, rounds, duration, warmUp, suites: { [suite]: concurrency } };
    measured.push(await measurePeers(plan, [await targetIn(own, suite)], say, signal));
    await endJvms(own);
  }
  const rows = measured.flatMap((one) => one.rows);
  const missing = ['mcp-mock', 'mcp'].filter(
    (suite) => !rows.some((row) => row.target === 'parley' && row.suite === suite),
  );
  const wrong = rows.filter(({ failures }) => failures > 0);
  return {
    document: { conditions: found, lines: measured.flatMap(({ lines }) => lines) },
    text: renderPeers(rows, { rounds, duration }, found, measured[0]?.node ?? 'unknown'),
    faults: [
      ...missing.map((suite) => `Parley was not measured in ${suite}`),
      ...wrong.map((row) => `${row.target}: ${row.failures} of its answers were wrong`),
    ],
  };
};
