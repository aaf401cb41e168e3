import { Readable } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonLines, plainLines, readAccessLog } from './access-log.ts';
import { type Line, linesOf } from './lines.ts';
import { timeOf } from './time.ts';

const at = Date.parse('2026-11-21T15:41:32Z');
const fields = { id: 'x_client_request_id', responseId: ['response_id', 'id'], time: 'time' };
const chunked = (...chunks: (string | Buffer)[]) => Readable.from(chunks.map((chunk) => Buffer.from(chunk)));
const all = async (lines: AsyncIterable<Line>): Promise<Line[]> => {
  const read: Line[] = [];
  for await (const line of lines) read.push(line);
  return read;
};
const linesIn = (text: string, maxBytes?: number) => all(linesOf(chunked(text), maxBytes));

test('lines are the same however the bytes are cut', async () => {
  const text = 'eins\r\n\nzw€i\n  \ndrei';
  const whole = await linesIn(text);
  expect(whole).toEqual([
    { number: 1, text: 'eins' },
    { number: 3, text: 'zw€i' },
    { number: 5, text: 'drei' },
  ]);
  const bytes = Buffer.from(text);
  const cuts = fc.uniqueArray(fc.nat(bytes.length)).map((some) => some.sort((a, b) => a - b));
  await fc.assert(
    fc.asyncProperty(cuts, async (at) => {
      const chunks = [...at, bytes.length].map((cut, i) => bytes.subarray(at[i - 1] ?? 0, cut));
      expect(await all(linesOf(chunked(...chunks)))).toEqual(whole);
    }),
  );
});

test('a line that is too long is known by its number, and those after it are read', async () => {
  expect(await linesIn(`${'x'.repeat(11)}\nshort`, 10)).toEqual([
    { number: 1, text: undefined },
    { number: 2, text: 'short' },
  ]);
  expect(await linesIn(`${'x'.repeat(10)}\nshort`, 10)).toMatchObject([{ text: 'x'.repeat(10) }, { text: 'short' }]);
});

test.each([
  ['2026-11-21T15:41:32Z', at],
  ['2026-11-21T16:41:32+01:00', at],
  ['21/Nov/2026:16:41:32 +0100', at],
  ['[21/Nov/2026:15:41:32 +0000]', at],
  ['1795275692', at],
  ['1795275692.500', at + 500],
  [1795275692000, at],
  [1795275692.5, at + 500],
  ['21/Nix/2026:15:41:32 +0000', Number.NaN],
  ['yesterday', Number.NaN],
  [Number.POSITIVE_INFINITY, Number.NaN],
  [null, Number.NaN],
])('the instant %s', (value, expected) => {
  expect(timeOf(value)).toBe(expected);
});

test('a line of JSON has its fields by name or by path, and a header as a list of values', () => {
  const format = jsonLines(fields);
  const time = '2026-11-21T15:41:32Z';
  expect(format(JSON.stringify({ time, x_client_request_id: 'd-1', id: 'chatcmpl-1' }))).toEqual({
    id: 'd-1',
    responseId: 'chatcmpl-1',
    at,
  });
  expect(format('{"id":"one","response_id":"another","x_client_request_id":"-"}')).toMatchObject({
    id: '',
    responseId: 'another',
  });
  const nested = jsonLines({ ...fields, id: 'request.headers.x-client-request-id' });
  expect(nested('{"request":{"headers":{"x-client-request-id":["d-2"]}}}')).toMatchObject({ id: 'd-2' });
  expect(nested('{"request.headers":{"x-client-request-id":"d-3"}}')).toMatchObject({ id: 'd-3' });
  expect(nested('{"request":7}')).toEqual({ id: '', responseId: '', at: Number.NaN });
  expect(jsonLines({ ...fields, id: 'constructor.name' })('{}')).toMatchObject({ id: '' });
  expect(format('[1]')).toBeUndefined();
  expect(format('GET / 200')).toBeUndefined();
});

test('a plain line is read by its pattern, with an id or with a hyphen for none', () => {
  const format = plainLines(/\[(?<time>[^\]]+)\] "POST .*?" \d+ \d+ .*"(?<id>[^"]*)"$/u);
  const line = (id: string) =>
    `10.0.0.1 - - [21/Nov/2026:15:41:32 +0000] "POST /v1/chat/completions HTTP/1.1" 200 512 "-" "parley" "${id}"`;
  expect(format(line('d-1'))).toEqual({ id: 'd-1', responseId: '', at });
  expect(format(line('-'))).toEqual({ id: '', responseId: '', at });
  expect(format('something else')).toBeUndefined();
});

test('bad lines are counted, and the first of them named', async () => {
  const good = '{"x_client_request_id":"d-1"}';
  const lines = ['{', good, ...Array.from({ length: 7 }, () => 'bad'), good];
  const { calls, bad } = await readAccessLog(linesOf(chunked(lines.join('\n'))), jsonLines(fields));
  expect(calls.map(({ line }) => line)).toEqual([2, 10]);
  expect(bad).toEqual({ count: 8, first: [1, 3, 4, 5, 6] });
});
