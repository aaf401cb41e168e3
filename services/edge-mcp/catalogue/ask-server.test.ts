import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { expect, test } from 'vitest';
import { AnsweredError, type Peer } from '../outbound/connections.ts';
import { askServer, type Listing } from './ask-server.ts';
import { assess } from './assess.ts';
import { connected, connectionsTo, listingServer, peerOf } from './connections-for-tests.ts';

const clean = (bytes: Buffer) => bytes;
const tools = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ name: `t${i}`, inputSchema: { type: 'object' } }));
const asking = (server: ReturnType<typeof listingServer>, bounds?: Parameters<typeof askServer>[2]): Promise<Listing> =>
  connectionsTo(() => server).connections.withConnection('s', { signal: new AbortController().signal }, (peer) =>
    askServer(peer, clean, bounds),
  );

test('all pages of all lists are read', async () => {
  const lists = {
    tools: tools(25),
    prompts: [{ name: 'p' }],
    resources: [{ uri: 'a:b', name: 'r' }],
    resourceTemplates: [{ uriTemplate: 'a:{b}', name: 't' }],
  };
  const { offered, leftOut, cutShort, peer } = await asking(
    listingServer(() => lists, { page: 10, instructions: 'Hi.' }),
  );
  expect(offered.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
    'INSTRUCTIONS instructions',
    ...lists.tools.map(({ name }) => `TOOL ${name}`),
    'PROMPT p',
    'RESOURCE a:b',
    'RESOURCE_TEMPLATE a:{b}',
  ]);
  expect({ leftOut, cutShort }).toEqual({ leftOut: [], cutShort: undefined });
  expect(peer).toMatchObject({ info: { name: 'lister' } });
  expect(offered[0]!.definition.toString()).toBe('{"instructions":"Hi."}');
});

test('ten thousand tools are read', async () => {
  const { offered, cutShort } = await asking(listingServer(() => ({ tools: tools(10_000) })));
  expect([offered.length, cutShort]).toEqual([10_000, undefined]);
});

const bounds = { definitions: 100, pages: 5, bytes: 10_000 };

test.each<[string, ReturnType<typeof listingServer>, number, string]>([
  ['too many definitions', listingServer(() => ({ tools: tools(101) })), 100, 'more than 100 definitions'],
  ['too many pages', listingServer(() => ({ tools: tools(50) }), { page: 2 }), 10, 'more than 5 pages'],
  [
    'too many bytes',
    listingServer(() => ({ tools: tools(6).map((tool) => ({ ...tool, description: 'x'.repeat(3_000) })) })),
    3,
    'larger than 10000 bytes',
  ],
])('%s are cut short, and said to be', async (_, server, count, why) => {
  const { offered, cutShort } = await asking(server, bounds);
  expect([offered.length, cutShort]).toEqual([count, expect.stringContaining(why)]);
});

const peer = (request: Peer['request'], capabilities: Peer['capabilities'] = { tools: {} }): Peer => ({
  protocolVersions: ['2025-11-25'],
  capabilities,
  info: {},
  instructions: '',
  request,
});

test('pages that go in a circle come to an end', async () => {
  const { offered, cutShort } = await askServer(
    peer(async () => ({ tools: tools(1), nextCursor: 'again' })),
    clean,
  );
  expect([offered.length, cutShort]).toEqual([1, 'the pages of tools/list go in a circle']);
});

test('no more is read than there is room for, of what is left out too', async () => {
  let pages = 0;
  const endless = peer(async () => {
    pages += 1;
    return { tools: [{ name: '', description: 'x'.repeat(4_000) }], nextCursor: String(pages) };
  });
  const { cutShort } = await askServer(endless, clean, { definitions: 100, pages: 50, bytes: 10_000 });
  expect([pages, cutShort]).toEqual([3, 'what it lists is larger than 10000 bytes']);
});

test('a list that a server has not, though it says so, is empty; an answer that is none is an error', async () => {
  const missing = peer(async () => {
    throw new AnsweredError(-32601, 'Method not found');
  });
  await expect(askServer(missing, clean)).resolves.toMatchObject({ offered: [] });
  const failing = peer(async () => {
    throw new AnsweredError(-32603, 'broken');
  });
  await expect(askServer(failing, clean)).rejects.toThrow('broken');
  await expect(
    askServer(
      peer(async () => ({ tools: 'none' })),
      clean,
    ),
  ).rejects.toThrow('its answer to tools/list is no list of tools');
});

test('what a server does not say that it has is not asked for', async () => {
  const asked: string[] = [];
  await askServer(
    peer(
      async (method) => {
        asked.push(method);
        return { prompts: [] };
      },
      { prompts: {} },
    ),
    clean,
  );
  expect(asked).toEqual(['prompts/list']);
});

const { resolve } = createRequire(import.meta.url);

test.each(['everything', 'filesystem', 'memory'])(
  'the real server-%s is read over stdio, and nothing in it is suspicious',
  async (name) => {
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [
        resolve(`@modelcontextprotocol/server-${name}/dist/index.js`),
        ...(name === 'filesystem' ? [tmpdir()] : []),
      ],
      stderr: 'ignore',
      env: { PATH: process.env.PATH ?? '', MEMORY_FILE_PATH: `${tmpdir()}/parley-test-memory-${process.pid}.jsonl` },
    });
    const client = await connected(transport);
    try {
      const { offered, leftOut } = await askServer(peerOf(client), clean);
      expect(offered.length).toBeGreaterThan(5);
      expect(leftOut).toEqual([]);
      expect(offered.flatMap((one) => assess(one))).toEqual([]);
    } finally {
      await client.close();
    }
  },
  60_000,
);
