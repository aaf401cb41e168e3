import { describe, expect, test } from 'vitest';
import { toChatRequest } from './responses-to-chat.ts';

const chatOf = (body: object) => {
  const { chat, problem } = toChatRequest({ model: 'm', ...body });
  if (problem) throw new Error(problem.message);
  return chat;
};

test('a text, instructions, and the settings that both have', () => {
  expect(
    chatOf({
      instructions: 'Be brief.',
      input: 'hi',
      stream: true,
      temperature: 0.5,
      top_p: null,
      max_output_tokens: 20,
      reasoning: { effort: 'low', summary: 'auto' },
      text: { verbosity: 'low' },
      user: 'u',
      metadata: { a: 'b' },
      store: true,
      truncation: 'auto',
      parallel_tool_calls: true,
      stream_options: { include_obfuscation: false },
      top_k: 5,
    }),
  ).toEqual({
    model: 'm',
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'hi' },
    ],
    stream: true,
    temperature: 0.5,
    max_completion_tokens: 20,
    reasoning_effort: 'low',
    verbosity: 'low',
    user: 'u',
    top_k: 5,
  });
});

test('a conversation: messages, calls with what was said beside them, results', () => {
  const { messages } = chatOf({
    input: [
      { role: 'developer', content: 'rules' },
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'weather?' }] },
      { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'x' },
      {
        type: 'message',
        id: 'msg_1',
        status: 'completed',
        role: 'assistant',
        content: [{ type: 'output_text', text: 'Looking.', annotations: [] }],
      },
      { type: 'function_call', id: 'fc_1', call_id: 'a', name: 'f', arguments: '{}' },
      { type: 'custom_tool_call', call_id: 'b', name: 'g', input: 'raw' },
      { type: 'function_call_output', call_id: 'a', output: 'sunny' },
      { type: 'custom_tool_call_output', call_id: 'b', output: [{ type: 'input_text', text: 'dry' }] },
      { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
      { role: 'assistant', content: [{ type: 'refusal', refusal: 'no' }] },
    ],
  });
  expect(messages).toEqual([
    { role: 'system', content: 'rules' },
    { role: 'user', content: 'weather?' },
    {
      role: 'assistant',
      content: 'Looking.',
      tool_calls: [
        { id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } },
        { id: 'b', type: 'custom', custom: { name: 'g', input: 'raw' } },
      ],
    },
    { role: 'tool', tool_call_id: 'a', content: 'sunny' },
    { role: 'tool', tool_call_id: 'b', content: 'dry' },
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }],
    },
    { role: 'assistant', content: [{ type: 'refusal', refusal: 'no' }] },
  ]);
});

test('images, files and sound', () => {
  const { messages } = chatOf({
    input: [
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'what?' },
          { type: 'input_image', image_url: 'data:image/png;base64,AA', detail: 'low' },
          { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,AA' },
          { type: 'input_audio', input_audio: { data: 'AA', format: 'wav' } },
        ],
      },
    ],
  });
  expect(messages).toEqual([
    {
      role: 'user',
      content: [
        { type: 'text', text: 'what?' },
        { type: 'image_url', image_url: { url: 'data:image/png;base64,AA', detail: 'low' } },
        { type: 'file', file: { file_data: 'data:application/pdf;base64,AA', filename: 'a.pdf' } },
        { type: 'input_audio', input_audio: { data: 'AA', format: 'wav' } },
      ],
    },
  ]);
});

test('tools, and which of them to use', () => {
  const tools = [
    { type: 'function', name: 'f', description: null, parameters: { type: 'object' }, strict: true },
    { type: 'custom', name: 'g', format: { type: 'grammar', syntax: 'lark', definition: 'x' } },
  ];
  const chat = chatOf({ input: 'x', tools, tool_choice: { type: 'function', name: 'f' }, parallel_tool_calls: false });
  expect(chat).toMatchObject({
    tools: [
      { type: 'function', function: { name: 'f', parameters: { type: 'object' }, strict: true } },
      {
        type: 'custom',
        custom: { name: 'g', format: { type: 'grammar', grammar: { syntax: 'lark', definition: 'x' } } },
      },
    ],
    tool_choice: { type: 'function', function: { name: 'f' } },
    parallel_tool_calls: false,
  });
  const allowed = { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'custom', name: 'g' }] };
  expect(chatOf({ input: 'x', tools, tool_choice: allowed }).tool_choice).toEqual({
    type: 'allowed_tools',
    allowed_tools: { mode: 'auto', tools: [{ type: 'custom', custom: { name: 'g' } }] },
  });
  expect(chatOf({ input: 'x', tools, tool_choice: 'required' }).tool_choice).toBe('required');
});

test('a schema for the answer, and probabilities', () => {
  const format = { type: 'json_schema', name: 'n', schema: { type: 'object' }, strict: true };
  expect(chatOf({ input: 'x', text: { format } }).response_format).toEqual({
    type: 'json_schema',
    json_schema: { name: 'n', schema: { type: 'object' }, strict: true },
  });
  expect(chatOf({ input: 'x', text: { format: { type: 'json_object' } } }).response_format).toEqual({
    type: 'json_object',
  });
  expect(chatOf({ input: 'x', text: { format: { type: 'text' } } })).not.toHaveProperty('response_format');
  expect(chatOf({ input: 'x', top_logprobs: 3 })).toMatchObject({ logprobs: true, top_logprobs: 3 });
  expect(chatOf({ input: 'x', include: ['message.output_text.logprobs'] })).toMatchObject({ logprobs: true });
});

describe('what chat has no words for is refused by name', () => {
  test.each<[string, object]>([
    ['previous_response_id', { previous_response_id: 'resp_1' }],
    ['conversation', { conversation: 'conv_1' }],
    ['prompt', { prompt: { id: 'p' } }],
    ['background', { background: true }],
    ['moderation', { moderation: { model: 'x' } }],
    ['tools[1].type', { tools: [{ type: 'function', name: 'f' }, { type: 'web_search' }] }],
    ['tool_choice.type', { tools: [{ type: 'function', name: 'f' }], tool_choice: { type: 'mcp' } }],
    ['input[0].type', { input: [{ type: 'item_reference', id: 'x' }] }],
    ['input[0].content[0].file_id', { input: [{ role: 'user', content: [{ type: 'input_image', file_id: 'f' }] }] }],
    ['input[0].content[0].file_url', { input: [{ role: 'user', content: [{ type: 'input_file', file_url: 'f' }] }] }],
    ['input[0].content[0].type', { input: [{ role: 'user', content: [{ type: 'input_video' }] }] }],
    [
      'input[0].output[0]',
      { input: [{ type: 'function_call_output', call_id: 'a', output: [{ type: 'input_image', image_url: 'x' }] }] },
    ],
  ])('%s', (param, body) => {
    const { problem } = toChatRequest({ model: 'm', input: 'x', ...body });
    expect(problem).toMatchObject({ status: 400, type: 'invalid_request_error', param, code: 'unsupported_parameter' });
    expect(problem?.message).toContain('chat completions only');
  });

  test('of no effect when null or false', () => {
    const body = {
      input: 'x',
      previous_response_id: null,
      conversation: null,
      prompt: null,
      background: false,
      tools: null,
    };
    expect(chatOf(body)).toEqual({ model: 'm', messages: [{ role: 'user', content: 'x' }] });
  });
});
