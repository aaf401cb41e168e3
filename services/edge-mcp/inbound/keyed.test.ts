import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { happened } from '../../runtime/given.ts';
import { META, withdrawal, writeChunk } from '../../runtime/mcp/message.ts';
import {
  answerOf,
  connect,
  createWorld,
  type EdgeForTests,
  type Mesh,
  OTHER_KEY,
  post,
  text,
  type World,
} from './harness.ts';
import { stillToTell } from './keyed.ts';
import { KEY_META } from './request.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
  await world.offer('files', 'TOOL', 'write', { name: 'write', inputSchema: { type: 'object' } });
});
afterEach(() => world.close());

type Client = Awaited<ReturnType<typeof connect>>['client'];
const call = (client: Client, path = '/a', key = 'order-7') =>
  client.callTool({ name: 'write', arguments: { path }, _meta: { [KEY_META]: key } });
const requests = () => world.events('mesh.requests', 'RequestReceived');
const said = (what: string) => [{ type: 'text', text: what }];

/** A mesh that performs each request that reaches it, and counts them. */
const performing = () => {
  const performed: Mesh[] = [];
  world.behave(async (mesh) => {
    await mesh.permit();
    performed.push(mesh);
    await mesh.complete(text(`written ${performed.length}`));
  });
  return performed;
};
const failing = () =>
  world.behave(async (mesh) => {
    await mesh.permit();
    await mesh.begin();
    await mesh.fail('OUTCOME_UNKNOWN', 'The process died.');
  });
const settle = async (happened: boolean) => {
  const { id, key } = requests()[0]!;
  const data = { requestId: id, happened, by: 'lead@acme.example', note: 'line 17 is there' };
  await world.state('EffectSettled', `${key}/${id}`, data, id);
};

