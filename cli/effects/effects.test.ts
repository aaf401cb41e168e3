import { afterEach, beforeEach, expect, test } from 'vitest';
import type { FailureReason } from '../../schemas/generated.ts';
import { newId } from '../../services/runtime/event.ts';
import type { Event } from '../../services/runtime/log.ts';
import { createMemoryLog, type MemoryLog } from '../../services/runtime/memory-log.ts';
import { redaction } from '../../services/runtime/redaction.ts';
import type { EventData, EventType } from '../../topics/index.ts';
import { effectOfId, readEffects, withRequests } from './known.ts';
import { attribution, toolRequest } from './requests-for-tests.ts';
import { settlementOf } from './settle.ts';
import { effectJson, effectText } from './text.ts';

process.env.TZ = 'UTC';
const BEGUN = Date.parse('2026-11-21T15:06:33.120Z');
const target = { id: 'mcp/crm', connection: 'mcp:crm', name: 'crm' };

let log: MemoryLog;
beforeEach(async () => {
  log = await createMemoryLog();
});
afterEach(() => log.close());

const event = <T extends EventType>(type: T, id: string, data: EventData[T], after = 0): Event<T> => ({
  id: newId(),
  type,
  source: 'edge-mcp',
  key: `acme:of-${id}`,
  time: BEGUN + after,
  correlationId: id,
  causationId: '',
  traceparent: '',
  data,
});

const asked = (id: string, given: Record<string, unknown> = {}) =>
  event('RequestReceived', id, { request: toolRequest('pay', given, { id, contextId: `acme:of-${id}` }) });
const begun = (id: string) => event('AttemptBegun', id, { target, attempt: 1 });
const failureOf = (reason: FailureReason) => ({
  reason,
  message: 'The mesh was interrupted.',
  status: null,
  retryAfterMs: null,
  headers: {},
  body: null,
});
const failed = (id: string, reason: FailureReason) =>
  event(
    'ResponseFailed',
    id,
    { ...attribution('pay'), target, attempt: 1, failure: failureOf(reason), chunks: 0, meters: {}, estimated: false },
    1_500,
  );
const completed = (id: string) =>
  event('ResponseCompleted', id, {
    ...attribution('pay'),
    target,
    attempt: 1,
    status: 200,
    headers: {},
    message: Buffer.from('{"result":{}}'),
    chunks: 0,
    meters: {},
    estimated: false,
    startedAt: BEGUN,
    firstByteAt: BEGUN,
  });

const open = async () => (await readEffects(log)).filter(({ settled }) => !settled).map(({ requestId }) => requestId);

test.each(['OUTCOME_UNKNOWN', 'CONNECTION_LOST', 'FIRST_BYTE_TIMEOUT', 'UPSTREAM_ERROR', 'CANCELLED'] as const)(
  'a call that was begun and ended in %s may have taken effect',
  async (reason) => {
    await log.append([asked('r1'), begun('r1'), failed('r1', reason)]);
    expect(await open()).toEqual(['r1']);
  },
);

test.each(['CONNECT_FAILED', 'RATE_LIMITED', 'REQUEST_REFUSED'] as const)(
  'a call that ended in %s did not',
  async (reason) => {
    await log.append([asked('r1'), begun('r1'), failed('r1', reason)]);
    expect(await open()).toEqual([]);
  },
);

test('nor is one to be settled that was answered, was not begun, may be repeated, or is under way', async () => {
  const answered = completed('r1');
  await log.append([
    begun('r1'),
    answered,
    // An instance that lost its partition said this after the one that has it now.
    { ...failed('r1', 'OUTCOME_UNKNOWN'), id: answered.id },
    failed('r2', 'OUTCOME_UNKNOWN'),
    begun('r3'),
  ]);
  expect(await open()).toEqual([]);
});

