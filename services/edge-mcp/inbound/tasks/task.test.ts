import { expect, test } from 'vitest';
import { type McpChunk, withdrawal, writeChunk, writeOutcome } from '../../../runtime/mcp/message.ts';
import type { HeardEvent } from '../events.ts';
import { McpProblem } from '../problems.ts';
import { detailedTaskOf, evolve, GRACE_MS, newTask, TTL_MS } from './task.ts';

const ref = {
  request: 'r',
  contextId: 'c',
  tenant: 'acme',
  agent: 'a',
  endpoint: 'files',
  tool: 'read',
  begun: 1_000,
  deadline: 60_000,
};
const event = (type: HeardEvent['type'], data: object, time = 2_000) => ({ type, data, time }) as unknown as HeardEvent;
const chunk = (index: number, said: McpChunk, attempt = 1) =>
  event('ResponseChunk', { index, attempt, payload: writeChunk(said) }, 2_000 + index);
const question = (id: string) => ({ id, method: 'elicitation/create', params: { message: id } });
const answered = (inputId: string) => event('InputProvided', { inputId, payload: Buffer.from('{}') });
const completed = (message: object) => event('ResponseCompleted', { message: writeOutcome(message as never) }, 3_000);
const failedBy = (reason: string) =>
  event('ResponseFailed', { failure: { reason, message: 'No.', retryAfterMs: null } });
const denied = event('RequestDenied', { reason: 'POLICY' });

const shown = (events: HeardEvent[], now = 5_000) =>
  detailedTaskOf(
    't',
    ref,
    events.reduce((state, one) => evolve(state, one, () => new McpProblem(403, 'Denied.')), newTask(ref)),
    now,
  );

test('a task that works says when it began and what it is at', () => {
  const progress = { method: 'notifications/progress', params: { progress: 1, message: 'half' } };
  expect(shown([chunk(0, progress)])).toEqual({
    taskId: 't',
    status: 'working',
    statusMessage: 'half',
    createdAt: '1970-01-01T00:00:01.000Z',
    lastUpdatedAt: '1970-01-01T00:00:02.000Z',
    ttlMs: TTL_MS,
    pollIntervalMs: 1_000,
  });
  expect([1_000, 50_000].map((now) => shown([], now).pollIntervalMs)).toEqual([500, 5_000]);
  expect(TTL_MS).toBe(30 * 24 * 60 * 60 * 1_000);
});

test.each([
  ['a question', [chunk(0, question('1-1'))], ['1-1']],
  ['two of which one is answered', [chunk(0, question('1-1')), chunk(1, question('1-2')), answered('1-1')], ['1-2']],
  [
    'one whose answer is heard of first',
    [answered('1-1'), chunk(0, question('1-1')), chunk(1, question('1-2'))],
    ['1-2'],
  ],
  ['one that comes again', [chunk(0, question('1-1')), answered('1-1'), chunk(0, question('1-1'))], undefined],
  ['one that its server withdrew', [chunk(0, question('1-1')), chunk(1, withdrawal('1-1', 'late'))], undefined],
  [
    'one that is read back once it was withdrawn',
    [chunk(1, withdrawal('1-1', '')), chunk(0, question('1-1'))],
    undefined,
  ],
  ['one of an earlier attempt', [chunk(0, question('1-1')), chunk(0, question('2-1'), 2)], ['2-1']],
])('of questions those that wait are shown: %s', (_, events, ids) => {
  const { status, inputRequests } = shown(events);
  expect(status).toBe(ids ? 'input_required' : 'working');
  expect(inputRequests && Object.keys(inputRequests)).toEqual(ids);
});

test.each([
  ['a result', completed({ result: { isError: true } }), { status: 'completed', result: { isError: true } }],
  [
    "the server's error",
    completed({ error: { code: -1, message: 'E', data: 1 } }),
    { status: 'failed', statusMessage: 'E', error: { code: -1, message: 'E', data: 1 } },
  ],
  ['a failure', failedBy('BAD_RESPONSE'), { status: 'failed', error: { code: 502, data: { reason: 'BAD_RESPONSE' } } }],
  ['a cancellation', failedBy('CANCELLED'), { status: 'cancelled' }],
  ['a denial', denied, { status: 'failed', error: { code: 403, message: 'Denied.' } }],
])('it ends once: with %s', (_, end, expected) => {
  const task = shown([chunk(0, question('1-1')), end]);
  expect(task).toMatchObject(expected);
  expect(task).not.toHaveProperty('inputRequests');
  expect(shown([chunk(0, question('1-1')), end, completed({ result: { late: 1 } }), answered('1-1')])).toEqual(task);
});

test('of which nothing came it has failed, a while after its deadline', () => {
  expect(shown([], ref.deadline + GRACE_MS).status).toBe('working');
  expect(shown([], ref.deadline + GRACE_MS + 1)).toMatchObject({ status: 'failed', error: { code: 504 } });
});
