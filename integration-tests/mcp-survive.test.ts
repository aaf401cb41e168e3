/** Processes of the mesh, and of servers, that end in the middle of a call. */
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { EventData } from '../topics/index.ts';
import { clientOf, textOf } from './mcp/client.ts';
import { createMcpMesh, type McpMeshOptions } from './mcp/mesh.ts';
import { startMcpUpstream } from './mcp/upstream.ts';
import { readLog, until } from './mesh.ts';

const meshOf = async (options: McpMeshOptions) => {
  const mesh = await createMcpMesh(options);
  onTestFinished(() => mesh.close());
  return mesh;
};

test('kill -9 during a call that may not be repeated: the server is called once, and what came of it is not known', {
  timeout: 180_000,
}, async () => {
  const upstream = await startMcpUpstream();
  onTestFinished(() => upstream.close());
  const mesh = await meshOf({ servers: { up: { url: upstream.url } } });
  const replicas = await Promise.all([mesh.spawn(), mesh.spawn()]);
  await mesh.offers('up', 'TOOL', 'write_held');
  const clients = await Promise.all(replicas.map(({ url }) => clientOf(`${url}/mcp/up`)));
  // Conversations are spread over both replicas, and so the calls are.
  const lines = Array.from({ length: 16 }, (_, i) => `line ${i}`);
  const calls = lines.map((line, i) =>
    clients[i % 2]!.callTool({ name: 'write_held', arguments: { line } }).then(textOf, (error: Error) => error.message),
  );
  await until(() => upstream.calls.write_held === lines.length, 'the calls');
  await replicas[0]!.stop();
  const failed = async () =>
    (await readLog(mesh.log, 0, 'ResponseFailed')).map(
      ({ data }) => (data as EventData['ResponseFailed']).failure.reason,
    );
  await until(async () => (await failed()).length > 0, 'the calls of the one that was killed to be given up', 60_000);
  upstream.release();
  const answers = await Promise.all(calls);
  const outcomes = async () => {
    const ended = await readLog(mesh.log, 0, 'ResponseFailed', 'ResponseCompleted');
    return new Set(ended.map(({ correlationId }) => correlationId)).size;
  };
  await until(async () => (await outcomes()) === lines.length, 'an outcome of each');
  expect(new Set(await failed())).toEqual(new Set(['OUTCOME_UNKNOWN']));
  expect(upstream.calls.write_held).toBe(lines.length);
  // Whoever asked the replica that lives on is told: what was written, or that it is not known.
  const told = answers.filter((_, i) => i % 2 === 1);
  for (const answer of told) expect(answer).toMatch(/^wrote line|not known whether/);
});

const stdioServer = { command: [process.execPath, join(import.meta.dirname, 'mcp/stdio-server.ts')] };

test('a server over stdio that dies is started again, and nobody else notices', async () => {
  const upstream = await startMcpUpstream();
  onTestFinished(() => upstream.close());
  const mesh = await meshOf({ servers: { up: { url: upstream.url, twins: ['local'] }, local: stdioServer } });
  const { url } = await mesh.serve();
  await mesh.offers('local', 'TOOL', 'die', 'any');
  await mesh.offers('up', 'TOOL', 'read_held', 'any');
  await mesh.approve('local');
  await mesh.approve('up');
  const [local, up] = await Promise.all([clientOf(`${url}/mcp/local`), clientOf(`${url}/mcp/up`)]);
  const pid = async () => Number(textOf(await local.callTool({ name: 'pid', arguments: {} })));
  const first = await pid();
  const besides = up.callTool({ name: 'read_held', arguments: {} });
  await until(() => (upstream.calls.read_held ?? 0) > 0, 'the other call');
  await expect(local.callTool({ name: 'die', arguments: {} })).rejects.toThrow(/process of the MCP server ended/);
  const revived = async () => (await pid().catch(() => first)) !== first;
  await until(revived, 'another process');
  upstream.release();
  expect(textOf(await besides)).toBe('read');
  expect(textOf(await local.callTool({ name: 'add', arguments: { a: 1, b: 2 } }))).toBe('3');
});
