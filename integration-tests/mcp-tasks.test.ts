/** Calls that outlive the replica that took them: the tasks extension of MCP (SEP-2663), which the SDK's client does not speak. */
import { expect, onTestFinished, test } from 'vitest';
import { createMcpMesh, keys } from './mcp/mesh.ts';
import { startMcpUpstream } from './mcp/upstream.ts';
import { until } from './mesh.ts';

const meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'test-client', version: '1.0.0' },
  'io.modelcontextprotocol/clientCapabilities': { extensions: { 'io.modelcontextprotocol/tasks': {} } },
};

interface Task {
  taskId: string;
  resultType: string;
  status: string;
  result?: { content: { text: string }[] };
}

const ask = async (url: string, method: string, params: Record<string, unknown>): Promise<Task> => {
  const response = await fetch(`${url}/mcp/up`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${keys.desk}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      'mcp-name': String(params.taskId ?? params.name),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: meta } }),
  });
  const { result, error } = (await response.json()) as { result: Task; error?: object };
  expect(error).toBeUndefined();
  return result;
};

test('tasks of a replica that is killed are told of by another, and cancelled there', {
  timeout: 180_000,
}, async () => {
  const upstream = await startMcpUpstream();
  onTestFinished(() => upstream.close());
  const mesh = await createMcpMesh({ servers: { up: { url: upstream.url } } });
  onTestFinished(() => mesh.close());
  const [first, second] = await Promise.all([mesh.spawn(), mesh.spawn()]);
  await mesh.offers('up', 'TOOL', 'read_held');
  // Conversations are spread over both replicas, and so are the calls to the server.
  const call = () => ask(first.url, 'tools/call', { name: 'read_held', arguments: {} });
  const begun = await Promise.all(Array.from({ length: 6 }, call));
  expect(new Set(begun.map(({ resultType, status }) => `${resultType} ${status}`))).toEqual(new Set(['task working']));
  const get = ({ taskId }: Task, url = second.url) => ask(url, 'tasks/get', { taskId });
  const [given, ...kept] = begun;
  for (const url of [first.url, second.url]) expect((await get(given!, url)).status).toBe('working');
  await ask(second.url, 'tasks/cancel', { taskId: given!.taskId });
  await until(async () => (await get(given!)).status === 'cancelled', 'the task to be cancelled', 30_000);

  await first.stop();
  upstream.release();
  for (const task of kept) {
    await until(async () => (await get(task)).status === 'completed', 'the task to be completed', 60_000);
    expect((await get(task)).result?.content).toEqual([{ type: 'text', text: 'read' }]);
  }
  expect((await get(given!)).status).toBe('cancelled');
});
