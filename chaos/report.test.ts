import { expect, test } from 'vitest';
import type { LoggedRecord } from '../invariants/index.ts';
import type { Call, Try } from './load.ts';
import type { ToolCall } from './mcp/load.ts';
import { type Run, reportOf, reportText } from './report.ts';

const record = (id: string, type: string, data: object = {}, value = 'a') =>
  ({ id, type, data, value: Buffer.from(value) }) as unknown as LoggedRecord;
const ofModel = { request: { protocol: 'openai.chat' } };
const tried = (status: number, endedAt: number): Try => ({
  at: 0,
  endedAt,
  status,
  requestId: 'r',
  whole: true,
  text: '',
});
const call = (tries: Try[], forbidden = false): Call => ({
  label: 'call 1.',
  conversation: 'c',
  streaming: false,
  repeatable: true,
  forbidden,
  idempotencyKey: undefined,
  tries,
});
const logged = (id: string, status: number) => ({ time: '', x_client_request_id: id, path: '', status });

const toolCall = (status: number): ToolCall => ({
  label: 'tool call 1.',
  tool: 'add',
  conversation: 'c',
  tries: [{ ...tried(status, 1), id: 't1', steps: [] }],
});

const run: Run = {
  seed: 5,
  minutes: 1,
  shape: [[], ['edge-llm']],
  faults: [{ fault: 'kill', struck: 'kill -9 of mesh 1', atMs: 1, healedAtMs: 2_000, recoveredAtMs: 5_000 }],
  calls: [
    call([tried(200, 1_100)]),
    call([tried(503, 1_500), tried(200, 9_000)]),
    call([tried(0, 2_000), tried(504, 3_000)]),
    call([tried(403, 4_000)], true),
  ],
  beganAt: 1_000,
  endedAt: 10_000,
  records: [
    record('d1', 'RequestDispatched', ofModel),
    record('d1', 'RequestDispatched', ofModel),
    record('d2', 'RequestDispatched', ofModel, 'b'),
    record('d2', 'RequestDispatched', ofModel, 'c'),
    record('d3', 'RequestDispatched', { request: { protocol: 'mcp' } }),
    record('e1', 'ResponseCompleted'),
    record('e2', 'ResponseFailed', { failure: { reason: 'OUTCOME_UNKNOWN' } }),
    record('e3', 'RequestDenied'),
  ],
  accessLog: [logged('d1', 200), logged('d9', 0)],
  tools: {
    calls: [toolCall(200), toolCall(404)],
    sessions: [{ id: 's1', notFound: 1, givenUp: false, missingAt: [] }],
    entries: ['t1', 't1', 't2'].map((call) => ({ time: '', call, tool: 'add', status: 200 })),
    requests: new Map([['t1', ['r1']]]),
  },
  endedUnasked: [{ process: 'mesh 1', at: 1, code: 1, signal: null, said: 'first\nlast words' }],
  violations: [{ invariant: 'nothing dark', contextId: '', requestId: '', message: 'a call has no dispatch' }],
};

test('counts what was made, answered, logged and called', () => {
  expect(reportOf(run)).toMatchObject({
    calls: { made: 4, tries: 6, answersByStatus: { 200: 2, 503: 1, 504: 1, 403: 1, none: 1 } },
    availability: { answered: 2, of: 3, atFirstTry: 1, longestGapMs: 7_900 },
    outcomes: { ResponseCompleted: 1, RequestDenied: 1, 'ResponseFailed OUTCOME_UNKNOWN': 1 },
    events: { records: 8, repeated: 2, repeatedOtherwise: 1 },
    upstream: { calls: 2, byStatus: { 200: 1, none: 1 }, withoutDispatch: 1, dispatches: 2, dispatchedNotCalled: 1 },
    tools: {
      calls: { made: 2, tries: 2, answersByStatus: { 200: 1, 404: 1 }, answered: 1 },
      upstream: { calls: 3, byStatus: { 200: 3 }, withoutRequest: 1, twice: 1 },
      sessions: { opened: 1, notFound: 1, givenUp: 0 },
    },
  });
});

test('without a success the gap is the whole run', () => {
  expect(reportOf({ ...run, calls: [] }).availability).toMatchObject({ share: 0, longestGapMs: 9_000 });
});

test('says it in words, violations with their conversation', () => {
  const text = reportText(reportOf(run));
  for (const part of [
    'Seed 5',
    'all | edge-llm',
    'kill 1; slowest recovery 3.0 s',
    '66.67 % (2 of 3; 1 at the first try), longest time without a success 7.9 s',
    'Ended unasked mesh 1 (1): last words',
    'Violations    1: nothing dark 1',
    'a call has no dispatch (conversation ?',
  ])
    expect(text).toContain(part);
  expect(reportText(reportOf({ ...run, violations: [] }))).toContain('Violations    none');
});
