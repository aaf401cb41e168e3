/** The example's model server, asked by the official client. */
import OpenAI from 'openai';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startModelServer } from './model-server.ts';

const start = async (key?: string) => {
  const server = await startModelServer({ key });
  onTestFinished(() => server.close());
  return { server, client: new OpenAI({ baseURL: `${server.url}/v1`, apiKey: key ?? 'none', maxRetries: 0 }) };
};

const model = 'example-small';
const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
} as const;
const user = (content: string) => [{ role: 'user' as const, content }];

test('says what it is, and the same each time', async () => {
  const { client } = await start();
  const ask = () => client.chat.completions.create({ model, messages: user('Hello there') });
  const one = await ask();
  expect(one.choices[0]?.message.content).toContain('no model');
  expect(one.choices[0]?.message.content).toContain('Hello there');
  expect(one.usage?.prompt_tokens).toBe(2);
  expect(await ask()).toEqual(one);
});

test('n, stop, max_tokens, images', async () => {
  const { client } = await start();
  const content = [
    { type: 'text' as const, text: 'What?' },
    { type: 'image_url' as const, image_url: { url: 'data:image/png;base64,AA' } },
  ];
  const two = await client.chat.completions.create({ model, n: 2, messages: [{ role: 'user', content }] });
  expect(two.choices.map((c) => c.index)).toEqual([0, 1]);
  expect(two.choices[1]?.message.content).toMatch(/^\(2\).*1 image/);
  const cut = await client.chat.completions.create({ model, max_tokens: 3, messages: user('x') });
  expect(cut.choices[0]).toMatchObject({ finish_reason: 'length', message: { content: "I am Parley's" } });
  const stopped = await client.chat.completions.create({ model, stop: [' example'], messages: user('x') });
  expect(stopped.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: "I am Parley's" } });
});

test('streams what it would have said, with usage when asked', async () => {
  const { client } = await start();
  const messages = user('Hello');
  const whole = await client.chat.completions.create({ model, messages });
  const streamed = client.chat.completions.stream({ model, messages, stream_options: { include_usage: true } });
  expect(await streamed.finalContent()).toBe(whole.choices[0]?.message.content);
  expect(await streamed.totalUsage()).toMatchObject(whole.usage!);
});

test('calls the tool that the prompt speaks of, and tells what it answered', async () => {
  const { client } = await start();
  const asked = { model, tools: [weather], messages: user('What is the weather in Rome?') };
  const { choices } = await client.chat.completions.create(asked);
  const [call] = choices[0]?.message.tool_calls ?? [];
  expect(call).toMatchObject({ function: { name: 'get_weather', arguments: '{"city":"Rome"}' } });
  const final = await client.chat.completions.stream(asked).finalChatCompletion();
  expect(final.choices[0]?.message.tool_calls).toEqual(choices[0]?.message.tool_calls);
  const after = await client.chat.completions.create({
    ...asked,
    messages: [...asked.messages, choices[0]!.message, { role: 'tool', tool_call_id: call!.id, content: 'sunny' }],
  });
  expect(after.choices[0]?.message.content).toContain('The tool answered: "sunny".');
  const quiet = await client.chat.completions.create({ ...asked, tool_choice: 'none' });
  expect(quiet.choices[0]?.finish_reason).toBe('stop');
});

test('meets a schema', async () => {
  const { client } = await start();
  const schema = {
    type: 'object',
    properties: {
      name: { type: 'string', minLength: 6 },
      kind: { enum: ['a', 'b'] },
      count: { type: 'integer', minimum: 3 },
      tags: { type: 'array', minItems: 1, items: { $ref: '#/$defs/tag' } },
      parent: { anyOf: [{ type: 'null' }, { $ref: '#' }] },
    },
    required: ['name', 'kind', 'count', 'tags', 'parent'],
    $defs: { tag: { type: 'string' } },
  };
  const response_format = { type: 'json_schema' as const, json_schema: { name: 's', strict: true, schema } };
  const { choices } = await client.chat.completions.create({ model, response_format, messages: user('Call it Rome') });
  expect(JSON.parse(choices[0]!.message.content!)).toEqual({
    name: 'Rome..',
    kind: 'a',
    count: 3,
    tags: ['Rome'],
    parent: null,
  });
});

test('speaks responses too', async () => {
  const { client } = await start();
  const whole = await client.responses.create({ model, input: 'Hello' });
  expect(await client.responses.stream({ model, input: 'Hello' }).finalResponse()).toMatchObject({
    output_text: whole.output_text,
  });
  const tools = [{ ...weather.function, type: 'function' as const, strict: true }];
  const called = await client.responses.stream({ model, tools, input: 'The weather in Rome' }).finalResponse();
  expect(called.output).toMatchObject([{ type: 'function_call', name: 'get_weather', arguments: '{"city":"Rome"}' }]);
});

test('embeds: alike what is alike, floats and base64 the same', async () => {
  const { client } = await start();
  const input = ['the cat sat', 'the cat sat down', 'quantum flux'];
  const base64 = await client.embeddings.create({ model, input });
  const float = await client.embeddings.create({ model, input, encoding_format: 'float' });
  const [a, b, c] = float.data.map((d) => d.embedding);
  const dot = (x: number[], y: number[]) => x.reduce((sum, v, i) => sum + v * y[i]!, 0);
  expect(base64.data.map((d) => Array.from(d.embedding))).toEqual([a, b, c]);
  expect(dot(a!, b!)).toBeGreaterThan(dot(a!, c!));
  expect((await client.embeddings.create({ model, input: 'x', dimensions: 8 })).data[0]?.embedding).toHaveLength(8);
});

describe('as a server', () => {
  test('lists its models, counts, and refuses in OpenAI’s form', async () => {
    const { client, server } = await start();
    expect((await client.models.list()).data.map((m) => m.id)).toContain(model);
    await expect(client.chat.completions.create({ model, messages: [] })).rejects.toMatchObject({
      status: 400,
      param: 'messages',
    });
    await expect(client.files.list()).rejects.toMatchObject({ status: 404, code: 'unknown_url' });
    expect(await (await fetch(`${server.url}/stats`)).json()).toEqual({ requests: 1, streams: 0, errors: 2 });
  });

  test('asks for its key', async () => {
    const { server } = await start('secret');
    const wrong = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'wrong', maxRetries: 0 });
    await expect(wrong.models.list()).rejects.toMatchObject({ status: 401, code: 'invalid_api_key' });
    const right = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'secret', maxRetries: 0 });
    expect((await right.models.list()).data.length).toBeGreaterThan(0);
  });
});
