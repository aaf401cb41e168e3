import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { asking, KEY, legacyClient, modernClient, until, world } from './world-for-tests.ts';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const processOf = (path: string, env: Record<string, string> = {}) => ({
  process: { command: process.execPath, args: [at(path)], env, cwd: null },
  // On a busy machine a process takes its time to start.
  firstByteTimeoutMs: 30_000,
});
const own = (env?: Record<string, string>) => processOf('./stdio-server-for-tests.ts', env);
const modules = '../../../node_modules/@modelcontextprotocol';

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
// biome-ignore lint/suspicious/noExplicitAny: an answer as it came.
const textOf = ({ result }: any): string => result.content[0].text;

describe('a process', () => {
  test('is started once, serves many side by side, and is gone when the mesh stops', async () => {
    const w = await world({ one: own() });
    const { stop } = await w.edge();
    const calls = await Promise.all(
      ['a', 'b', 'c'].map((contextId) => w.tool('one', 'pid', {}, legacyClient, { contextId })),
    );
    const pids = await Promise.all(calls.map(async (call) => Number(textOf(await w.answer(call)))));
    expect(new Set(pids).size).toBe(1);
    expect(isAlive(pids[0]!)).toBe(true);
    await stop();
    await until(() => !isAlive(pids[0]!));
  });

  test('has the environment that it is given, and nothing else of the mesh’s', async () => {
    const w = await world({ one: own({ TOKEN: `$\{KEY}`, Plain: 'Yes' }) });
    await w.edge();
    const { result } = await w.answer(await w.tool('one', 'env'));
    expect(result.env).toMatchObject({ TOKEN: '[removed]', Plain: 'Yes', PATH: process.env.PATH });
    expect(result.env.VITEST).toBeUndefined();
    await w.answer(await w.tool('one', 'chatter'));
    await until(() => w.logged.some((line) => line.includes('key [removed]')));
    expect(w.logged.join()).not.toContain(KEY);
  });

  test('that dies ends its calls, and is started again for the next', async () => {
    const w = await world({ one: own() });
    await w.edge();
    const before = textOf(await w.answer(await w.tool('one', 'pid')));
    const hanging = await w.tool('one', 'hang', {}, legacyClient, { repeatable: true });
    const deadly = await w.tool('one', 'die');
    expect((await w.failure(deadly)).reason).toBe('CONNECTION_LOST');
    const [failed] = await w.wait('AttemptFailed', hanging);
    expect(failed!.data).toMatchObject({ retryable: true, failure: { reason: 'CONNECTION_LOST' } });
    const after = textOf(await w.answer(await w.tool('one', 'pid')));
    expect(after).not.toBe(before);
  });

  test('that floods is ended', async () => {
    const w = await world({ one: { ...own(), maxResponseBytes: 100_000 } });
    await w.edge();
    const pid = Number(textOf(await w.answer(await w.tool('one', 'pid'))));
    expect((await w.failure(await w.tool('one', 'flood'))).reason).toBe('RESPONSE_TOO_LARGE');
    await until(() => !isAlive(pid));
  });

  test('that is another’s child, as npx has them, is started anew when it floods', async () => {
    const path = JSON.stringify(at('./stdio-server-for-tests.ts'));
    const script = `require('node:child_process').spawn(process.execPath, [${path}], { stdio: 'inherit' })`;
    const command = { command: process.execPath, args: ['-e', script], env: {}, cwd: null };
    const w = await world({ one: { process: command, maxResponseBytes: 100_000 } });
    await w.edge();
    const pid = async () => Number(textOf(await w.answer(await w.tool('one', 'pid'))));
    const before = await pid();
    onTestFinished(() => void process.kill(before, 'SIGKILL'));
    expect((await w.failure(await w.tool('one', 'flood'))).reason).toBe('RESPONSE_TOO_LARGE');
    expect(await pid()).not.toBe(before);
  });

  test('that can’t be started says so, without its environment', async () => {
    const command = { command: '/nowhere/at-all', args: [], env: { TOKEN: `$\{KEY}` }, cwd: null };
    const w = await world({ one: { process: command } });
    await w.edge();
    const [failed] = await w.wait('AttemptFailed', await w.tool('one', 'any'));
    expect(failed!.data).toMatchObject({ retryable: true, failure: { reason: 'CONNECT_FAILED' } });
    expect(failed!.data.failure.message).toContain('ENOENT');
    expect(w.logged.join()).not.toContain(KEY);
  });

  test('that ends before it talks has its last words in the log of the mesh, without secrets', async () => {
    const script = `console.error('no licence for', process.env.TOKEN); process.exit(3)`;
    const command = { command: process.execPath, args: ['-e', script], env: { TOKEN: `$\{KEY}` }, cwd: null };
    const w = await world({ one: { process: command } });
    await w.edge();
    const [failed] = await w.wait('AttemptFailed', await w.tool('one', 'any'));
    expect(failed!.data.failure.message).toBe('The process of the MCP server ended before it began to talk.');
    const warned = () => w.logged.filter((line) => line.includes('no licence for') && JSON.parse(line).level === 40);
    await until(() => warned().length > 0);
    expect(w.logged.join()).not.toContain(KEY);
  });

  test('tells progress to whose it is, and log messages only where it is sure', async () => {
    const w = await world({ one: own() });
    await w.edge();
    const client = { ...legacyClient, progressToken: 'mine' };
    const alone = await w.tool('one', 'chatter', {}, client);
    await w.answer(alone);
    expect(w.chunks(alone).map(({ method }) => method)).toEqual(['notifications/progress', 'notifications/message']);
    const together = [
      await w.tool('one', 'chatter', {}, client),
      await w.tool('one', 'chatter', {}, client, { contextId: 'b' }),
    ];
    for (const call of together) {
      await w.answer(call);
      expect(w.chunks(call).map(({ method }) => method)).toContain('notifications/progress');
    }
  });

  test('puts its questions to the client whose call it is: one call at a time', async () => {
    const w = await world({ one: own() });
    await w.edge();
    const client = { ...modernClient, capabilities: asking };
    const calls = [await w.tool('one', 'ask', {}, client), await w.tool('one', 'ask', {}, client, { contextId: 'b' })];
    await until(() => calls.some((call) => w.of('ResponseChunk', call).length > 0));
    const [first, second] = w.of('ResponseChunk', calls[0]!).length > 0 ? calls : calls.toReversed();
    expect(w.of('ResponseChunk', second!)).toEqual([]);
    await w.provide(first!, '1-1', { result: { action: 'accept', content: { name: 'Ada' } } });
    expect(textOf(await w.answer(first!))).toBe('hello Ada');
    await w.wait('ResponseChunk', second!);
    await w.provide(second!, '1-1', { result: { action: 'accept', content: { name: 'Grace' } } });
    expect(textOf(await w.answer(second!))).toBe('hello Grace');
  });

  test('asks nobody else what it would know for a call that was given up', async () => {
    const w = await world({ one: own() });
    const { stop } = await w.edge();
    const client = { ...modernClient, capabilities: asking };
    const pid = (more: object) => w.tool('one', 'pid', {}, client, more);
    const before = Number(textOf(await w.answer(await pid({}))));
    const lingering = await w.tool('one', 'linger', {}, client);
    await w.wait('ResponseChunk', lingering);
    await w.cancel(lingering);
    await w.failure(lingering);
    const other = await pid({ contextId: 'b' });
    expect(Number(textOf(await w.answer(other)))).not.toBe(before);
    expect(w.chunks(other)).toEqual([]);
    await stop();
    await until(() => !isAlive(before));
  });
});

