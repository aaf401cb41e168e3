/** Sessions of the older revisions are in the log: any replica serves any request of one. */
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { anyOf, clientOf, textOf } from './mcp/client.ts';
import { createMcpMesh, keys, type McpMesh, type McpReplica } from './mcp/mesh.ts';
import { type McpUpstream, startMcpUpstream } from './mcp/upstream.ts';
import { until } from './mesh.ts';

let upstream: McpUpstream;
let mesh: McpMesh;
let replicas: McpReplica[];

beforeAll(async () => {
  upstream = await startMcpUpstream({ eras: 'legacy' });
  mesh = await createMcpMesh({ servers: { up: { url: upstream.url } } });
  replicas = await Promise.all([mesh.serve(), mesh.serve(), mesh.serve()]);
  await mesh.offers('up', 'TOOL', 'write');
  await mesh.offers('up', 'RESOURCE', 'test://watched-resource');
});
afterAll(async () => {
  await mesh?.close();
  await upstream?.close();
});

const balanced = () => ({ fetch: anyOf(replicas.map(({ url }) => url)), era: 'legacy' as const });
const url = 'http://balanced.invalid/mcp/up';

const asked = (client: Client) => {
  client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: { name: 'Ada', color: 'red' } }));
};

test('20 sessions over three replicas behind a load balancer without affinity: no error, and each is asked itself', async () => {
  const sessions = await Promise.all(
    Array.from({ length: 20 }, () => clientOf(url, { ...balanced(), capabilities: { elicitation: {} } }, asked)),
  );
  await Promise.all(
    sessions.map(async (client, i) => {
      for (let round = 0; round < 5; round += 1) {
        expect(textOf(await client.callTool({ name: 'add', arguments: { a: i, b: round } }))).toBe(String(i + round));
        expect((await client.listTools()).tools.length).toBeGreaterThan(10);
        const asking = { name: 'test_input_required_result_multi_round', arguments: {} };
        expect(textOf(await client.callTool(asking))).toBe('Ada likes red');
      }
    }),
  );
});

test('answers of clients without sessions reach the call that waits for them, whichever replica they come to', async () => {
  const capabilities = { elicitation: {}, sampling: {}, roots: {} };
  const clients = await Promise.all(
    Array.from({ length: 10 }, () =>
      clientOf(url, { ...balanced(), era: 'modern', capabilities }, (client) => {
        asked(client);
        client.setRequestHandler('roots/list', () => ({ roots: [{ uri: 'file:///home' }] }));
        client.setRequestHandler('sampling/createMessage', () => ({
          model: 'test-model',
          role: 'assistant',
          content: { type: 'text', text: 'Hello' },
        }));
      }),
    ),
  );
  await Promise.all(
    clients.map(async (client) => {
      const call = async (name: string) => textOf(await client.callTool({ name, arguments: {} }));
      expect(await call('test_input_required_result_multi_round')).toBe('Ada likes red');
      expect(await call('test_input_required_result_multiple_inputs')).toBe('Hello, Ada, at file:///home');
    }),
  );
  // Each call reached the server once: its SDK comes back to the handler by itself, with the answers.
  expect(upstream.calls.test_input_required_result_multiple_inputs).toBe(2 * clients.length);
});

test('what is changed at one replica holds at all of them', async () => {
  const heard: string[] = [];
  const logged: unknown[] = [];
  const client = await clientOf(url, balanced(), (one) => {
    one.setNotificationHandler('notifications/resources/updated', ({ params }) => void heard.push(params.uri));
    one.setNotificationHandler('notifications/message', ({ params }) => void logged.push(params.data));
  });
  const uri = 'test://watched-resource';
  const touch = () => client.callTool({ name: 'touch', arguments: { uri } });
  await client.subscribeResource({ uri });
  await client.setLoggingLevel('error');
  await touch();
  await until(() => heard.length > 0, 'the change of the resource');
  for (let i = 0; i < 5; i += 1) await client.callTool({ name: 'test_tool_with_logging', arguments: {} });
  expect(logged).toEqual([]);
});

test('a session that was ended, or is of another key, is not there at any replica', async () => {
  const authorization = `Bearer ${keys.desk}`;
  const headers = { accept: 'application/json, text/event-stream', 'content-type': 'application/json', authorization };
  const ask = (replica: McpReplica, method: string, more: Record<string, string>, body?: object) =>
    fetch(`${replica.url}/mcp/up`, {
      method,
      headers: { ...headers, ...more },
      ...(body && { body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...body }) }),
    });
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } };
  const begun = await ask(replicas[0]!, 'POST', {}, { method: 'initialize', params });
  await begun.text();
  const session = { 'mcp-session-id': begun.headers.get('mcp-session-id')!, 'mcp-protocol-version': '2025-11-25' };
  const list = async (replica: McpReplica, more: Record<string, string> = {}) => {
    const answer = await ask(replica, 'POST', { ...session, ...more }, { method: 'tools/list', params: {} });
    await answer.text();
    return answer.status;
  };
  expect(await Promise.all(replicas.map((replica) => list(replica)))).toEqual([200, 200, 200]);
  expect(await list(replicas[1]!, { authorization: `Bearer ${keys.reader}` })).toBe(404);
  expect((await ask(replicas[1]!, 'DELETE', session)).ok).toBe(true);
  await until(
    async () => (await Promise.all(replicas.map((replica) => list(replica)))).every((s) => s === 404),
    'its end',
  );
});

test('a session goes on when the replica that began it is gone', async () => {
  const gone = replicas[0]!;
  let there = [gone.url];
  const client = await clientOf(url, { era: 'legacy', fetch: (input, init) => anyOf(there)(input, init) });
  expect(textOf(await client.callTool({ name: 'add', arguments: { a: 1, b: 1 } }))).toBe('2');
  there = replicas.slice(1).map((replica) => replica.url);
  await gone.stop();
  for (let i = 0; i < 4; i += 1)
    expect(textOf(await client.callTool({ name: 'add', arguments: { a: i, b: 1 } }))).toBe(String(i + 1));
});

test('a subscription goes on when every replica was started anew', async () => {
  const uri = 'test://watched-resource';
  const headers = {
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
    authorization: `Bearer ${keys.desk}`,
    'mcp-protocol-version': '2025-11-25',
  };
  const ask = (replica: McpReplica, method: string, params: object, more: Record<string, string> = {}) =>
    fetch(`${replica.url}/mcp/up`, {
      method: 'POST',
      headers: { ...headers, ...more },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    });
  const client = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } };
  const begun = await ask(replicas[1]!, 'initialize', client);
  await begun.text();
  const session = { 'mcp-session-id': begun.headers.get('mcp-session-id')! };
  expect(await (await ask(replicas[1]!, 'resources/subscribe', { uri }, session)).text()).toContain('"result":{}');
  await Promise.all(replicas.map((replica) => replica.stop()));

  const anew = await mesh.serve();
  await mesh.offers('up', 'RESOURCE', uri);
  const left = new AbortController();
  const listened = { headers: { ...headers, ...session }, signal: left.signal };
  const stream = await fetch(`${anew.url}/mcp/up`, listened);
  let heard = '';
  const hear = async () => {
    for await (const part of stream.body!) heard += Buffer.from(part).toString();
  };
  hear().catch(() => {});
  const touching = { name: 'touch', arguments: { uri } };
  await until(async () => {
    await (await ask(anew, 'tools/call', touching, session)).text();
    return heard.includes('notifications/resources/updated');
  }, 'the change of the resource');
  left.abort();
});
