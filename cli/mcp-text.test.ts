import { expect, test } from 'vitest';
import { mcpExcerpt, mcpSays } from './mcp-text.ts';

const bytes = (body: unknown) => Buffer.from(JSON.stringify(body));
const of = (body: unknown) => mcpExcerpt(bytes(body)).replace(/ \([\d.]+ k?B\)$/, '');
const text = (said: string) => ({ content: [{ type: 'text', text: said }] });
const asks = (message: string) => ({ method: 'elicitation/create', params: { message, requestedSchema: {} } });

test.each([
  [
    'a call',
    { method: 'tools/call', params: { name: 'add', arguments: { a: 1 }, _meta: { progressToken: 1 } } },
    'add({"a":1})',
  ],
  ['a prompt', { method: 'prompts/get', params: { name: 'code', arguments: {} } }, 'code({})'],
  ['a resource', { method: 'resources/read', params: { uri: 'file:///a' } }, 'resources/read file:///a'],
  ['another method', { method: 'completion/complete', params: { ref: 1, _meta: {} } }, 'completion/complete {"ref":1}'],
  ['a result', { result: text('3') }, '“3”'],
  ['a result of a picture', { result: { content: [{ type: 'image', mimeType: 'image/png' }] } }, '“[image image/png]”'],
  ['a structured result', { result: { content: [], structuredContent: { sum: 3 } } }, '{"sum":3}'],
  ['a failure of a tool', { result: { ...text('no'), isError: true } }, 'an error: “no”'],
  ['what a resource has', { result: { contents: [{ uri: 'file:///a', text: 'hello' }] } }, '“hello”'],
  ['what a prompt has', { result: { messages: [{ role: 'user', ...text('hi') }] } }, '“hi”'],
  ['a task', { result: { resultType: 'task', taskId: 't-1' } }, 'task t-1'],
  ['what is needed first', { result: { inputRequests: { who: asks('Who?') } } }, 'asks “Who?”'],
  ['another result', { result: { completion: { values: ['a'] } } }, '{"completion":{"values":["a"]}}'],
  ['an error', { error: { code: -32602, message: 'Unknown tool: x' } }, 'error -32602: “Unknown tool: x”'],
  ['a question', { id: '1-1', ...asks('Who?') }, 'asks “Who?”'],
  [
    'a question for a model',
    {
      id: '1-1',
      method: 'sampling/createMessage',
      params: { messages: [{ role: 'user', content: { type: 'text', text: 'Say' } }] },
    },
    'asks a model: “Say”',
  ],
  ['an answer', { result: { action: 'accept', content: { name: 'Ada' } } }, 'accept {"name":"Ada"}'],
  ['an answer that is none', { result: { action: 'decline' } }, 'decline'],
  ['an answer of a model', { result: { role: 'assistant', content: { type: 'text', text: 'Hi' } } }, '“Hi”'],
  [
    'progress',
    { method: 'notifications/progress', params: { progress: 1, total: 2, message: 'so' } },
    'progress 1 of 2: “so”',
  ],
  ['a log message', { method: 'notifications/message', params: { level: 'info', data: 'x' } }, 'info: “x”'],
  ['something else', { strange: 1 }, '{"strange":1}'],
])('%s', (_, body, expected) => {
  expect(of(body)).toBe(expected);
});

test('progress has no line of its own', () => {
  expect(mcpSays(bytes({ method: 'notifications/progress', params: { progress: 1 } }))).toBeUndefined();
  expect(mcpSays(bytes({ id: '1', ...asks('Who?') }))).toBe('asks “Who?” (89 B)');
});

test('what is no JSON, or odd, is shown all the same, in a line', () => {
  expect(mcpExcerpt(Buffer.from('{"result'))).toBe('{"result (8 B)');
  expect(mcpExcerpt(Buffer.alloc(0))).toBe('empty');
  for (const odd of [{ result: 7 }, { error: null }, { method: 7 }, { result: { content: [null, 'x'] } }])
    expect(mcpExcerpt(bytes(odd))).toMatch(/ B\)$/);
  const long = of({ method: 'tools/call', params: { name: 'x', arguments: { a: `\u001b${'a'.repeat(1e6)}` } } });
  expect(long.length).toBeLessThan(220);
  expect(long).not.toContain('\u001b');
});
