import { expect, test } from 'vitest';
import { estimateMeters, metersOf } from './usage.ts';

test.each<[string, unknown, Record<string, number> | undefined]>([
  ['chat', { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 }, { input_tokens: 5, output_tokens: 2 }],
  [
    'chat in detail',
    {
      prompt_tokens: 5,
      completion_tokens: 9,
      prompt_tokens_details: { cached_tokens: 4 },
      completion_tokens_details: { reasoning_tokens: 8 },
    },
    { input_tokens: 5, output_tokens: 9, cached_input_tokens: 4, reasoning_output_tokens: 8 },
  ],
  [
    'responses',
    {
      input_tokens: 3,
      output_tokens: 1,
      input_tokens_details: { cached_tokens: 2 },
      output_tokens_details: { reasoning_tokens: 0 },
    },
    { input_tokens: 3, output_tokens: 1, cached_input_tokens: 2 },
  ],
  ['embeddings', { prompt_tokens: 8, total_tokens: 8 }, { input_tokens: 8, output_tokens: 0 }],
  ['decimals', { prompt_tokens: 8.9, completion_tokens: 1 }, { input_tokens: 8, output_tokens: 1 }],
  ['null', null, undefined],
  ['nothing of use', { total_tokens: 3 }, undefined],
  ['nonsense', { prompt_tokens: -1, completion_tokens: 'x' }, undefined],
  ['infinity', { prompt_tokens: Number.POSITIVE_INFINITY }, undefined],
])('the usage of %s', (_, usage, meters) => {
  expect(metersOf(usage)).toEqual(meters);
});

test('where there is none, the texts of request and answer are counted, whatever they hold', async () => {
  const body = {
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'hello <|endoftext|>' },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${'A'.repeat(100_000)}` } },
        ],
      },
      { role: 'assistant', tool_calls: [{ function: { name: 'f', arguments: '{}' } }] },
    ],
    tools: [{ type: 'function', function: { name: 'f' } }],
  };
  const meters = await estimateMeters(body, 'openai.chat', 'one two three');
  expect(meters.output_tokens).toBe(3);
  expect(meters.input_tokens).toBeGreaterThan(93);
  expect(meters.input_tokens).toBeLessThan(150);
});

test('embeddings of tokens count themselves', async () => {
  expect(await estimateMeters({ input: [[1, 2, 3], [4]] }, 'openai.embeddings', '')).toEqual({
    input_tokens: 4,
    output_tokens: 0,
  });
});

test('a responses request is counted too', async () => {
  const body = {
    instructions: 'be brief',
    input: [
      { role: 'user', content: [{ type: 'input_text', text: 'hello there' }] },
      { type: 'function_call_output', output: 'sunny' },
    ],
  };
  expect((await estimateMeters(body, 'openai.responses', '')).input_tokens).toBe(16);
});

test('a million characters without a space are counted in a moment', async () => {
  await estimateMeters({}, 'openai.chat', 'warm');
  const begun = performance.now();
  const { output_tokens } = await estimateMeters({}, 'openai.chat', '漢字仮名交'.repeat(200_000));
  expect(performance.now() - begun).toBeLessThan(3_000);
  expect(output_tokens).toBeGreaterThan(500_000);
});
