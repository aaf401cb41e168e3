/** The whole path on a real Kafka, with the real OpenAI client. */
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AnyRecorded } from '../services/runtime/log.ts';
import { keys, type Mesh, readLog, startMesh, until } from './mesh.ts';
import { completion, json, startUpstream, stream, type Upstream } from './upstream.ts';

let first: Upstream;
let second: Upstream;

beforeAll(async () => {
  first = await startUpstream();
  second = await startUpstream();
});
afterAll(async () => {
  await Promise.all([first.close(), second.close()]);
});

const reset = () => {
  for (const upstream of [first, second]) {
    upstream.calls.length = 0;
    upstream.answer = (call, response) =>
      call.body.stream ? stream(call, response, ['one ', 'two ', 'three']) : json(response, completion('hello'));
  }
};
let meshes = 0;
/** Providers of its own: breakers and prices of earlier tests are about others. */
const start = (more = '') => {
  reset();
  meshes += 1;
  return startMesh({ [`first-${meshes}`]: first.url, [`second-${meshes}`]: second.url }, { more });
};

const ask = { model: 'small', messages: [{ role: 'user' as const, content: 'hi' }] };
const of = (events: AnyRecorded[], type: string) => events.filter((e) => e.type === type);

const conversation = async (mesh: Mesh): Promise<AnyRecorded[]> =>
  readLog(
    mesh.log,
    mesh.since,
    'RequestReceived',
    'RequestPermitted',
    'RequestDenied',
    'RequestDispatched',
    'RequestUnroutable',
    'AttemptFailed',
    'ResponseChunk',
    'ResponseCompleted',
    'ResponseFailed',
  );

test('a whole call is answered, and every step of it is in the log, in one trace', async () => {
  const mesh = await start();
  const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const { data, response } = await mesh
    .client()
    .chat.completions.create({ ...ask, unknown_field: { kept: true } } as never, { headers: { traceparent: trace } })
    .withResponse();
  expect(data).toMatchObject(completion('hello'));
  expect(first.calls[0]!.body).toMatchObject({ model: 'served-small', unknown_field: { kept: true } });
  const id = response.headers.get('x-conversation-id')!;
  const events = (await conversation(mesh)).filter((e) => e.key === id);
  expect(events.map((e) => e.type)).toEqual([
    'RequestReceived',
    'RequestPermitted',
    'RequestDispatched',
    'ResponseCompleted',
  ]);
  expect(new Set(events.map((e) => e.traceparent.split('-')[1]))).toEqual(
    new Set(['0af7651916cd43dd8448eb211c80319c']),
  );
  expect(new Set(events.map((e) => e.partition)).size).toBe(1);
  for (const [i, event] of events.slice(1).entries()) expect(event.causationId).toBe(events[i]!.id);
  expect(of(events, 'RequestPermitted')[0]).toMatchObject({ data: { decision: { policies: ['example-may'] } } });
  await until(async () => (await readLog(mesh.log, mesh.since, 'UsageRecorded')).length === 1, 'usage');
  const [usage] = await readLog(mesh.log, mesh.since, 'UsageRecorded');
  expect(usage!.data).toMatchObject({
    meters: { input_tokens: 10, output_tokens: 5 },
    costNanos: 20_000,
    estimated: false,
  });
});

test('a stream comes in order, whole in the end, and in the log as it came', async () => {
  const mesh = await start();
  const words: string[] = [];
  const answer = await mesh.client().chat.completions.create({ ...ask, stream: true });
  for await (const part of answer) words.push(part.choices[0]?.delta.content ?? '');
  expect(words.join('')).toBe('one two three');
  const events = await conversation(mesh);
  expect(of(events, 'ResponseChunk').length).toBeGreaterThan(0);
  const [completed] = of(events, 'ResponseCompleted') as AnyRecorded<'ResponseCompleted'>[];
  expect(JSON.parse(completed!.data.message.toString()).choices[0].message.content).toBe('one two three');
  expect(completed!.data).toMatchObject({ meters: { input_tokens: 10, output_tokens: 3 }, estimated: false });
});

test('the responses API works where the target speaks only chat completions', async () => {
  const mesh = await start();
  const whole = await mesh.client().responses.create({ model: 'small', input: 'hi' });
  expect(whole.output_text).toBe('hello');
  const types: string[] = [];
  for await (const event of await mesh.client().responses.create({ model: 'small', input: 'hi', stream: true }))
    types.push(event.type);
  expect(types[0]).toBe('response.created');
  expect(types.at(-1)).toBe('response.completed');
});

