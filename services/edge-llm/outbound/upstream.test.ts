import { createServer as createTcpServer, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Aborted } from '../../runtime/outbound/faults.ts';
import type { Call, Completed, Failed, Performed } from './performed.ts';
import { perform } from './upstream.ts';
import {
  type Answer,
  all,
  callTo,
  chat,
  chunk,
  completion,
  connectionTo,
  data,
  json,
  reference,
  requestOf,
  startUpstream,
  stream,
} from './upstream-for-tests.ts';

const streamingChat = { ...chat, stream: true };

/** The last thing said, after checking that it is the only end. */
const endOf = async (call: Call): Promise<Completed | Failed> => {
  const performed = await all(call);
  expect(performed.filter((p) => p.kind !== 'chunk')).toHaveLength(1);
  return performed.at(-1) as Completed | Failed;
};

const against = async (answer: Answer, call: Partial<Call> = {}) => {
  const upstream = await startUpstream(answer);
  const connection = call.connection && { ...call.connection, url: upstream.url };
  return { upstream, call: callTo(upstream.url, { ...call, ...(connection ? { connection } : {}) }) };
};

const failureOf = async (answer: Answer, call: Partial<Call> = {}): Promise<Failed> => {
  const made = await against(answer, call);
  const end = await endOf(made.call);
  if (end.kind !== 'failed') throw new Error('it did not fail');
  return end;
};

const textOf = (performed: readonly Performed[]) =>
  performed.map((p) => (p.kind === 'chunk' ? p.payload.toString() : '')).join('');

describe('what goes out', () => {
  test('the bytes of the client, the model alone rewritten', async () => {
    const { upstream, call } = await against((_, response) => json(response, completion('hi')), {
      request: requestOf(
        '{ "model": "fast", "messages" : [{"role":"user","content":"é"}],"seed":9223372036854775807, "x_unknown": {"a":1.0} }',
      ),
    });
    expect(await endOf(call)).toMatchObject({ kind: 'completed', status: 200 });
    expect(upstream.received[0]?.url).toBe('/v1/chat/completions');
    expect(upstream.received[0]?.body).toBe(
      '{"model": "upstream-model","messages" : [{"role":"user","content":"é"}],"seed":9223372036854775807,"x_unknown": {"a":1.0}}',
    );
  });

  test('verbatim bytes when the model is called the same there', async () => {
    const body =
      '{ "model":"upstream-model",  "messages":[ {"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]} ], "n": 2 }';
    const { upstream, call } = await against((_, response) => json(response, completion('hi')), {
      request: requestOf(body),
    });
    await endOf(call);
    expect(upstream.received[0]?.body).toBe(body);
  });

  test('a credential, the headers of the connection and those that may travel; nothing else', async () => {
    const { upstream, call } = await against((_, response) => json(response, completion('hi')), {
      secret: 'sk-secret',
      headers: { 'x-team': 'blue' },
      request: requestOf(chat, {
        headers: { 'openai-beta': 'x=1', cookie: 'c', authorization: 'Bearer client', host: 'evil' },
      }),
    });
    await endOf(call);
    const { headers } = upstream.received[0]!;
    expect(headers).toMatchObject({ authorization: 'Bearer sk-secret', 'x-team': 'blue', 'openai-beta': 'x=1' });
    expect(headers).not.toHaveProperty('cookie');
    expect(headers.host).toMatch(/^127\.0\.0\.1/);
  });

  test('a query in the URL of a connection is kept', async () => {
    const upstream = await startUpstream((_, response) => json(response, completion('hi')));
    await endOf(callTo('', { connection: connectionTo(`${upstream.url}/?api-version=2`) }));
    expect(upstream.received[0]?.url).toBe('/v1/chat/completions?api-version=2');
  });
});

test('the upstream is told the id of the dispatch, whatever else the connection and the client say', async () => {
  const named = { 'x-client-request-id': 'another' };
  const { call, upstream } = await against((_, response) => json(response, completion('hi')), { headers: named });
  await endOf({ ...call, request: { ...call.request, headers: named } });
  expect(upstream.received[0]?.headers['x-client-request-id']).toBe('dispatch-1');
});

