import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connect, connectV1, createWorld, post, text, type World } from './harness.ts';
import { ownProgress, serversProgress, type Told } from './keep-alive.ts';

const inOrder = (said: (number | 'own')[]): number[] => {
  let told: Told = { progress: undefined, isMixed: false };
  return said.map((one) => {
    const progress = one === 'own' ? ownProgress(told) : serversProgress(told, one);
    told = { progress, isMixed: told.isMixed || one === 'own' };
    return progress;
  });
};

test.each([
  [['own', 'own', 0, 0.1, 'own', 0.2, 1]],
  [[1, 'own', 2]],
  [[1e9, 'own', 'own', 1e9 + 1]],
  [[-5, 'own', -4]],
] as (number | 'own')[][][])('progress increases, whoever says it: %j', (said) => {
  const told = inOrder(said);
  for (const [i, progress] of told.slice(1).entries()) expect(progress).toBeGreaterThan(told[i]!);
  // Of the server's own no more is changed than must be.
  for (const [i, one] of said.entries()) if (one !== 'own') expect(told[i]).toBeCloseTo(one, 6);
});

test('what the server says alone is left as it is', () => {
  expect(inOrder([3, 2, 2])).toEqual([3, 2, 2]);
});

let world: World;
beforeEach(async () => {
  world = await createWorld();
  await world.offer('files', 'TOOL', 'read', { name: 'read', inputSchema: { type: 'object' } });
});
afterEach(() => world.close());

const clients = {
  modern: (url: string) => connect(world, url, { mode: 'modern' }),
  legacy: (url: string) => connect(world, url, { mode: 'legacy' }),
  'SDK v1': (url: string) => connectV1(world, url),
};

test.each(Object.entries(clients))(
  'a client with a progress token hears that its call goes on: %s',
  async (_, connectTo) => {
    const { url } = await world.edge({ keepAliveMs: 5 });
    const { client } = await connectTo(url);
    const heard: number[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    world.behave(async (mesh) => {
      await promise;
      await mesh.chunk({ method: 'notifications/progress', params: { progress: 0, message: 'begun' } });
      await mesh.complete(text('done'));
    });
    const onprogress = ({ progress }: { progress: number }) => {
      heard.push(progress);
      if (heard.length === 3) resolve();
    };
    const request = { name: 'read', arguments: {} };
    if (client instanceof ClientV1) await client.callTool(request, undefined, { onprogress });
    else await client.callTool(request, { onprogress });
    expect(heard.length).toBeGreaterThan(3);
    for (const [i, progress] of heard.slice(1).entries()) expect(progress).toBeGreaterThan(heard[i]!);
  },
);

test('a stream on which nothing is said is kept alive', async () => {
  const { url } = await world.edge({ keepAliveMs: 5 });
  world.behave(() => {});
  const clientInfo = { name: 't', version: '1' };
  const initialize = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
  const opened = await post(url, { jsonrpc: '2.0', id: 1, method: 'initialize', params: initialize });
  const session = { 'mcp-session-id': opened.headers.get('mcp-session-id')! };
  const call = { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'read' } };
  const { body } = await post(url, call, session);
  let said = '';
  for await (const part of body!.pipeThrough(new TextDecoderStream())) {
    said += part;
    if (said.split(': keepalive').length > 2) break;
  }
  expect(said).not.toContain('data: {');
});