test('a failed provider is a failover in the log and a success for the client', async () => {
  const mesh = await start();
  first.answer = (_, response) => json(response, { error: { message: 'boom', type: 'server_error' } }, 500);
  const answer = await mesh.client().chat.completions.create(ask);
  expect(answer.choices[0]?.message.content).toBe('hello');
  expect(second.calls[0]!.body.model).toBe('served-spare');
  const events = await conversation(mesh);
  expect(events.map((e) => e.type)).toEqual([
    'RequestReceived',
    'RequestPermitted',
    'RequestDispatched',
    'AttemptFailed',
    'RequestDispatched',
    'ResponseCompleted',
  ]);
  expect(of(events, 'RequestDispatched')[1]).toMatchObject({
    data: { attempt: 2, reason: expect.stringContaining('failover after') },
  });
});

test('a dead provider opens its breaker, with the reason on record, and is left alone', async () => {
  const mesh = await start('routing: { breaker: { failures: 3, open: 60s } }');
  first.answer = (_, response) => void response.destroy();
  for (let i = 0; i < 3; i++) await mesh.client().chat.completions.create(ask);
  await until(async () => (await readLog(mesh.log, mesh.since, 'BreakerOpened')).length === 1, 'a breaker');
  const reached = first.calls.length;
  await mesh.client().chat.completions.create(ask);
  expect(first.calls.length).toBe(reached);
  const metrics = await (await fetch(`${mesh.url}/metrics`)).text();
  expect(metrics).toContain(`parley_breaker_open{target="first-${meshes}/served-small"} 1`);
});

test('what policy refuses goes no further', async () => {
  const mesh = await start();
  const denied = mesh.client(keys.support).chat.completions.create({ ...ask, model: 'large' });
  await expect(denied).rejects.toThrow(OpenAI.PermissionDeniedError);
  const unknown = mesh.client().chat.completions.create({ ...ask, model: 'nobody-has-it' });
  await expect(unknown).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  const embedding = mesh.client().chat.completions.create({ ...ask, model: 'constructor' });
  await expect(embedding).rejects.toMatchObject({ status: 404 });
  expect(first.calls).toEqual([]);
  const events = await conversation(mesh);
  expect(of(events, 'RequestDenied')).toHaveLength(3);
  expect(of(events, 'RequestDispatched')).toEqual([]);
  expect(of(events, 'RequestDenied')[0]).toMatchObject({
    data: { reason: 'POLICY', decision: { policies: ['support-not-large'] } },
  });
});