describe('what comes back', () => {
  test('a whole answer byte for byte, with its meters and the headers of the upstream', async () => {
    const body =
      '{"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}], "usage":{"prompt_tokens":5,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4}},"x_big":12345678901234567890}';
    const headers = {
      'x-ratelimit-remaining-tokens': '9',
      'x-request-id': 'up-1',
      'set-cookie': 'no',
      'openai-organization': 'acme',
    };
    const { call } = await against((_, response) => json(response, body, 200, headers));
    const end = await endOf(call);
    expect(end).toMatchObject({
      kind: 'completed',
      headers: { 'x-ratelimit-remaining-tokens': '9', 'x-upstream-request-id': 'up-1' },
      meters: { input_tokens: 5, output_tokens: 2, cached_input_tokens: 4 },
      estimated: false,
      response: { id: 'x', finishReasons: ['stop'] },
    });
    expect(Object.keys((end as Completed).headers)).toHaveLength(2);
    expect((end as Completed).message.toString()).toBe(body);
    expect((end as Completed).firstByteAt).toBeGreaterThanOrEqual((end as Completed).startedAt);
  });

  test('tokens are counted, and marked as an estimate, where the upstream does not say', async () => {
    const { call } = await against((_, response) => json(response, completion('hi there', { usage: null })));
    const end = (await endOf(call)) as Completed;
    expect(end.estimated).toBe(true);
    expect(end.meters).toEqual({ input_tokens: 5, output_tokens: 2 });
  });

  test('embeddings pass as they are', async () => {
    const body = {
      object: 'list',
      data: [{ index: 0, embedding: 'AAAAAA==' }],
      usage: { prompt_tokens: 2, total_tokens: 2 },
    };
    const { upstream, call } = await against((_, response) => json(response, body), {
      request: requestOf({ model: 'fast', input: 'hi', encoding_format: 'base64' }, { protocol: 'openai.embeddings' }),
    });
    expect(await endOf(call)).toMatchObject({ kind: 'completed', meters: { input_tokens: 2, output_tokens: 0 } });
    expect(upstream.received[0]?.url).toBe('/v1/embeddings');
  });
});

