import { expect, test } from 'vitest';
import { evidenceOf, parseAccessLog, upstreamCalls } from './evidence.ts';
import type { Call, Try } from './load.ts';

const line =
  '{"time":"2026-01-02T03:04:05.678Z","x_client_request_id":"d1","path":"/v1/chat/completions","status":200}';

test('an access log is read line by line', () => {
  const [first, second] = parseAccessLog(`${line}\n${line.replace('d1', 'd2')}\n`);
  expect(first).toEqual({
    time: '2026-01-02T03:04:05.678Z',
    x_client_request_id: 'd1',
    path: '/v1/chat/completions',
    status: 200,
  });
  expect(second!.x_client_request_id).toBe('d2');
  expect(parseAccessLog('')).toEqual([]);
});

test.each(['{"time":', '{"time":"yesterday","x_client_request_id":"d1"}', '{"time":"2026-01-02T03:04:05Z"}', '[]'])(
  'a line that is none is named by its number: %s',
  (bad) => expect(() => parseAccessLog(`${line}\n${bad}\n`)).toThrow('line 2'),
);

test('the evidence has the calls by the id of their dispatch, and an answer for each try that had one', () => {
  const tried: Try = { at: 1, endedAt: 2, status: 200, requestId: 'r1', whole: true, text: 'answer' };
  const call: Call = {
    label: 'call 0.',
    conversation: 'c',
    streaming: false,
    repeatable: true,
    forbidden: false,
    idempotencyKey: undefined,
    tries: [{ ...tried, status: 0, requestId: '' }, { ...tried, status: 503, whole: false }, tried],
  };
  const evidence = evidenceOf([], upstreamCalls(parseAccessLog(line)), [call], 9);
  expect(evidence).toEqual({
    records: [],
    calls: [{ dispatchId: 'd1', at: Date.parse('2026-01-02T03:04:05.678Z') }],
    answers: [
      { requestId: 'r1', status: 503, whole: false },
      { requestId: 'r1', status: 200, whole: true },
    ],
    endedAt: 9,
  });
});
