import { expect, test } from 'vitest';
import { excerpt } from './excerpt.ts';

const of = (protocol: string, body: unknown) =>
  excerpt(protocol, Buffer.from(JSON.stringify(body))).replace(/ \([\d.]+ k?B\)$/, '');

test.each([
  [
    'a chat request',
    {
      messages: [
        { role: 'system', content: 's' },
        { role: 'user', content: 'Hi' },
      ],
    },
    '2 messages, user: “Hi”',
  ],
  [
    'parts',
    { messages: [{ role: 'user', content: [{ type: 'text', text: 'Look' }, { type: 'image_url' }] }] },
    '1 message, user: “Look [image_url]”',
  ],
  ['a tool result', { messages: [{ role: 'tool', tool_call_id: 'x', content: '42' }] }, '1 message, tool: “42”'],
  ['a responses request', { input: 'Hi' }, '“Hi”'],
  ['one of items', { input: [{ role: 'user', content: [{ type: 'input_text', text: 'Hi' }] }] }, '1 item, user: “Hi”'],
  ['an embeddings request', { input: ['a', 'b'] }, '2 inputs'],
  ['an answer', { choices: [{ message: { content: 'Paris.' } }] }, '“Paris.”'],
  ['several answers', { choices: [{ message: { content: 'a' } }, { message: { content: 'b' } }] }, '“a” | “b”'],
  [
    'a tool call',
    {
      choices: [
        { message: { content: null, tool_calls: [{ function: { name: 'weather', arguments: '{"at":"Bern"}' } }] } },
      ],
    },
    'calls weather({"at":"Bern"})',
  ],
  ['a response', { output: [{ type: 'message', content: [{ type: 'output_text', text: 'Paris.' }] }] }, '“Paris.”'],
  ['a response that calls', { output: [{ type: 'function_call', name: 'f', arguments: '{}' }] }, 'calls f({})'],
  ['embeddings', { data: [{}, {}] }, '2 items'],
  ['an error', { error: { message: 'no' } }, '“no”'],
  ['something else', { strange: 1 }, '{"strange":1}'],
])('%s', (_, body, expected) => {
  expect(of('openai.chat', body)).toBe(expected);
});

test('what is not JSON, or of another protocol, is shown as it is, in a line', () => {
  expect(excerpt('openai.chat', Buffer.from('not\njson'))).toBe('not json (8 B)');
  expect(excerpt('mcp', Buffer.from('{"messages":[]}'))).toBe('{"messages":[]} (15 B)');
  expect(excerpt('openai.chat', Buffer.from([0xff, 0xfe]))).toBe('2 B of binary data');
  expect(excerpt('openai.chat', Buffer.alloc(0))).toBe('empty');
});

test('it is bounded, and harmless to a terminal', () => {
  const long = of('openai.chat', { messages: [{ role: 'user', content: `\u001b[31m${'a'.repeat(1e6)}` }] });
  expect(long.length).toBeLessThan(220);
  expect(long).not.toContain('\u001b');
});
