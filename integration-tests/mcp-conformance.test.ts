/** The official suite, with a load balancer, two replicas of the mesh and the log between it and a server. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Balancer, startBalancer } from './mcp/balancer.ts';
import { checksOf, failedIn, passedIn } from './mcp/conformance.ts';
import { createMcpMesh, keys, type McpMesh } from './mcp/mesh.ts';
import { type McpUpstream, startMcpUpstream } from './mcp/upstream.ts';

let upstream: McpUpstream;
let mesh: McpMesh;
let balancer: Balancer;

beforeAll(async () => {
  upstream = await startMcpUpstream();
  mesh = await createMcpMesh({ servers: { up: { url: upstream.url } } });
  const replicas = await Promise.all([mesh.serve(), mesh.serve()]);
  balancer = await startBalancer(
    replicas.map(({ url }) => url),
    keys.desk,
  );
  await mesh.offers('up', 'PROMPT', 'test_simple_prompt');
  await mesh.offers('up', 'TOOL', 'test_x_mcp_header');
});
afterAll(async () => {
  await balancer?.close();
  await mesh?.close();
  await upstream?.close();
});

test.each([
  ['2025-11-25', 70],
  ['2026-07-28', 120],
])('%s: everything that it requires', { timeout: 240_000 }, async (revision, passed) => {
  const checks = await checksOf('server', ['--url', `${balancer.url}/mcp/up`], revision);
  expect(failedIn(checks)).toEqual([]);
  expect(passedIn(checks)).toBe(passed);
});