test('of a call that no target was left for, the last attempt counts', async () => {
  const unroutable = (id: string, reason: FailureReason) =>
    event('RequestUnroutable', id, {
      ...attribution('pay'),
      reason: 'ATTEMPTS_EXHAUSTED',
      attempts: 1,
      failure: failureOf(reason),
      configurationVersion: 'v1',
    });
  await log.append([begun('r1'), unroutable('r1', 'CONNECTION_LOST'), begun('r2'), unroutable('r2', 'CONNECT_FAILED')]);
  expect(await open()).toEqual(['r1']);
});

test('is told with who asked what of whom, when, and why it is not known; secrets are not', async () => {
  await log.append([asked('r1', { amount: 3, token: 'hunter2' }), begun('r1'), failed('r1', 'OUTCOME_UNKNOWN')]);
  const [effect] = await withRequests(log, await readEffects(log));
  expect(effectText(effect!, redaction)).toEqual([
    'r1  tool.call crm/pay',
    '  asked by   bot for lead@acme.example (support, acme; key-1)',
    '  in         acme:of-r1',
    '  begun      2026-11-21 15:06:33.120 at mcp/crm, given up after 1.50 s',
    '  why        OUTCOME_UNKNOWN: The mesh was interrupted.',
    '  asked      {"amount":3,"token":"[redacted]"}',
  ]);
  const shown = effectJson(effect!, redaction) as { message: string };
  expect(shown).toMatchObject({
    requestId: 'r1',
    target: 'mcp/crm',
    begunAt: '2026-11-21T15:06:33.120Z',
    settled: null,
  });
  expect(JSON.parse(shown.message).params.arguments).toEqual({ amount: 3, token: '[redacted]' });
});

test('one whose request is kept no longer is told of all the same', async () => {
  await log.append([begun('r1'), failed('r1', 'OUTCOME_UNKNOWN')]);
  const [effect] = await withRequests(log, await readEffects(log));
  expect(effectText(effect!, redaction).at(-1)).toBe('  asked      no longer in the log');
});

test('one that is settled waits no more, and the last word counts', async () => {
  await log.append([asked('r1'), begun('r1'), failed('r1', 'OUTCOME_UNKNOWN')]);
  const settle = async (happened: boolean, note: string, after: number) => {
    const effect = effectOfId(await readEffects(log), 'r1');
    await log.append([settlementOf(effect, { happened, not: !happened, by: 'lead', note }, BEGUN + after)]);
  };
  await settle(false, 'no invoice', 2_000);
  await settle(true, 'invoice 17, with token=abc', 3_000);
  expect(await open()).toEqual([]);
  const [effect] = await readEffects(log);
  expect(effectText(effect!, redaction).at(-1)).toBe(
    '  settled    it happened, says lead: invoice 17, with token=[redacted], 2026-11-21 15:06:36.120',
  );
});

test('a settlement says what, by whom and how', () => {
  const effect = { requestId: 'r1', contextId: 'acme:c1', endId: 'e1' };
  const right = { happened: true, by: 'lead', note: 'seen' };
  expect(settlementOf(effect, right, BEGUN)).toMatchObject({
    key: 'acme:c1/r1',
    correlationId: 'r1',
    causationId: 'e1',
    data: { requestId: 'r1', happened: true, by: 'lead', note: 'seen' },
  });
  const settle = (more: object) => () => settlementOf(effect, { ...right, ...more }, BEGUN);
  expect(settle({ happened: undefined })).toThrow('--happened or --not, one of them');
  expect(settle({ not: true })).toThrow('--happened or --not, one of them');
  expect(settle({ by: ' ' })).toThrow('--by');
  expect(settle({ note: '' })).toThrow('--note');
});

test('a call is found by the end of its id, where no other has it', async () => {
  await log.append([begun('a-1'), failed('a-1', 'OUTCOME_UNKNOWN'), begun('b-1'), failed('b-1', 'OUTCOME_UNKNOWN')]);
  const effects = await readEffects(log);
  expect(effectOfId(effects, 'b-1').requestId).toBe('b-1');
  expect(() => effectOfId(effects, '-1')).toThrow('2 calls have an id that ends in -1');
  expect(() => effectOfId(effects, 'c-1')).toThrow('parley effects list');
});