describe.each(['modern', 'legacy'] as const)('a call of a %s client under a key', (mode) => {
  it('is performed once, whichever instance is asked again, after a restart too', async () => {
    const performed = performing();
    const [first, second] = [await world.edge(), await world.edge()];
    const { client } = await connect(world, first.url, { mode });
    const once = await call(client);
    expect(once.content).toEqual(said('written 1'));
    expect(once._meta?.['parley/replayed']).toBeUndefined();
    expect(await call(client)).toMatchObject({ content: said('written 1'), _meta: { 'parley/replayed': true } });
    await world.until('mesh.idempotency-keys', 'IdempotencyKeyUsed');
    await first.stop();
    for (const { url } of [second, await world.edge()]) {
      const { client: later } = await connect(world, url, { mode });
      expect(await call(later)).toMatchObject({ content: said('written 1'), _meta: { 'parley/replayed': true } });
    }
    expect(requests()).toHaveLength(1);
    expect(performed[0]!.message.params._meta).not.toHaveProperty(KEY_META);
    const { client: other } = await connect(world, second.url, { mode, key: OTHER_KEY });
    expect((await call(other)).content).toEqual(said('written 2'));
    expect((await call(other, '/a', 'order-8')).content).toEqual(said('written 3'));
  });

  it('with other arguments is refused', async () => {
    const performed = performing();
    const { client } = await connect(world, (await world.edge()).url, { mode });
    await call(client);
    await expect(call(client, '/b')).rejects.toMatchObject({ code: 409, data: { reason: 'IDEMPOTENCY_KEY_REUSED' } });
    expect(performed).toHaveLength(1);
    expect(world.events('mesh.cancellations', 'CancelRequested')).toEqual([]);
  });

  it('joins the one that is under way', async () => {
    const { promise: rest, resolve: finish } = Promise.withResolvers<void>();
    world.behave(async (mesh) => {
      await mesh.permit();
      await rest;
      await mesh.complete({ error: { code: -32050, message: 'Too late.' } });
    });
    const [first, second] = [await world.edge(), await world.edge()];
    const clients = [await connect(world, first.url, { mode }), await connect(world, second.url, { mode })];
    const begun = call(clients[0]!.client);
    begun.catch(() => {});
    await world.until('mesh.idempotency-keys', 'IdempotencyKeyUsed');
    const joined = call(clients[1]!.client);
    joined.catch(() => {});
    finish();
    for (const one of [begun, joined]) await expect(one).rejects.toMatchObject({ code: -32050 });
    expect(requests()).toHaveLength(1);
  });

  it('hears of progress that rises, though another is made after the one that it joined', async () => {
    const heard: number[] = [];
    const step = (mesh: Mesh, progress: number) =>
      mesh.chunk({ method: 'notifications/progress', params: { progress } });
    let made = 0;
    world.behave(async (mesh) => {
      const isFirst = ++made === 1;
      await mesh.permit();
      for (let i = 1; isFirst ? heard.length === 0 && i < 1_000 : i < 3; i++) {
        await step(mesh, i);
        await sleep(2);
      }
      if (isFirst) await mesh.fail('UPSTREAM_ERROR', 'It broke.');
      else await mesh.complete(text('done'));
    });
    const [first, second] = [await world.edge(), await world.edge()];
    const clients = [await connect(world, first.url, { mode }), await connect(world, second.url, { mode })];
    const begun = call(clients[0]!.client);
    begun.catch(() => {});
    await world.until('mesh.idempotency-keys', 'IdempotencyKeyUsed');
    const request = { name: 'write', arguments: { path: '/a' }, _meta: { [KEY_META]: 'order-7' } };
    const joined = await clients[1]!.client.callTool(request, { onprogress: ({ progress }) => heard.push(progress) });
    expect(joined.content).toEqual(said('done'));
    expect(heard.length).toBeGreaterThan(2);
    for (const [i, progress] of heard.slice(1).entries()) expect(progress).toBeGreaterThan(heard[i]!);
  });

  it('of which it is not known whether it took effect is not made again, but as somebody settles it', async () => {
    failing();
    const { client } = await connect(world, (await world.edge()).url, { mode });
    for (let i = 0; i < 2; i++)
      await expect(call(client)).rejects.toMatchObject({ code: 502, data: { reason: 'OUTCOME_UNKNOWN' } });
    await settle(true);
    const told = await call(client);
    expect(told).toMatchObject({ isError: false, _meta: { 'parley/replayed': true } });
    expect(told.content).toEqual([
      { type: 'text', text: expect.stringMatching(/took effect, as lead@acme.example found out: line 17 is there/) },
    ]);
    expect(requests()).toHaveLength(1);
    await settle(false);
    performing();
    const again = await call(client);
    expect([again.content, again._meta?.['parley/replayed']]).toEqual([said('written 1'), undefined]);
    expect(await call(client)).toMatchObject({ content: said('written 1'), _meta: { 'parley/replayed': true } });
    expect(requests()).toHaveLength(2);
  });

  it('that was denied is made again once it is allowed', async () => {
    world.behave((mesh) => mesh.deny('POLICY'));
    const { client } = await connect(world, (await world.edge()).url, { mode });
    await expect(call(client)).rejects.toMatchObject({ code: 403 });
    performing();
    expect((await call(client)).content).toEqual(said('written 1'));
  });
});

const asking = (headers: Record<string, string>, more: object = {}, _meta: object = {}) => ({
  body: {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: {
      name: 'write',
      arguments: { path: '/a' },
      ...more,
      _meta: {
        [META.protocolVersion]: '2026-07-28',
        [META.clientInfo]: { name: 't', version: '1' },
        [META.clientCapabilities]: { elicitation: { form: {} } },
        ..._meta,
      },
    },
  },
  headers: { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'write', ...headers },
});
const ask = async ({ url }: EdgeForTests, ...given: Parameters<typeof asking>) => {
  const { body, headers } = asking(...given);
  return answerOf(await post(url, body, headers));
};

