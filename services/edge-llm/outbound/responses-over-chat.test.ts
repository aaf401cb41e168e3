/** The official client speaks responses; what serves it speaks chat only. */
import OpenAI from 'openai';
import { describe, expect, test } from 'vitest';
import { answerOfFailure } from '../openai/errors.ts';
import { readRequest } from '../openai/read-request.ts';
import { perform } from './upstream.ts';
import {
  type Answer,
  all,
  callTo,
  chunk,
  completion,
  connectionTo,
  data,
  json,
  listen,
  requestOf,
  startUpstream,
  stream,
} from './upstream-for-tests.ts';

/** What both edges do together, less the log between them. */
const clientOf = async (answer: Answer) => {
  const upstream = await startUpstream(answer);
  const call = callTo(upstream.url);
  const serve = async (message: Buffer, write: (status: number, type: string) => void, to: NodeJS.WritableStream) => {
    const { request: read } = readRequest(message, 'openai.responses');
    const request = requestOf('', { message, protocol: 'openai.responses', streaming: read!.streaming });
    let begun = false;
    for await (const performed of perform({ ...call, request })) {
      if (performed.kind === 'chunk') {
        if (!begun) write(200, 'text/event-stream');
        begun = true;
        to.write(performed.payload);
      } else if (performed.kind === 'completed') {
        if (!begun) write(200, 'application/json');
        to.end(begun ? '' : performed.message);
      } else {
        const { status, body } = answerOfFailure(performed.failure);
        write(status, 'application/json');
        to.end(body);
      }
    }
  };
  const url = await listen((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      const write = (status: number, type: string) => void response.writeHead(status, { 'content-type': type });
      void serve(Buffer.concat(parts), write, response);
    });
  });
  return { upstream, client: new OpenAI({ apiKey: 'k', baseURL: `${url}/v1`, maxRetries: 0 }) };
};

const usage = {
  prompt_tokens: 11,
  completion_tokens: 4,
  total_tokens: 15,
  completion_tokens_details: { reasoning_tokens: 1 },
};
const frames = (...chunks: object[]) => [
  ...chunks.map((c) => data(c)),
  data({ ...chunk({}), choices: [], usage }),
  data('[DONE]'),
];

describe('whole', () => {
  test('a text', async () => {
    const { client, upstream } = await clientOf((_, response) => json(response, completion('Hello!', { usage })));
    const response = await client.responses.create({
      model: 'fast',
      input: 'hi',
      instructions: 'Be brief.',
      metadata: { a: 'b' },
    });
    expect(response).toMatchObject({
      object: 'response',
      status: 'completed',
      output_text: 'Hello!',
      model: 'upstream-model',
      created_at: 1_700_000_000,
      instructions: 'Be brief.',
      metadata: { a: 'b' },
      store: false,
      usage: {
        input_tokens: 11,
        output_tokens: 4,
        total_tokens: 15,
        input_tokens_details: { cached_tokens: 0 },
        output_tokens_details: { reasoning_tokens: 1 },
      },
    });
    expect(response.id).toMatch(/^resp_/);
    expect(response.output[0]).toMatchObject({
      type: 'message',
      role: 'assistant',
      status: 'completed',
      content: [{ type: 'output_text', text: 'Hello!', annotations: [] }],
    });
    expect(JSON.parse(upstream.received[0]!.body)).toEqual({
      model: 'upstream-model',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'hi' },
      ],
    });
  });

  test('calls, beside reasoning and a text', async () => {
    const message = {
      role: 'assistant',
      content: 'Looking.',
      reasoning_content: 'Hm.',
      tool_calls: [
        { id: 'call_a', type: 'function', function: { name: 'f', arguments: '{"x":1}' } },
        { id: 'call_b', type: 'custom', custom: { name: 'g', input: 'raw' } },
      ],
    };
    const { client } = await clientOf((_, response) =>
      json(response, completion('', { choices: [{ index: 0, message, finish_reason: 'tool_calls' }] })),
    );
    const { output, output_text } = await client.responses.create({ model: 'fast', input: 'hi' });
    expect(output_text).toBe('Looking.');
    expect(output).toMatchObject([
      { type: 'reasoning', content: [{ type: 'reasoning_text', text: 'Hm.' }], summary: [] },
      { type: 'message' },
      { type: 'function_call', call_id: 'call_a', name: 'f', arguments: '{"x":1}', status: 'completed' },
      { type: 'custom_tool_call', call_id: 'call_b', name: 'g', input: 'raw' },
    ]);
    expect(new Set(output.map((item) => item.id)).size).toBe(4);
  });

  test.each([
    ['length', 'max_output_tokens'],
    ['content_filter', 'content_filter'],
  ])('cut off by %s it is incomplete', async (finish_reason, reason) => {
    const choices = [{ index: 0, message: { role: 'assistant', content: 'Hel' }, finish_reason }];
    const { client } = await clientOf((_, response) => json(response, completion('', { choices })));
    expect(await client.responses.create({ model: 'fast', input: 'hi' })).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason },
      output: [{ status: 'incomplete' }],
    });
  });

  test('a schema is met, and read by the client', async () => {
    const { client, upstream } = await clientOf((_, response) => json(response, completion('{"city":"Rome"}')));
    const format = {
      type: 'json_schema',
      name: 'place',
      strict: true,
      schema: { type: 'object', properties: { city: { type: 'string' } } },
    } as const;
    const parsed = await client.responses.parse({ model: 'fast', input: 'where?', text: { format } });
    expect(parsed.output_parsed).toEqual({ city: 'Rome' });
    expect(JSON.parse(upstream.received[0]!.body).response_format.json_schema.name).toBe('place');
  });

  test('what can’t be asked there is a 400 that names it', async () => {
    const { client, upstream } = await clientOf((_, response) => json(response, completion('')));
    const asked = client.responses.create({ model: 'fast', input: 'hi', previous_response_id: 'resp_1' });
    await expect(asked).rejects.toMatchObject({
      status: 400,
      param: 'previous_response_id',
      code: 'unsupported_parameter',
    });
    await expect(
      client.responses.create({ model: 'fast', input: 'hi', tools: [{ type: 'web_search' }] }),
    ).rejects.toMatchObject({
      status: 400,
      param: 'tools[0].type',
    });
    expect(upstream.received).toEqual([]);
  });

  test('an error of the upstream comes through', async () => {
    const { client } = await clientOf((_, response) =>
      json(
        response,
        { error: { message: 'too long', type: 'invalid_request_error', param: null, code: 'context_length_exceeded' } },
        400,
      ),
    );
    await expect(client.responses.create({ model: 'fast', input: 'hi' })).rejects.toMatchObject({
      status: 400,
      code: 'context_length_exceeded',
    });
  });
});