describe('servers of others', () => {
  test('everything: tools, progress, sampling', async () => {
    const w = await world({ one: processOf(`${modules}/server-everything/dist/index.js`) });
    const { connections } = await w.edge();
    await connections.withConnection('one', { signal: new AbortController().signal }, async (peer) => {
      const { tools } = (await peer.request('tools/list')) as { tools: object[] };
      expect(tools.length).toBeGreaterThan(5);
    });
    expect(textOf(await w.answer(await w.tool('one', 'echo', { message: 'hi' })))).toContain('hi');
    const client = { ...legacyClient, progressToken: 'p', capabilities: { sampling: {} } };
    const long = await w.tool('one', 'trigger-long-running-operation', { duration: 0.2, steps: 2 }, client);
    await w.answer(long);
    expect(w.chunks(long).filter(({ method }) => method === 'notifications/progress').length).toBeGreaterThan(0);
    const sampling = await w.tool('one', 'trigger-sampling-request', { prompt: 'Say it', maxTokens: 5 }, client);
    const [asked] = await w.wait('ResponseChunk', sampling);
    const question = JSON.parse(asked!.data.payload.toString());
    expect(question.method).toBe('sampling/createMessage');
    const said = { model: 'm', role: 'assistant', content: { type: 'text', text: 'said so' } };
    await w.provide(sampling, question.id, { result: said });
    expect(JSON.stringify(await w.answer(sampling))).toContain('said so');
  });

  test('memory: what one call says, another reads', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'parley-memory-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const path = join(directory, 'memory.jsonl');
    const w = await world({ one: processOf(`${modules}/server-memory/dist/index.js`, { MEMORY_FILE_PATH: path }) });
    await w.edge();
    const entities = [{ name: 'Ada', entityType: 'person', observations: ['counts'] }];
    await w.answer(await w.tool('one', 'create_entities', { entities }));
    const read = await w.answer(await w.tool('one', 'read_graph', {}));
    expect(JSON.stringify(read.result)).toContain('Ada');
  });
});