describe('a stream', () => {
  const usage = { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 };
  const frames = [
    data(chunk({ role: 'assistant', content: '' }, null, { usage: null })),
    ': a comment\n\n',
    data(
      '{"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Hé"},"finish_reason":null}],"x":{"y":1.50},"usage":null}',
    ),
    data(chunk({}, 'stop', { usage: null })),
    data({ id: 'chatcmpl-1', object: 'chat.completion.chunk', choices: [], usage }),
    data('[DONE]'),
  ];

  test('asks for usage, keeps it from a client that did not, and leaves every other byte as it was', async () => {
    const { upstream, call } = await against((_, response) => stream(response, frames), {
      request: requestOf(streamingChat),
    });
    const performed = await all(call);
    expect(JSON.parse(upstream.received[0]!.body).stream_options).toEqual({ include_usage: true });
    const text = textOf(performed);
    expect(text).not.toContain('usage');
    expect(text).not.toContain('DONE');
    expect(text).toContain('"delta":{"content":"Hé"},"finish_reason":null}],"x":{"y":1.50}}\n\n');
    expect(performed.at(-1)).toMatchObject({
      kind: 'completed',
      meters: { input_tokens: 7, output_tokens: 2 },
      estimated: false,
    });
    const whole = JSON.parse((performed.at(-1) as Completed).message.toString());
    expect(whole).toMatchObject({ object: 'chat.completion', x: { y: 1.5 }, usage });
    expect(whole.choices).toEqual([
      { index: 0, message: { role: 'assistant', content: 'Hé', refusal: null }, logprobs: null, finish_reason: 'stop' },
    ]);
  });

  test('passes verbatim to a client that asked for usage', async () => {
    const request = requestOf({ ...streamingChat, model: 'upstream-model', stream_options: { include_usage: true } });
    const { upstream, call } = await against((_, response) => stream(response, frames), { request });
    expect(textOf(await all(call))).toBe(
      frames
        .filter((f) => !f.startsWith(':'))
        .slice(0, -1)
        .join(''),
    );
    expect(upstream.received[0]?.body).toBe(request.message.toString());
  });

  test('may be cut anywhere, within a character too, and end its lines in CRLF', async () => {
    const bytes = Buffer.from(frames.join('').replaceAll('\n', '\r\n'));
    const { call } = await against(
      async (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
        for (const byte of bytes) {
          response.write(Buffer.of(byte));
          if (byte > 127) await new Promise((resolve) => setTimeout(resolve, 2));
        }
        response.end();
      },
      { request: requestOf(streamingChat) },
    );
    const end = (await endOf(call)) as Completed;
    expect(JSON.parse(end.message.toString()).choices[0].message.content).toBe('Hé');
  });

  test('of several choices, with tool calls, passes as it is and is put together', async () => {
    const call = { index: 0, id: 'call_1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } };
    const texts = [
      data({ ...chunk({}), choices: [{ index: 1, delta: { content: 'b' }, finish_reason: null }] }),
      data(chunk({ tool_calls: [call] })),
      data({ ...chunk({}), choices: [{ index: 1, delta: {}, finish_reason: 'stop' }] }),
      data(chunk({}, 'tool_calls')),
    ];
    const request = requestOf({ ...streamingChat, n: 2, response_format: { type: 'json_object' } });
    const { call: made } = await against((_, response) => stream(response, [...texts, data('[DONE]')]), { request });
    const performed = await all(made);
    expect(textOf(performed)).toBe(texts.join(''));
    expect(JSON.parse((performed.at(-1) as Completed).message.toString()).choices).toMatchObject([
      { index: 0, message: { tool_calls: [{ id: 'call_1', function: call.function }] }, finish_reason: 'tool_calls' },
      { index: 1, message: { content: 'b' }, finish_reason: 'stop' },
    ]);
  });

  test('is whole without [DONE] when every choice has ended, and without its last blank line', async () => {
    const { call } = await against(
      (_, response) => stream(response, [data(chunk({ content: 'a' })), data(chunk({}, 'stop')).trimEnd()]),
      { request: requestOf(streamingChat) },
    );
    expect(await endOf(call)).toMatchObject({ kind: 'completed', estimated: true });
  });

  test('keeps its connection for the next call', async () => {
    const sockets = new Set<unknown>();
    const { call } = await against(
      (_, response) => {
        sockets.add(response.socket);
        stream(response, frames);
      },
      { request: requestOf(streamingChat) },
    );
    for (let i = 0; i < 3; i++) {
      expect((await endOf(call)).kind).toBe('completed');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(sockets.size).toBe(1);
  });

  test('that breaks off fails, with what was streamed metered, and is not retried', async () => {
    const performed = await all(
      (
        await against((_, response) => stream(response, [data(chunk({ content: 'one two three' }))]), {
          request: requestOf(streamingChat),
        })
      ).call,
    );
    expect(performed.map((p) => p.kind)).toEqual(['chunk', 'failed']);
    expect(performed.at(-1)).toMatchObject({
      failure: { reason: 'CONNECTION_LOST' },
      retryable: false,
      meters: { input_tokens: 5, output_tokens: 3 },
      estimated: true,
    });
  });

  test.each<[string, string[], string, boolean]>([
    ['an event that is not JSON', ['data: {"choices": [\n\n'], 'BAD_RESPONSE', true],
    ['no event at all', ['hello\n\nworld'], 'CONNECTION_LOST', true],
    ['an end before its beginning', [data('[DONE]')], 'CONNECTION_LOST', true],
    ['an error as its first event', [data({ error: { message: 'overloaded' } })], 'UPSTREAM_ERROR', true],
    ['an error later', [data(chunk({ content: 'a' })), data({ error: { message: 'oops' } })], 'UPSTREAM_ERROR', false],
    ['an event too large', [`data: ${'x'.repeat(1_100_000)}`], 'RESPONSE_TOO_LARGE', false],
  ])('with %s fails', async (_, texts, reason, retryable) => {
    const failed = await failureOf((_request, response) => stream(response, texts), {
      request: requestOf(streamingChat),
    });
    expect(failed).toMatchObject({ failure: { reason }, retryable });
  });

  test("of bytes that are not UTF-8 after its end is whole, and before it what came whole is the client's", async () => {
    const broken = Buffer.from([0xff]);
    const first = Buffer.from(data(chunk({ content: 'a' })));
    const rest = Buffer.from(data(chunk({}, 'stop')) + data('[DONE]'));
    const answered = async (...parts: Buffer[]) => {
      const { call } = await against((_, response) => stream(response, [Buffer.concat(parts)]), {
        request: requestOf(streamingChat),
      });
      return all(call);
    };
    const whole = await answered(first, rest, broken);
    expect(whole.map(({ kind }) => kind)).toEqual(['chunk', 'completed']);
    const cut = await answered(first, broken, rest);
    expect(cut.map(({ kind }) => kind)).toEqual(['chunk', 'failed']);
    expect(textOf(cut)).toBe(first.toString());
  });

  test('of bytes that are not UTF-8 fails at once, although more may come', async () => {
    const part = Buffer.concat([Buffer.from(data(chunk({ content: 'a' }))), Buffer.from([0xff])]);
    const { call } = await against(
      (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write(part);
      },
      { request: requestOf(streamingChat) },
    );
    const [handedOn, failed] = await all(call);
    expect(handedOn).toMatchObject({ kind: 'chunk' });
    expect(failed).toMatchObject({ kind: 'failed', failure: { reason: 'BAD_RESPONSE' } });
  });

  test('of bytes that are not UTF-8 fails', async () => {
    const failed = await failureOf((_, response) => stream(response, [Buffer.from([0x64, 0xff, 0xfe, 0x0a, 0x0a])]), {
      request: requestOf(streamingChat),
    });
    expect(failed.failure.reason).toBe('BAD_RESPONSE');
  });

  test('nested beyond every stack fails', async () => {
    const deep = `{"choices":[{"index":0,"delta":{"x":${'['.repeat(50_000)}${']'.repeat(50_000)}}}]}`;
    const failed = await failureOf((_, response) => stream(response, [data(deep), data(chunk({}, 'stop'))]), {
      request: requestOf(streamingChat),
    });
    expect(failed.failure.reason).toBe('BAD_RESPONSE');
  });

  test('that is none, although one was asked for, fails', async () => {
    const failed = await failureOf((_, response) => json(response, completion('hi')), {
      request: requestOf(streamingChat),
    });
    expect(failed).toMatchObject({ failure: { reason: 'BAD_RESPONSE' }, retryable: true });
  });
});

describe('statuses', () => {
  const error = '{"error":{"message":"why","type":"t","param":null,"code":null}}';

  test.each<[number, string, boolean, boolean]>([
    [400, 'REQUEST_REFUSED', false, false],
    [422, 'REQUEST_REFUSED', false, false],
    [404, 'MISCONFIGURED', true, true],
    [401, 'MISCONFIGURED', true, true],
    [403, 'MISCONFIGURED', true, true],
    [302, 'MISCONFIGURED', true, true],
    [408, 'UPSTREAM_ERROR', true, true],
    [409, 'UPSTREAM_ERROR', true, false],
    [429, 'RATE_LIMITED', true, false],
    [500, 'UPSTREAM_ERROR', true, true],
    [503, 'UPSTREAM_ERROR', true, true],
    [529, 'UPSTREAM_ERROR', true, true],
  ])('%i is %s', async (status, reason, retryable, targetAtFault) => {
    const failed = await failureOf((_, response) => json(response, error, status));
    expect(failed).toMatchObject({ failure: { reason, status }, retryable, targetAtFault, meters: {} });
    expect(failed.failure.body?.toString() ?? null).toBe(reason === 'MISCONFIGURED' ? null : error);
  });

  test.each([
    [500, false],
    [503, false],
    [429, true],
    [529, true],
  ])('a request that is not repeatable may be tried again after %i: %s', async (status, retryable) => {
    const failed = await failureOf((_, response) => json(response, error, status), {
      request: requestOf(chat, { repeatable: false }),
    });
    expect(failed.retryable).toBe(retryable);
  });

  test('a 404 that names something of the client is the client’s', async () => {
    const body = { error: { message: 'No such file', type: 'invalid_request_error', param: 'file_id', code: null } };
    expect((await failureOf((_, response) => json(response, body, 404))).failure.reason).toBe('REQUEST_REFUSED');
  });

  test.each([
    [{ 'retry-after': '7' }, 7_000],
    [{ 'retry-after-ms': '250', 'retry-after': '7' }, 250],
    [{ 'retry-after': 'soon' }, null],
  ])('how long to wait is read from %j', async (headers, ms) => {
    const { failure } = await failureOf((_, response) => json(response, error, 429, headers as Record<string, string>));
    expect(failure.retryAfterMs).toBe(ms);
  });

  test('no secret comes back, from a header or a body', async () => {
    const secret = 'sk-very-secret-key';
    const echo =
      (status: number): Answer =>
      (request, response) =>
        json(
          response,
          { error: { message: `you sent ${request.headers.authorization} and ${request.headers['x-key']}` } },
          status,
          {
            'x-ratelimit-key': secret,
          },
        );
    const connection = connectionTo('', { headers: { 'X-Key': reference('OTHER') } });
    const headers = { 'x-key': 'other-secret' };
    for (const status of [200, 400, 401, 500]) {
      const failed = await failureOf(echo(status), { secret, connection, headers });
      const said = JSON.stringify(failed) + failed.failure.body?.toString();
      expect(said).not.toContain(secret);
      expect(said).not.toContain('other-secret');
    }
    const { call } = await against((_, response) => json(response, completion(`the key is ${secret}`)), { secret });
    expect(((await endOf(call)) as Completed).message.toString()).toContain('the key is [removed]');
    const streamed = await against((_, response) => stream(response, [data(chunk({ content: secret }, 'stop'))]), {
      secret,
      request: requestOf(streamingChat),
    });
    expect(
      JSON.stringify((await all(streamed.call)).map((p) => ('payload' in p ? p.payload.toString() : p))),
    ).not.toContain(secret);
  });
});

describe('an upstream that', () => {
  const closedPort = async () => {
    const server = createTcpServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    return `http://127.0.0.1:${port}/v1`;
  };

  test('is not there could not be reached, and nothing was asked of it', async () => {
    const request = requestOf(chat, { repeatable: false });
    const end = await endOf(callTo(await closedPort(), { request }));
    expect(end).toMatchObject({
      kind: 'failed',
      failure: { reason: 'CONNECT_FAILED' },
      retryable: true,
      targetAtFault: true,
    });
    expect((end as Failed).failure.message).not.toContain('127.0.0.1');
  });

  test('has no address could not be reached', async () => {
    const end = await endOf(callTo('http://no-such-host.invalid/v1'));
    expect(end).toMatchObject({ failure: { reason: 'CONNECT_FAILED' }, retryable: true });
  });

  test('never finishes connecting', async () => {
    const sockets: Socket[] = [];
    const server = createTcpServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const { port } = server.address() as { port: number };
    const connection = connectionTo(`https://127.0.0.1:${port}/v1`, { connectTimeoutMs: 100 });
    const end = await endOf(callTo('', { connection, request: requestOf(chat, { repeatable: false }) }));
    expect(end).toMatchObject({ failure: { reason: 'CONNECT_TIMEOUT' }, retryable: true, targetAtFault: true });
  });

  test.each([true, false])('resets before it answers lost the connection (repeatable: %s)', async (repeatable) => {
    const failed = await failureOf((_, response) => void response.socket?.resetAndDestroy(), {
      request: requestOf(chat, { repeatable }),
    });
    expect(failed).toMatchObject({
      failure: { reason: 'CONNECTION_LOST' },
      retryable: repeatable,
      targetAtFault: true,
    });
  });

  test('resets in the middle of a stream', async () => {
    const { call } = await against(
      (_, response) => {
        stream(response, [data(chunk({ content: 'a' }))], false);
        setTimeout(() => response.socket?.resetAndDestroy(), 20);
      },
      { request: requestOf(streamingChat) },
    );
    const performed = await all(call);
    expect(performed.map((p) => p.kind)).toEqual(['chunk', 'failed']);
    expect(performed.at(-1)).toMatchObject({ failure: { reason: 'CONNECTION_LOST' }, retryable: false });
  });

  test.each([true, false])('never answers (repeatable: %s)', async (repeatable) => {
    const failed = await failureOf(() => {}, {
      connection: connectionTo('', { firstByteTimeoutMs: 80 }),
      request: requestOf(chat, { repeatable }),
    });
    expect(failed).toMatchObject({
      failure: { reason: 'FIRST_BYTE_TIMEOUT' },
      retryable: repeatable,
      targetAtFault: true,
    });
  });

  test('sends its head and then nothing did not begin in time', async () => {
    const failed = await failureOf(
      (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.flushHeaders();
      },
      {
        connection: connectionTo('', { firstByteTimeoutMs: 80, idleTimeoutMs: 10 }),
        request: requestOf(streamingChat),
      },
    );
    expect(failed.failure.reason).toBe('FIRST_BYTE_TIMEOUT');
  });

  test('stalls after the first byte', async () => {
    const { call } = await against((_, response) => stream(response, [data(chunk({ content: 'a' }))], false), {
      connection: connectionTo('', { idleTimeoutMs: 60 }),
      request: requestOf(streamingChat),
    });
    const performed = await all(call);
    expect(performed.at(-1)).toMatchObject({
      failure: { reason: 'IDLE_TIMEOUT' },
      retryable: false,
      targetAtFault: true,
    });
  });

  test('is waited for while its client is slow', async () => {
    const { call } = await against(
      (_, response) => stream(response, [data(chunk({ content: 'a' })), data(chunk({}, 'stop'))]),
      { connection: connectionTo('', { idleTimeoutMs: 250 }), request: requestOf(streamingChat) },
    );
    const kinds: string[] = [];
    for await (const { kind } of perform(call)) {
      kinds.push(kind);
      await new Promise((resolve) => setTimeout(resolve, 400));
    }
    expect(kinds.at(-1)).toBe('completed');
  });

  test.each<[string, string]>([
    ['HTML', '<html>'],
    ['nothing', ''],
    ['an array', '[]'],
    ['another shape', '{"hello":"world"}'],
  ])('answers 200 with %s', async (_, body) => {
    const failed = await failureOf((_request, response) => json(response, body));
    expect(failed).toMatchObject({ failure: { reason: 'BAD_RESPONSE' }, retryable: true, targetAtFault: true });
  });

  test('answers 200 with an error', async () => {
    const failed = await failureOf((_, response) => json(response, { error: { message: 'provider down' } }));
    expect(failed).toMatchObject({ failure: { reason: 'UPSTREAM_ERROR' }, retryable: true });
    expect(failed.failure.body?.toString()).toContain('provider down');
  });

  test('does not speak HTTP', async () => {
    const server = createTcpServer((socket) => void socket.on('data', () => socket.end('SSH-2.0-OpenSSH\r\n\r\n')));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    expect(await endOf(callTo(`http://127.0.0.1:${port}/v1`))).toMatchObject({ failure: { reason: 'BAD_RESPONSE' } });
  });

  test('compresses although asked not to', async () => {
    const failed = await failureOf((_, response) => json(response, 'xx', 200, { 'content-encoding': 'gzip' }));
    expect(failed.failure.reason).toBe('BAD_RESPONSE');
  });

  test('answers beyond every bound', async () => {
    const failed = await failureOf((_, response) => json(response, completion('x'.repeat(2_000_000))));
    expect(failed).toMatchObject({ failure: { reason: 'RESPONSE_TOO_LARGE' }, retryable: false, targetAtFault: false });
  });

  test('is given a header that cannot be is misconfigured', async () => {
    const failed = await failureOf((_, response) => json(response, completion('')), { headers: { 'x-a': 'a\nb' } });
    expect(failed).toMatchObject({ failure: { reason: 'MISCONFIGURED' }, retryable: true });
  });

  test.each([
    [connectionTo('not a url'), true],
    [connectionTo('http://127.0.0.1:1', { interfaces: ['embeddings'] }), false],
    [connectionTo('http://127.0.0.1:1', { protocol: 'mcp' }), false],
  ])('cannot be called as it is configured', async (connection, targetAtFault) => {
    const end = await endOf(callTo('', { connection }));
    expect(end).toMatchObject({ failure: { reason: 'MISCONFIGURED' }, retryable: true, targetAtFault });
  });
});

describe('an end from here', () => {
  test.each<'CANCELLED' | 'DEADLINE_EXCEEDED'>(['CANCELLED', 'DEADLINE_EXCEEDED'])(
    '%s ends the call upstream',
    async (reason) => {
      const controller = new AbortController();
      const { promise: hungUp, resolve } = Promise.withResolvers<void>();
      const { call } = await against(
        (_, response) => {
          response.on('close', resolve);
          stream(response, [data(chunk({ content: 'one two' }))], false);
        },
        { signal: controller.signal, request: requestOf(streamingChat) },
      );
      const performed: Performed[] = [];
      for await (const p of perform(call)) {
        performed.push(p);
        if (p.kind === 'chunk') controller.abort(new Aborted(reason, 'over'));
      }
      await hungUp;
      expect(performed.at(-1)).toMatchObject({
        kind: 'failed',
        failure: { reason },
        retryable: false,
        targetAtFault: false,
        estimated: true,
      });
      expect((performed.at(-1) as Failed).meters.output_tokens).toBeGreaterThan(0);
    },
  );

  test('before it began calls nobody', async () => {
    const { upstream, call } = await against((_, response) => json(response, completion('')), {
      signal: AbortSignal.abort(),
    });
    expect(await endOf(call)).toMatchObject({ failure: { reason: 'CANCELLED' }, meters: {} });
    expect(upstream.received).toEqual([]);
  });

  test('by a consumer that stops asking hangs up', async () => {
    const { promise: hungUp, resolve } = Promise.withResolvers<void>();
    const { call } = await against(
      (_, response) => {
        response.on('close', resolve);
        stream(response, [data(chunk({ content: 'a' }))], false);
      },
      { request: requestOf(streamingChat) },
    );
    for await (const _ of perform(call)) break;
    await hungUp;
  });
});
