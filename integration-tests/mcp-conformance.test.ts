/** The official suite, with a load balancer, two replicas of the mesh and the log between it and a server. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { type Balancer, startBalancer } from './mcp/balancer.ts';
import { createMcpMesh, keys, type McpMesh } from './mcp/mesh.ts';
import { type McpUpstream, startMcpUpstream } from './mcp/upstream.ts';

const suite = join(import.meta.dirname, '../node_modules/@modelcontextprotocol/conformance');

interface Check {
  id: string;
  status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO';
  errorMessage?: string;
}

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

/** Every check of the scenarios that a revision requires, in the suite's own words. */
const checked = async (revision: string): Promise<[string, Check][]> => {
  const out = mkdtempSync(join(tmpdir(), 'parley-mcp-conformance-'));
  onTestFinished(() => rmSync(out, { recursive: true, force: true }));
  const options = ['--url', `${balancer.url}/mcp/up`, '--requirements', revision, '-o', out];
  // It fails where a scenario fails, also one that is not required.
  await promisify(execFile)(process.execPath, [join(suite, 'dist/index.js'), 'server', ...options], {
    maxBuffer: 2 ** 26,
  }).catch((error: Error & { code?: number }) => {
    if (error.code !== 1) throw error;
  });
  const required: string[] = parse(readFileSync(join(suite, `requirements/${revision}.yaml`), 'utf8')).server;
  return required.flatMap((scenario) => {
    const ran = readdirSync(out).find((name) => name.replace(/-\d{4}-\d\d-\d\dT.*$/, '') === `server-${scenario}`);
    if (!ran) throw new Error(`${scenario} did not run`);
    const checks: Check[] = JSON.parse(readFileSync(join(out, ran, 'checks.json'), 'utf8'));
    return checks.map((check): [string, Check] => [scenario, check]);
  });
};

test.each([
  ['2025-11-25', 70],
  ['2026-07-28', 120],
])('%s: everything that it requires', { timeout: 240_000 }, async (revision, passed) => {
  const all = await checked(revision);
  const failed = all.filter(([, { status }]) => status !== 'SUCCESS' && status !== 'INFO');
  expect(failed.map(([scenario, { id, errorMessage }]) => [scenario, id, errorMessage])).toEqual([]);
  expect(all.filter(([, { status }]) => status === 'SUCCESS')).toHaveLength(passed);
});
