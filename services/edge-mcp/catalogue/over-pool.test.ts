/** The catalogue over the real pool of connections: HTTP and stdio, alive and dead. */
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler } from '@modelcontextprotocol/server';
import pino from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import type { Connection } from '../../runtime/configuration.ts';
import { contextForTests } from '../../runtime/context-for-tests.ts';
import { standingOf } from '../../runtime/mcp/definitions.ts';
import { createMemoryLog } from '../../runtime/memory-log.ts';
import { createConnections } from '../outbound/connections.ts';
import { nobodyLoggedIn } from '../outbound/login/needs-login.ts';
import { listen } from '../outbound/servers-for-tests.ts';
import { defaultCatalogueTimes, startCatalogue } from './catalogue.ts';
import { listingServer } from './connections-for-tests.ts';
import { followDefinitions } from './known-definitions.ts';
import { configurationOf } from './world-for-tests.ts';

const connection = (server: string, more: Partial<Connection>): Connection => ({
  id: `mcp:${server}`,
  protocol: 'mcp',
  url: '',
  process: null,
  oauth: null,
  credential: null,
  headers: {},
  interfaces: [],
  connectTimeoutMs: 5_000,
  firstByteTimeoutMs: 20_000,
  idleTimeoutMs: 20_000,
  maxResponseBytes: 16 * 1024 * 1024,
  ...more,
});

const started = (command: string, ...args: string[]): Partial<Connection> => ({
  process: { command, args, env: { MEMORY_FILE_PATH: `${tmpdir()}/parley-test-${process.pid}.jsonl` }, cwd: null },
});

test('servers over HTTP and stdio are listed whole; of those that are dead it is said why', async () => {
  const { resolve } = createRequire(import.meta.url);
  const tools = Array.from({ length: 250 }, (_, i) => ({ name: `tool${i}`, inputSchema: { type: 'object' } }));
  const handler = createMcpHandler(() => listingServer(() => ({ tools }), { page: 100 }));
  const url = await listen(toNodeHandler(handler));
  const connections = [
    connection('http', { url }),
    connection('memory', started(process.execPath, resolve('@modelcontextprotocol/server-memory/dist/index.js'))),
    connection('refused', { url: 'http://127.0.0.1:1/mcp' }),
    connection('missing', started('/no/such/command')),
  ];
  const configuration = {
    ...configurationOf({ http: {}, memory: {}, refused: {}, missing: {} }),
    connections,
  };
  const log = await createMemoryLog();
  const known = await followDefinitions(log, pino({ level: 'silent' }));
  const context = contextForTests(log, { configuration: () => configuration });
  const pool = createConnections(context, nobodyLoggedIn);
  const catalogue = startCatalogue(context, known, pool, { ...defaultCatalogueTimes, lookMs: 10 });
  onTestFinished(async () => {
    await catalogue.stop();
    await pool.close();
    await known.close();
    await log.crash();
  });
  const { servers, all } = known.definitions;
  const inForce = (server: string) =>
    [...all.values()].filter((one) => one.server === server && standingOf(one) === 'in-force').length;
  const problems = () => ['refused', 'missing'].map((server) => servers.get(server)?.problem ?? '');
  for (let i = 0; i < 6_000; i++) {
    if (inForce('http') === 250 && inForce('memory') > 5 && problems().every(Boolean)) break;
    await sleep(5);
  }
  expect([inForce('http'), problems()]).toEqual([250, [expect.stringMatching(/\w/), expect.stringMatching(/\w/)]]);
  expect(inForce('memory')).toBeGreaterThan(5);
  expect(servers.get('http')?.protocolVersions[0]).toBe('2026-07-28');
  expect(servers.get('memory')?.problem).toBe('');
}, 60_000);