describe('streaming', () => {
  const streamed = async (answer: Answer, body: object = {}) => {
    const { client, upstream } = await clientOf(answer);
    const events: OpenAI.Responses.ResponseStreamEvent[] = [];
    const running = client.responses.stream({ model: 'fast', input: 'hi', ...body });
    for await (const event of running) events.push(event as OpenAI.Responses.ResponseStreamEvent);
    return { events, types: events.map((e) => e.type), final: await running.finalResponse(), upstream };
  };

  test('a text is the whole official sequence, which the official client puts together again', async () => {
    const { events, types, final, upstream } = await streamed((_, response) =>
      stream(
        response,
        frames(
          chunk({ role: 'assistant', content: '' }),
          chunk({ content: 'Hé' }),
          chunk({ content: 'llo' }),
          chunk({}, 'stop'),
        ),
      ),
    );
    expect(types).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ]);
    expect(events.map((e) => (e as { sequence_number: number }).sequence_number)).toEqual(events.map((_, i) => i));
    expect(final).toMatchObject({ status: 'completed', output_text: 'Héllo', usage: { input_tokens: 11 } });
    expect(JSON.parse(upstream.received[0]!.body)).toMatchObject({
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  test('calls side by side, after reasoning and a text', async () => {
    const call = (index: number, more: object) => chunk({ tool_calls: [{ index, ...more }] });
    const { types, final, events } = await streamed((_, response) =>
      stream(
        response,
        frames(
          chunk({ role: 'assistant', reasoning_content: 'Hm' }),
          chunk({ reasoning_content: '.' }),
          chunk({ content: 'Looking.' }),
          call(0, { id: 'call_a', type: 'function', function: { name: 'f', arguments: '' } }),
          call(0, { function: { arguments: '{"x":' } }),
          call(1, { id: 'call_b', type: 'custom', custom: { name: 'g', input: 'ra' } }),
          call(0, { function: { arguments: '1}' } }),
          call(1, { custom: { input: 'w' } }),
          chunk({}, 'tool_calls'),
        ),
      ),
    );
    expect(types.filter((t) => /added$|done$/.test(t))).toEqual([
      'response.output_item.added',
      'response.content_part.added',
      'response.reasoning_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.output_item.added',
      'response.function_call_arguments.done',
      'response.output_item.done',
      'response.custom_tool_call_input.done',
      'response.output_item.done',
    ]);
    const added = events.filter((e) => e.type === 'response.output_item.added');
    expect(added[2]).toMatchObject({
      output_index: 2,
      item: { type: 'function_call', name: 'f', arguments: '', status: 'in_progress' },
    });
    expect(final.output).toMatchObject([
      { type: 'reasoning', content: [{ text: 'Hm.' }], status: 'completed' },
      { type: 'message', content: [{ text: 'Looking.' }] },
      { type: 'function_call', call_id: 'call_a', arguments: '{"x":1}', status: 'completed' },
      { type: 'custom_tool_call', call_id: 'call_b', input: 'raw' },
    ]);
  });

  test('a refusal, citations and probabilities', async () => {
    const logprob = { token: 'a', logprob: -0.1, bytes: [97], top_logprobs: [] };
    const cited = {
      type: 'url_citation',
      url_citation: { url: 'https://x', title: 't', start_index: 0, end_index: 1 },
    };
    const { types, final } = await streamed((_, response) =>
      stream(
        response,
        frames(
          {
            ...chunk({}),
            choices: [{ index: 0, delta: { content: 'a' }, logprobs: { content: [logprob] }, finish_reason: null }],
          },
          chunk({ annotations: [cited] }),
          chunk({ refusal: 'No' }),
          chunk({ refusal: '.' }, 'stop'),
        ),
      ),
    );
    expect(types).toContain('response.output_text.annotation.added');
    expect(final.output).toMatchObject([
      {
        content: [
          {
            type: 'output_text',
            text: 'a',
            logprobs: [logprob],
            annotations: [{ type: 'url_citation', url: 'https://x' }],
          },
          { type: 'refusal', refusal: 'No.' },
        ],
      },
    ]);
  });

  test('cut off it ends as incomplete', async () => {
    const { types, final } = await streamed((_, response) =>
      stream(response, frames(chunk({ content: 'Hel' }), chunk({}, 'length'))),
    );
    expect(types.at(-1)).toBe('response.incomplete');
    expect(final).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
  });

  test('with nothing said it is complete and empty', async () => {
    const { final } = await streamed((_, response) =>
      stream(response, frames(chunk({ role: 'assistant', content: '' }), chunk({}, 'stop'))),
    );
    expect(final).toMatchObject({ status: 'completed', output: [], output_text: '' });
  });

  test('whole or streamed, the answer is the same', async () => {
    const message = { role: 'assistant', content: 'Hello!', refusal: null };
    const whole = await clientOf((_, response) => json(response, completion('Hello!', { usage })));
    const one = await whole.client.responses.create({ model: 'fast', input: 'hi' });
    const { final } = await streamed((_, response) => stream(response, frames(chunk(message), chunk({}, 'stop'))));
    expect({
      ...final,
      stream: 0,
      output_parsed: 0,
      completed_at: 0,
      output: JSON.stringify(final.output.map(({ id }) => id)),
    }).toMatchObject({
      ...one,
      completed_at: 0,
      output: JSON.stringify(one.output.map(({ id }) => id)),
    });
  });
});

describe('a target that speaks responses itself', () => {
  test('passes its events as they are, and its last one is the answer', async () => {
    const response = {
      id: 'resp_x',
      object: 'response',
      status: 'completed',
      output: [],
      usage: { input_tokens: 2, output_tokens: 1 },
    };
    const texts = [
      `event: response.created\ndata: {"type":"response.created", "response":{"id":"resp_x","output":[]},"sequence_number":0}\n\n`,
      `event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"x","sequence_number":1,"new_field":1.0}\n\n`,
      `event: response.completed\ndata: ${JSON.stringify({ type: 'response.completed', response, sequence_number: 2 })}\n\n`,
    ];
    const upstream = await startUpstream((_, answer) => stream(answer, texts));
    const body = '{"model":"fast","stream":true,"input":"hi","previous_response_id":"resp_0"}';
    const request = requestOf(body, { protocol: 'openai.responses', streaming: true });
    const connection = connectionTo(upstream.url, { interfaces: ['responses'] });
    const performed = await all(callTo('', { request, connection }));
    expect(performed.map((p) => (p.kind === 'chunk' ? p.payload.toString() : '')).join('')).toBe(texts.join(''));
    expect(performed.at(-1)).toMatchObject({
      kind: 'completed',
      meters: { input_tokens: 2, output_tokens: 1 },
      message: Buffer.from(JSON.stringify(response)),
    });
    expect(upstream.received[0]).toMatchObject({ url: '/v1/responses', body: body.replace('fast', 'upstream-model') });
  });

  test.each([
    ['breaks off', [`data: {"type":"response.output_text.delta","delta":"one two"}\n\n`], 'CONNECTION_LOST'],
    [
      'reports an error',
      [`event: error\ndata: {"type":"error","code":"x","message":"oops","param":null}\n\n`],
      'UPSTREAM_ERROR',
    ],
  ])('%s', async (_, texts, reason) => {
    const upstream = await startUpstream((_request, answer) => stream(answer, texts as string[]));
    const request = requestOf({ model: 'fast', stream: true, input: 'hi' }, { protocol: 'openai.responses' });
    const connection = connectionTo(upstream.url, { interfaces: ['responses'] });
    const performed = await all(callTo('', { request, connection }));
    expect(performed.at(-1)).toMatchObject({ kind: 'failed', failure: { reason } });
  });
});
