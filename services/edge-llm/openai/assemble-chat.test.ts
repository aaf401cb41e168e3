import { describe, expect, test } from 'vitest';
import { addChunk, emptyAssembly, isFinished, textOf, wholeOf } from './assemble-chat.ts';
import type { JsonObject } from './json.ts';

const top = { id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm' };
const choice = (delta: object, more: object = {}) => ({ index: 0, delta, finish_reason: null, ...more });
const assemble = (...choices: object[][]) => {
  const assembly = emptyAssembly();
  for (const of of choices) addChunk(assembly, { ...top, choices: of });
  return assembly;
};
const messageOf = (whole: JsonObject, at = 0) => (whole.choices as { message: JsonObject }[])[at]!.message;

test('text, role and reason', () => {
  const assembly = assemble(
    [choice({ role: 'assistant', content: '' })],
    [choice({ content: 'Hel' })],
    [choice({ content: 'lo' })],
  );
  expect(isFinished(assembly)).toBe(false);
  addChunk(assembly, { ...top, choices: [choice({}, { finish_reason: 'stop' })] });
  addChunk(assembly, { ...top, choices: [], usage: { prompt_tokens: 1 }, system_fingerprint: 'fp' });
  expect(isFinished(assembly)).toBe(true);
  expect(wholeOf(assembly)).toEqual({
    ...top,
    object: 'chat.completion',
    usage: { prompt_tokens: 1 },
    system_fingerprint: 'fp',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: 'Hello', refusal: null },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
  });
});

test('several choices, in whatever order they come', () => {
  const whole = wholeOf(
    assemble(
      [choice({ content: 'b' }, { index: 1 })],
      [choice({ content: 'a' }), choice({ content: 'B' }, { index: 1 })],
      [choice({}, { index: 1, finish_reason: 'length' }), choice({}, { finish_reason: 'stop' })],
    ),
  );
  expect(whole.choices).toMatchObject([
    { index: 0, message: { content: 'a' }, finish_reason: 'stop' },
    { index: 1, message: { content: 'bB' }, finish_reason: 'length' },
  ]);
});

test('parallel tool calls, their arguments in turn', () => {
  const call = (index: number, more: object) => choice({ tool_calls: [{ index, ...more }] });
  const whole = wholeOf(
    assemble(
      [choice({ role: 'assistant', content: null })],
      [call(0, { id: 'a', type: 'function', function: { name: 'f', arguments: '' } })],
      [call(0, { function: { arguments: '{"x"' } })],
      [call(1, { id: 'b', type: 'function', function: { name: 'g', arguments: '{' } })],
      [call(0, { function: { arguments: ':1}' } })],
      [call(1, { function: { arguments: '}' } })],
      [choice({}, { finish_reason: 'tool_calls' })],
    ),
  );
  expect(messageOf(whole)).toEqual({
    role: 'assistant',
    content: null,
    refusal: null,
    tool_calls: [
      { id: 'a', type: 'function', function: { name: 'f', arguments: '{"x":1}' } },
      { id: 'b', type: 'function', function: { name: 'g', arguments: '{}' } },
    ],
  });
});

test('tool calls of an upstream that leaves the index out', () => {
  const whole = wholeOf(
    assemble(
      [choice({ tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{' } }] })],
      [choice({ tool_calls: [{ function: { arguments: '}' } }] })],
      [choice({ tool_calls: [{ id: 'b', type: 'function', function: { name: 'g', arguments: '{}' } }] })],
    ),
  );
  expect((messageOf(whole).tool_calls as JsonObject[]).map((c) => c.function)).toEqual([
    { name: 'f', arguments: '{}' },
    { name: 'g', arguments: '{}' },
  ]);
});

describe('what not every upstream sends', () => {
  test('refusals, log probabilities, audio, a name that is repeated', () => {
    const logprob = (token: string) => ({ token, logprob: -1, bytes: null, top_logprobs: [] });
    const whole = wholeOf(
      assemble(
        [
          choice(
            { refusal: 'I ', audio: { id: 'x', data: 'AA' } },
            { logprobs: { content: null, refusal: [logprob('I ')] } },
          ),
        ],
        [
          choice(
            { refusal: 'must', audio: { data: 'BB', transcript: 't' } },
            { logprobs: { refusal: [logprob('must')] } },
          ),
        ],
        [choice({ function_call: { name: 'f', arguments: '{' } })],
        [choice({ function_call: { name: 'f', arguments: '}' } })],
      ),
    );
    expect(messageOf(whole)).toMatchObject({
      refusal: 'I must',
      audio: { id: 'x', data: 'AABB', transcript: 't' },
      function_call: { name: 'f', arguments: '{}' },
    });
    expect((whole.choices as JsonObject[])[0]?.logprobs).toEqual({
      content: null,
      refusal: [logprob('I '), logprob('must')],
    });
  });

  test('fields that nobody told us of: texts and lists grow, lists by index, the rest stands', () => {
    const whole = wholeOf(
      assemble(
        [
          choice(
            { reasoning_content: 'hm', citations: [1], details: [{ index: 0, text: 'a' }], depth: 1 },
            { native: 'x' },
          ),
        ],
        [
          choice({
            reasoning_content: 'm',
            citations: [2],
            details: [
              { index: 0, text: 'b' },
              { index: 1, text: 'c' },
            ],
            depth: 2,
          }),
        ],
      ),
    );
    expect(messageOf(whole)).toMatchObject({
      reasoning_content: 'hmm',
      citations: [1, 2],
      details: [
        { index: 0, text: 'ab' },
        { index: 1, text: 'c' },
      ],
      depth: 2,
    });
    expect((whole.choices as JsonObject[])[0]).toMatchObject({ native: 'x' });
  });

  test('chunks of no shape at all', () => {
    const assembly = emptyAssembly();
    for (const chunk of [
      {},
      { choices: null },
      { choices: ['x', 7, null] },
      { choices: [{ delta: 'x' }] },
      { choices: [{ index: 0, delta: { tool_calls: [null, 'x'] } }] },
      JSON.parse('{"__proto__":{"x":1},"choices":[{"delta":{"__proto__":{"y":1}}}]}'),
    ])
      addChunk(assembly, chunk);
    expect(wholeOf(assembly).choices).toHaveLength(1);
    expect(({} as JsonObject).x ?? ({} as JsonObject).y).toBeUndefined();
  });
});

test('what was written, for those who count it', () => {
  expect(
    textOf({ choices: [{ message: { content: 'a', tool_calls: [{ function: { name: 'f', arguments: '{}' } }] } }] }),
  ).toBe('a\nf\n{}');
});
