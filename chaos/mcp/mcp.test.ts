import { expect, test } from 'vitest';
import type { LoggedRecord } from '../../invariants/index.ts';
import type { Try } from '../load.ts';
import { parseToolLog, requestsByCall, STEPS, type ToolEntry, toolCalls } from './access-log.ts';
import { readToolAnswer, type ToolTry } from './client.ts';
import type { SessionSeen, ToolCall } from './load.ts';
import { toolViolations } from './violations.ts';

const time = '2026-01-02T03:04:05.678Z';
const entry = (call: string, more: Partial<ToolEntry> = {}): ToolEntry => ({
  time,
  call,
  tool: 'add',
  status: 200,
  ...more,
});
const received = (id: string, call: string, action = 'tool.call') =>
  ({
    type: 'RequestReceived',
    correlationId: id,
    data: { request: { action, arguments: { call } } },
  }) as unknown as LoggedRecord;

test('a call that reached the server is of the request that says the same, and of none where none does', () => {
  const requests = requestsByCall([received('r1', 'a'), received('r1', 'a'), received('r2', 'b', 'model.chat')]);
  expect(requests).toEqual(new Map([['a', ['r1']]]));
  expect(toolCalls([entry('a'), entry('b', { status: 429 })], requests)).toEqual([
    { dispatchId: '', requestId: 'r1', at: Date.parse(time), refused: false },
    { dispatchId: '', requestId: '', at: Date.parse(time), refused: true },
  ]);
});

test('an access log of tools is read line by line', () => {
  expect(parseToolLog(`${JSON.stringify(entry('a'))}\n`)).toEqual([entry('a')]);
  expect(() => parseToolLog(`${JSON.stringify(entry('a'))}\n{"time":"${time}"}\n`)).toThrow('line 2');
});

const answer = (more: object) => JSON.stringify({ jsonrpc: '2.0', id: 1, ...more });
const good = answer({ result: { content: [{ type: 'text', text: 'yes' }] } });
const step = (n: number) =>
  JSON.stringify({ method: 'notifications/progress', params: { progress: n, message: `step ${n}` } });
const pulse = JSON.stringify({ method: 'notifications/progress', params: { progress: 1.5 } });

test.each([
  ['an answer', 200, good, false, { status: 200, whole: true, text: 'yes', steps: [] }],
  [
    'a stream with progress, of which the mesh’s own is none of the tool',
    200,
    `data: ${step(1)}\n\ndata: ${pulse}\n\ndata: ${step(2)}\n\ndata: ${good}\n\n`,
    true,
    { status: 200, whole: true, text: 'yes', steps: [1, 2] },
  ],
  ['a stream without its end', 200, `data: ${step(1)}\n\n`, true, { status: 200, whole: false, steps: [1] }],
  ['an error of the mesh', 200, answer({ error: { code: 502, message: 'no' } }), false, { status: 502, text: 'no' }],
  ['an error of JSON-RPC', 200, answer({ error: { code: -32602, message: 'no' } }), false, { status: 400 }],
  ['a refusal', 404, answer({ error: { code: 404, message: 'no' } }), false, { status: 404, whole: true }],
  ['a cut answer', 200, good.slice(0, 20), false, { status: 200, whole: false, text: 'not readable' }],
])('reads %s', (_, status, body, streamed, read) => expect(readToolAnswer(status, body, streamed)).toMatchObject(read));

const tried = (more: Partial<ToolTry> = {}): ToolTry => ({
  ...({
    at: 1,
    endedAt: 2,
    status: 200,
    requestId: 'r1',
    whole: true,
    text: 'answer 4 to tool call 1.0.',
  } satisfies Try),
  id: 'tool call 1.0.',
  steps: [],
  ...more,
});
const call = (one: ToolTry, tool: ToolCall['tool'] = 'add'): ToolCall => ({
  label: 'tool call 1.',
  tool,
  conversation: 'c',
  tries: [one],
});
const session = (more: Partial<SessionSeen> = {}): SessionSeen => ({
  id: 's',
  notFound: 0,
  givenUp: false,
  missingAt: [],
  ...more,
});
const steps = Array.from({ length: STEPS }, (_, i) => i + 1);
const found = (calls: ToolCall[], sessions: SessionSeen[] = [], requests: [string, string[]][] = []) =>
  toolViolations(calls, sessions, new Map(requests)).map(({ message }) => message);

test('nothing is wrong with an answer of its own, a failure, progress in order, and a session that a retry found', () => {
  const calls = [call(tried()), call(tried({ status: 502, text: 'no' })), call(tried({ steps }), 'add_slowly')];
  expect(found(calls, [session({ notFound: 2 })], [['a', ['r1']]])).toEqual([]);
});

test.each([
  ["another's answer", [call(tried({ text: 'answer 4 to tool call 11.0.' }))], [], []],
  ['was told 1 times of its progress', [call(tried({ steps: [1] }), 'add_slowly')], [], []],
  ['out of order: 2,1', [call(tried({ status: 502, steps: [2, 1] }))], [], []],
  ['was not found, however often tried', [], [session({ givenUp: true })], []],
  ['is not known to http://a', [], [session({ missingAt: ['http://a'] })], []],
  ['became 2 requests', [], [], [['a', ['r1', 'r2']]]],
] satisfies [string, ToolCall[], SessionSeen[], [string, string[]][]][])(
  'finds: %s',
  (message, calls, sessions, requests) =>
    expect(found(calls, sessions, requests)).toEqual([expect.stringContaining(message)]),
);