test.each([
  ['no key', undefined],
  ['a wrong key', 'sk-wrong'],
  ['a revoked key', keys.revoked],
])('%s is refused, on record, without the key', async (_, key) => {
  const mesh = await start();
  const response = await fetch(`${mesh.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key ? { authorization: `Bearer ${key}` } : {}) },
    body: JSON.stringify(ask),
  });
  expect(response.status).toBe(401);
  expect(await response.json()).toMatchObject({ error: { code: 'invalid_api_key' } });
  await until(async () => (await readLog(mesh.log, mesh.since, 'AuthenticationFailed')).length === 1, 'the event');
  await until(
    async () =>
      (await readLog(mesh.log, mesh.since, 'AuditEntry')).some(
        (e) => e.type === 'AuditEntry' && e.data.outcome === 'unauthenticated',
      ),
    'audit',
  );
  const [event] = await readLog(mesh.log, mesh.since, 'AuthenticationFailed');
  if (key) expect(event!.value.includes(key)).toBe(false);
});

test('a change of the configuration is in force without a restart, and decisions name its version', async () => {
  const mesh = await start();
  await mesh.client().chat.completions.create(ask);
  const yaml = (await import('node:fs')).readFileSync(mesh.path, 'utf8');
  await mesh.apply(yaml.replace('model: served-small', 'model: served-newer'));
  await until(async () => {
    await mesh.client().chat.completions.create(ask);
    return first.calls.at(-1)!.body.model === 'served-newer';
  }, 'the new model');
  const decisions = of(await conversation(mesh), 'RequestPermitted') as AnyRecorded<'RequestPermitted'>[];
  expect(new Set(decisions.map((d) => d.data.decision.configurationVersion)).size).toBe(2);
});

test('an invalid configuration is refused and the one before stays', async () => {
  const mesh = await start();
  const yaml = (await import('node:fs')).readFileSync(mesh.path, 'utf8');
  await expect(mesh.apply(yaml.replace('fallbacks: [spare]', 'fallbacks: [spare, nobody]'))).rejects.toThrow(
    /mesh\.yaml:\d+:\d+/,
  );
  expect((await mesh.client().chat.completions.create(ask)).choices[0]?.message.content).toBe('hello');
  expect(await readLog(mesh.log, mesh.since, 'MeshConfigured')).toHaveLength(1);
});

test('the same idempotency key and body gets the same answer without a second call, after a restart too', async () => {
  const mesh = await start();
  const options = { headers: { 'idempotency-key': 'k-1' } };
  first.answer = (_, response) => json(response, completion(`answer ${first.calls.length}`));
  const once = await mesh.client().chat.completions.create(ask, options);
  const again = await mesh.client().chat.completions.create(ask, options);
  expect(again).toEqual(once);
  await mesh.stop();
  const successor = await startMesh({ first: first.url, second: second.url });
  const later = await successor.client().chat.completions.create(ask, options);
  expect(later).toEqual(once);
  expect(first.calls).toHaveLength(1);
  const other = successor.client().chat.completions.create({ ...ask, temperature: 1 }, options);
  await expect(other).rejects.toMatchObject({ status: 409 });
});

test('a client that hangs up cancels: the upstream call is aborted, and the log says so', async () => {
  const mesh = await start();
  const closed = Promise.withResolvers<void>();
  first.answer = async (call, response) => {
    response.on('close', closed.resolve);
    await stream(call, response, Array(1000).fill('word '), 20);
  };
  const answer = await mesh.client().chat.completions.create({ ...ask, stream: true });
  for await (const _ of answer) break;
  await closed.promise;
  await until(async () => (await readLog(mesh.log, mesh.since, 'ResponseFailed')).length === 1, 'the outcome');
  const [outcome] = await readLog(mesh.log, mesh.since, 'ResponseFailed');
  expect(outcome!.data).toMatchObject({ failure: { reason: 'CANCELLED' }, estimated: true });
});

test('a deadline passes: 504, and nothing late is performed', async () => {
  const mesh = await start();
  first.answer = () => {};
  const late = mesh.client().chat.completions.create(ask, { headers: { 'x-request-timeout-ms': '700' } });
  await expect(late).rejects.toMatchObject({ status: 504 });
  await until(async () => (await readLog(mesh.log, mesh.since, 'ResponseFailed')).length === 1, 'the outcome');
  expect(first.calls.length + second.calls.length).toBe(1);
});

test.each([
  [
    'a 429',
    (response: import('node:http').ServerResponse) =>
      json(
        response,
        { error: { message: 'slow down', type: 'rate_limit', code: 'rate_limit_exceeded', param: null } },
        429,
        { 'retry-after': '7' },
      ),
    429,
  ],
  ['a 200 with garbage', (response: import('node:http').ServerResponse) => void response.end('<html>'), 502],
  [
    'a refusal',
    (response: import('node:http').ServerResponse) =>
      json(
        response,
        { error: { message: 'no such voice', type: 'invalid_request_error', code: 'bad', param: 'voice' } },
        400,
      ),
    400,
  ],
])('an upstream that answers with %s is told to the client in its own form', async (_, answer, status) => {
  const mesh = await start();
  first.answer = (__, response) => answer(response);
  second.answer = (__, response) => answer(response);
  const failing = mesh
    .client()
    .chat.completions.create(ask)
    .catch((error: unknown) => error);
  const error = (await failing) as InstanceType<typeof OpenAI.APIError>;
  expect(error.status).toBe(status);
  if (status === 429) expect(error.headers?.get('retry-after')).toBe('7');
  expect(JSON.stringify(error.error)).not.toContain('sk-upstream-secret');
});

test('a poisoned record on every topic stops nobody', async () => {
  const mesh = await start();
  const { produceRaw } = await import('./poison.ts');
  await produceRaw(mesh.cluster);
  expect((await mesh.client().chat.completions.create(ask)).choices[0]?.message.content).toBe('hello');
  await until(async () => (await readLog(mesh.log, mesh.since, 'EventDeadLettered')).length >= 3, 'dead letters');
});
