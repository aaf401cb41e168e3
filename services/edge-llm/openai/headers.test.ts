import { expect, test } from 'vitest';
import { retryAfterOf, returningHeaders, travellingHeaders } from './headers.ts';

test('of a client’s headers only those that change the answer travel on', () => {
  const headers = {
    'OpenAI-Beta': 'a',
    authorization: 'x',
    cookie: 'x',
    host: 'x',
    'openai-organization': 'x',
    'x-api-key': 'x',
  };
  expect(travellingHeaders(headers)).toEqual({ 'openai-beta': 'a' });
});

test('of an upstream’s headers its limits come back, and its id under another name', () => {
  const headers = {
    'X-RateLimit-Limit-Tokens': '9',
    'x-request-id': 'r',
    'set-cookie': ['a', 'b'],
    'openai-organization': 'o',
    'retry-after': '1',
    server: 's',
    'x-ratelimit-long': 'x'.repeat(2_000),
  };
  expect(returningHeaders(headers)).toEqual({
    'x-ratelimit-limit-tokens': '9',
    'x-upstream-request-id': 'r',
    'retry-after': '1',
  });
});

test.each<[Record<string, string>, number | null]>([
  [{}, null],
  [{ 'retry-after': '' }, null],
  [{ 'retry-after': '0' }, 0],
  [{ 'retry-after': '1.5' }, 1_500],
  [{ 'retry-after': '-3' }, 0],
  [{ 'retry-after': '999999999' }, 86_400_000],
  [{ 'retry-after-ms': 'x', 'retry-after': '2' }, 2_000],
  [{ 'retry-after': 'Thu, 01 Jan 1970 00:01:00 GMT' }, 59_000],
  [{ 'retry-after': 'Thu, 01 Jan 1970 00:00:00 GMT' }, 0],
])('%j asks to wait %s ms', (headers, ms) => {
  expect(retryAfterOf(headers, 1_000)).toBe(ms);
});
