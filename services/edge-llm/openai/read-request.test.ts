import { describe, expect, test } from 'vitest';
import type { Protocol } from './protocol.ts';
import { readRequest } from './read-request.ts';

const messages = [{ role: 'user', content: 'hi' }];
const read = (body: unknown, protocol: Protocol = 'openai.chat') =>
  readRequest(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), protocol);
const chat = (more: object) => read({ model: 'm', messages, ...more });
const response = (more: object) => read({ model: 'm', input: 'hi', ...more }, 'openai.responses');

describe('bytes that are no request', () => {
  test.each<[string, Buffer, RegExp]>([
    ['nothing', Buffer.alloc(0), /empty/],
    ['no JSON', Buffer.from('{"model":'), /not valid JSON/],
    ['no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), /not valid UTF-8/],
    ['a surrogate in UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), /not valid UTF-8/],
    ['an array', Buffer.from('[]'), /an array, not an object/],
    ['a text', Buffer.from('"x"'), /a string, not an object/],
    ['null', Buffer.from('null'), /null, not an object/],
    [
      'deep nesting',
      Buffer.from(`{"model":"m","messages":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
      /levels deep/,
    ],
  ])('%s', (_, bytes, message) => {
    const { problem } = readRequest(bytes, 'openai.chat');
    expect(problem).toMatchObject({ status: 400, type: 'invalid_request_error', param: null });
    expect(problem?.message).toMatch(message);
  });
});

describe('what is certain to be wrong', () => {
  test.each<[object, string, string, string]>([
    [{ messages }, 'model', 'missing_required_parameter', 'you must provide a model parameter'],
    [{ model: '', messages }, 'model', 'missing_required_parameter', 'you must provide a model parameter'],
    [
      { model: 7, messages },
      'model',
      'invalid_type',
      "Invalid type for 'model': expected a string, but got an integer instead.",
    ],
    [
      { model: 'm'.repeat(1_000), messages },
      'model',
      'string_above_max_length',
      "Invalid 'model': string too long. Expected a string with maximum length 256.",
    ],
    [{ model: 'm' }, 'messages', 'missing_required_parameter', "Missing required parameter: 'messages'."],
    [
      { model: 'm', messages: null },
      'messages',
      'missing_required_parameter',
      "Missing required parameter: 'messages'.",
    ],
    [
      { model: 'm', messages: 'hi' },
      'messages',
      'invalid_type',
      "Invalid type for 'messages': expected an array, but got a string instead.",
    ],
    [
      { model: 'm', messages: [] },
      'messages',
      'empty_array',
      "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
    ],
    [
      { model: 'm', messages: ['hi'] },
      'messages[0]',
      'invalid_type',
      "Invalid type for 'messages[0]': expected an object, but got a string instead.",
    ],
    [
      { model: 'm', messages: [{}] },
      'messages[0].role',
      'missing_required_parameter',
      "Missing required parameter: 'messages[0].role'.",
    ],
    [
      { model: 'm', messages, stream: 'yes' },
      'stream',
      'invalid_type',
      "Invalid type for 'stream': expected a boolean, but got a string instead.",
    ],
    [
      { model: 'm', messages, n: 0 },
      'n',
      'integer_below_min_value',
      "Invalid value for 'n': integer below minimum value. Expected a value >= 1, but got 0 instead.",
    ],
    [
      { model: 'm', messages, max_tokens: -1 },
      'max_tokens',
      'integer_below_min_value',
      "Invalid value for 'max_tokens': integer below minimum value. Expected a value >= 1, but got -1 instead.",
    ],
    [
      { model: 'm', messages, max_tokens: 1.5 },
      'max_tokens',
      'invalid_type',
      "Invalid type for 'max_tokens': expected an integer, but got a decimal instead.",
    ],
    [
      { model: 'm', messages, max_completion_tokens: 0 },
      'max_completion_tokens',
      'integer_below_min_value',
      "Invalid value for 'max_completion_tokens': integer below minimum value. Expected a value >= 1, but got 0 instead.",
    ],
    [
      { model: 'm', messages, temperature: 2.5 },
      'temperature',
      'decimal_above_max_value',
      "Invalid value for 'temperature': decimal above maximum value. Expected a value <= 2, but got 2.5 instead.",
    ],
    [
      { model: 'm', messages, temperature: 'hot' },
      'temperature',
      'invalid_type',
      "Invalid type for 'temperature': expected a decimal, but got a string instead.",
    ],
    [
      { model: 'm', messages, top_p: -0.1 },
      'top_p',
      'decimal_below_min_value',
      "Invalid value for 'top_p': decimal below minimum value. Expected a value >= 0, but got -0.1 instead.",
    ],
    [
      { model: 'm', messages, stream_options: true },
      'stream_options',
      'invalid_type',
      "Invalid type for 'stream_options': expected an object, but got a boolean instead.",
    ],
  ])('%j', (body, param, code, message) => {
    expect(read(body).problem).toEqual({ status: 400, type: 'invalid_request_error', param, code, message });
  });

  test('of the other interfaces', () => {
    expect(read({ model: 'm' }, 'openai.responses').problem).toMatchObject({
      param: 'input',
      code: 'missing_required_parameter',
    });
    expect(response({ max_output_tokens: -5 }).problem).toMatchObject({ param: 'max_output_tokens' });
    expect(response({ input: 7 }).problem).toMatchObject({ param: 'input', code: 'invalid_type' });
    expect(read({ model: 'm' }, 'openai.embeddings').problem).toMatchObject({ param: 'input' });
    expect(read({ model: 'm', input: [] }, 'openai.embeddings').problem).toMatchObject({ code: 'empty_array' });
    expect(read({ model: 'm', input: 7 }, 'openai.embeddings').problem).toMatchObject({ code: 'invalid_type' });
  });
});

describe('what is not', () => {
  test.each([
    { temperature: null, n: null, stream: null, max_tokens: null },
    { unknown: { anything: [1] }, tools: [], stop: ['a'], temperature: 0, top_p: 1 },
    { messages: [{ role: 'narrator' }] },
  ])('%j passes', (more) => {
    expect(chat(more).problem).toBeUndefined();
  });

  test('a responses request may answer to something that was said before', () => {
    for (const field of ['prompt', 'previous_response_id', 'conversation'])
      expect(read({ model: 'm', [field]: 'x' }, 'openai.responses').problem).toBeUndefined();
  });
});

test('what a request asks for', () => {
  expect(chat({}).request).toMatchObject({ model: 'm', streaming: false, repeatable: true });
  expect(chat({ stream: true }).request?.streaming).toBe(true);
  expect(read({ model: 'm', input: [1, 2], stream: true }, 'openai.embeddings').request?.streaming).toBe(false);
});

test.each<[boolean, object]>([
  [true, {}],
  [
    true,
    {
      tools: [
        { type: 'function', name: 'f' },
        { type: 'custom', name: 'g' },
      ],
    },
  ],
  [true, { previous_response_id: 'resp_1' }],
  [true, { store: false, background: false }],
  [false, { tools: [{ type: 'function', name: 'f' }, { type: 'mcp' }] }],
  [false, { tools: [{ type: 'code_interpreter' }] }],
  [false, { background: true }],
  [false, { store: true }],
  [false, { conversation: 'conv_1' }],
  [false, { prompt: { id: 'pmpt_1' } }],
])('repeatable is %s of %j', (repeatable, more) => {
  expect(response(more).request?.repeatable).toBe(repeatable);
});