describe('a key', () => {
  it('is in a header or in _meta, and one in both', async () => {
    const performed = performing();
    const edge = await world.edge();
    expect((await ask(edge, { 'idempotency-key': 'k' })).result._meta).not.toHaveProperty('parley/replayed');
    for (const meta of [{}, { progressToken: 7 }, { [KEY_META]: 'k' }])
      expect((await ask(edge, { 'idempotency-key': 'k' }, {}, meta)).result._meta).toMatchObject({
        'parley/replayed': true,
      });
    expect(performed).toHaveLength(1);
  });

  it('of a form that is none is refused, and two that differ', async () => {
    performing();
    const edge = await world.edge();
    const wrong = async (...given: Parameters<typeof asking>) =>
      expect((await ask(edge, ...given)).error.code).toBe(-32602);
    await wrong({ 'idempotency-key': 'x'.repeat(256) });
    for (const key of ['', 'é', 7, null]) await wrong({}, {}, { [KEY_META]: key });
    await wrong({ 'idempotency-key': 'a' }, {}, { [KEY_META]: 'b' });
    expect(requests()).toEqual([]);
  });

  it("is the whole call's where its server asks: the question is put again, and its answer is the outcome", async () => {
    world.behave(async (mesh) => {
      await mesh.permit();
      await mesh.chunk({ method: 'notifications/progress', params: { progress: 1 } });
      await mesh.chunk({ id: 'q', method: 'elicitation/create', params: { mode: 'form', message: 'Sure?' } });
      await world.until('mesh.inputs', 'InputProvided');
      await mesh.complete(text('written'));
    });
    const key = { 'idempotency-key': 'k' };
    expect((await ask(await world.edge(), key)).result.resultType).toBe('input_required');
    const edge = await world.edge();
    const { result } = await ask(edge, key);
    expect(result).toMatchObject({ resultType: 'input_required', inputRequests: { q: {} } });
    const { requestState } = result;
    const inputResponses = { q: { action: 'accept', content: {} } };
    expect((await ask(edge, key, { requestState, inputResponses })).result.content).toEqual(said('written'));
    expect((await ask(edge, key)).result).toMatchObject({
      content: said('written'),
      _meta: { 'parley/replayed': true },
    });
    expect(requests()).toHaveLength(1);
  });

  it('has its first call become a task where its client takes tasks; a repetition waits for the outcome', async () => {
    const { promise: rest, resolve: finish } = Promise.withResolvers<void>();
    world.behave(async (mesh) => {
      await mesh.permit();
      await rest;
      await mesh.complete(text('written'));
    });
    const edge = await world.edge({ taskMs: 1 });
    const extensions = { 'io.modelcontextprotocol/tasks': {} };
    const taking = { [META.clientCapabilities]: { extensions } };
    const key = { 'idempotency-key': 'k' };
    expect((await ask(edge, key, {}, taking)).result).toMatchObject({ resultType: 'task', status: 'working' });
    const joined = ask(edge, key, {}, taking);
    finish();
    expect((await joined).result).toMatchObject({ content: said('written'), _meta: { 'parley/replayed': true } });
    expect(requests()).toHaveLength(1);
  });

  it("covers the rounds of a server's own questions, each of which is one request", async () => {
    world.behave(async (mesh) => {
      await mesh.permit();
      const { requestState } = mesh.message.params;
      await mesh.complete(
        requestState ? text('written') : { result: { resultType: 'input_required', requestState: 'its own' } },
      );
    });
    const edge = await world.edge();
    const key = { 'idempotency-key': 'k' };
    const round = { requestState: 'its own', inputResponses: { q: { action: 'accept' } } };
    for (let i = 0; i < 2; i++) {
      expect((await ask(edge, key)).result.requestState).toBe('its own');
      expect((await ask(edge, key, round)).result.content).toEqual(said('written'));
    }
    expect(requests()).toHaveLength(2);
  });
});

describe('of what was said before a call was repeated', () => {
  const question = (id: string, attempt = 1) =>
    happened('ResponseChunk', {
      index: 0,
      attempt,
      payload: Buffer.from(JSON.stringify({ id, method: 'roots/list' })),
    });
  const progress = happened('ResponseChunk', { index: 1, attempt: 1, payload: Buffer.from('{"method":"x"}') });
  const answered = happened('InputProvided', { inputId: 'one', payload: Buffer.from('{}') });
  const over = happened('RequestUnroutable', {} as never);

  it('the questions are told that wait', () => {
    const [one, two] = [question('one'), question('two')];
    expect(stillToTell([answered, one, progress, two])).toEqual([two]);
    const later = question('one', 2);
    expect(stillToTell([one, later])).toEqual([later]);
    const withdrawn = happened('ResponseChunk', { index: 2, attempt: 1, payload: writeChunk(withdrawal('two', '')) });
    expect(stillToTell([one, two, withdrawn])).toEqual([one]);
  });

  it('the end is told alone', () => {
    expect(stillToTell([question('two'), over])).toEqual([over]);
  });
});
