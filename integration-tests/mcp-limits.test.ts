/** Limits of MCP servers and of their tools, as clients of the SDKs meet them. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EventData } from '../topics/index.ts';
import { clientOf, clientV1Of, textOf } from './mcp/client.ts';
import { createMcpMesh, type McpMesh, type McpReplica } from './mcp/mesh.ts';
import { type McpUpstream, startMcpUpstream } from './mcp/upstream.ts';
import { readLog, until } from './mesh.ts';

let upstream: McpUpstream;
let spare: McpUpstream;
let mesh: McpMesh;
let edge: McpReplica;

const KIB = 1024;
const narrow = { resultSize: '8KiB', tooLarge: 'truncate' };

beforeAll(async () => {
  upstream = await startMcpUpstream();
  spare = await startMcpUpstream();
  mesh = await createMcpMesh({
    servers: {
      limited: {
        url: upstream.url,
        tools: {
          write: { callsPerMinute: 2 },
          read_held: { callsInFlight: 1 },
          write_held: { timeouts: { firstByte: '200ms', idle: '200ms' } },
        },
      },
      rated: { url: upstream.url, callsPerMinute: 1, twins: ['spare'] },
      spare: { url: spare.url },
      narrow: { url: upstream.url, responseSize: '64KiB', ...narrow },
      process: { command: [process.execPath, join(import.meta.dirname, 'mcp/stdio-server.ts')], ...narrow },
    },
    more: { routing: { breaker: { failures: 2, open: '1h' } } },
  });
  edge = await mesh.serve();
  // What several servers offer under one name is held back until somebody has looked at it.
  for (const server of ['limited', 'rated', 'spare', 'narrow', 'process']) {
    await mesh.offers(server, 'RESOURCE', 'test://watched-resource', 'any');
    await mesh.approve(server);
  }
});
afterAll(async () => {
  await mesh?.close();
  await upstream?.close();
  await spare?.close();
});

const at = (server: string) => `${edge.url}/mcp/${server}`;
const add = { name: 'add', arguments: { a: 1, b: 1 } };
const write = { name: 'write', arguments: { line: 'hello' } };

/** The error of a call. */
const errorOf = (call: Promise<unknown>): Promise<{ code: number; message: string; data: unknown }> =>
  call.then(
    () => Promise.reject(new Error('it was answered')),
    ({ code, message, data }) => ({ code, message, data }),
  );

test('calls of a tool beyond its rate are refused, told when to try again, and do not reach the server', async () => {
  const client = await clientOf(at('limited'));
  for (const _ of [1, 2]) expect(textOf(await client.callTool(write))).toBe('wrote hello');
  for (const one of [client, await clientOf(at('limited'), { era: 'legacy' }), await clientV1Of(at('limited'))]) {
    const { code, message, data } = await errorOf(one.callTool(write));
    expect([code, data]).toEqual([429, { reason: 'RATE_LIMITED', retryAfterMs: expect.any(Number) }]);
    expect(message).toContain('As many calls as are allowed in a minute were made of this tool');
    const { retryAfterMs } = data as { retryAfterMs: number };
    expect(retryAfterMs).toBeGreaterThan(0);
    expect(retryAfterMs).toBeLessThanOrEqual(30_000);
  }
  expect(upstream.calls.write).toBe(2);
  expect(textOf(await client.callTool(add))).toBe('2');
});

test('a call beyond the rate of a server is its twin’s', async () => {
  const client = await clientOf(at('rated'));
  const before = upstream.calls.add ?? 0;
  for (const _ of [1, 2, 3]) expect(textOf(await client.callTool(add))).toBe('2');
  expect([(upstream.calls.add ?? 0) - before, spare.calls.add]).toEqual([1, 2]);
});

test('a tool that always times out is held back, and no other', async () => {
  const client = await clientOf(at('limited'));
  const held = { name: 'write_held', arguments: { line: 'hello' } };
  const isHeldBack = async () => (await errorOf(client.callTool(held))).code === 503;
  await until(isHeldBack, 'the tool to be held back');
  const opened = (await readLog(mesh.log, 0, 'BreakerOpened')).map(({ key }) => key);
  expect(new Set(opened)).toEqual(new Set(['mcp/limited/write_held']));
  expect(textOf(await client.callTool(add))).toBe('2');
});

test('as many calls of a tool are in flight as it may have; other tools have their own places', async () => {
  const client = await clientOf(at('limited'));
  const read = { name: 'read_held', arguments: {} };
  const first = client.callTool(read);
  await until(() => upstream.calls.read_held === 1, 'the first call');
  expect(await errorOf(client.callTool(read))).toMatchObject({ code: 429, data: { reason: 'RATE_LIMITED' } });
  expect(textOf(await client.callTool(add))).toBe('2');
  upstream.release();
  expect(textOf(await first)).toBe('read');
  expect(textOf(await client.callTool(read))).toBe('read');
});

/** The result in the log that came last. */
const recorded = async () => {
  const last = (await readLog(mesh.log, 0, 'ResponseCompleted')).at(-1)?.data as EventData['ResponseCompleted'];
  return JSON.parse(last.message.toString()).result;
};

test.each(['narrow', 'process'])('a result that is too large is cut to one that clients take: %s', async (server) => {
  const clients = [
    await clientOf(at(server)),
    await clientOf(at(server), { era: 'legacy' }),
    await clientV1Of(at(server)),
  ];
  for (const client of clients) {
    // So that it holds what has an output schema against it.
    await client.listTools();
    const large = await client.callTool({ name: 'large', arguments: { kib: 20 } });
    expect(textOf(large)).toMatch(/^x+… \[\d+ bytes left out by the mesh\]$/);
    expect(large._meta).toMatchObject({ 'parley/truncated': { bytes: expect.any(Number), maxBytes: 8 * KIB } });
    expect(await recorded()).toMatchObject({ content: large.content });

    const table = await client.callTool({ name: 'table', arguments: { kib: 5 } });
    expect(table.structuredContent).toEqual({ cells: 'x'.repeat(5 * KIB) });
    expect(textOf(table)).toMatch(/bytes left out by the mesh\]$/);
    const whole = await client.callTool({ name: 'table', arguments: { kib: 2 } });
    expect(JSON.parse(textOf(whole))).toEqual(whole.structuredContent);

    const tooMuch = await errorOf(client.callTool({ name: 'table', arguments: { kib: 10 } }));
    expect(tooMuch).toMatchObject({ code: 502, data: { reason: 'RESPONSE_TOO_LARGE' } });
  }
});

test('what is more than is read of an answer is refused, also where it would be cut', async () => {
  const client = await clientOf(at('narrow'));
  const call = client.callTool({ name: 'large', arguments: { kib: 200 } });
  expect(await errorOf(call)).toMatchObject({ code: 502, data: { reason: 'RESPONSE_TOO_LARGE' } });
});
