import { expect, test } from 'vitest';
import type { Failure } from '../../schemas/generated.ts';
import { happened } from '../../services/runtime/given.ts';
import type { AnyRecorded } from '../../services/runtime/log.ts';
import type { AccessCall } from './access-log.ts';
import { type Dispatched, Dispatches } from './dispatches.ts';
import { isClean, reconcile, spanOf } from './reconcile.ts';
import { reconciliationText } from './report.ts';

const SECOND = 1_000;
const period = { since: 100 * SECOND, until: 200 * SECOND };

const dispatched = (id: string, more: Partial<Dispatched> = {}): Dispatched => ({
  id,
  contextId: `acme:${id}`,
  requestId: `request-${id}`,
  target: 'openai/small',
  connection: 'openai',
  attempt: 1,
  repeatable: true,
  at: 150 * SECOND,
  endedAt: 151 * SECOND,
  fate: 'answered',
  end: 'COMPLETED',
  responseId: '',
  ...more,
});
const called = (line: number, id: string, more: Partial<AccessCall> = {}): AccessCall => ({
  line,
  id,
  responseId: '',
  at: 150 * SECOND,
  ...more,
});
const compare = (calls: AccessCall[], dispatches: Dispatched[], concerns = (_: Dispatched) => true) =>
  reconcile(calls, dispatches, { period, clocksApartMs: 2 * SECOND, concerns });

test('every call with its dispatch and every dispatch with its call is clean', () => {
  const found = compare([called(1, 'a'), called(2, 'b')], [dispatched('a'), dispatched('b')]);
  expect(found).toMatchObject({ calls: 2, known: 2, coverage: 100, dark: [], missing: [], repeated: [] });
  expect(isClean(found)).toBe(true);
});

test('a call without a dispatch is dark, and says why', () => {
  const elsewhere = dispatched('c', { target: 'other/small', connection: 'other' });
  const calls = [called(1, 'a'), called(2, ''), called(3, 'made-up'), called(4, 'c')];
  const found = compare(calls, [dispatched('a'), elsewhere], ({ connection }) => connection === 'openai');
  expect(found.dark.map(({ line, why }) => [line, why])).toEqual([
    [2, 'came without x-client-request-id'],
    [3, 'no dispatch has this id'],
    [4, 'was dispatched to other/small'],
  ]);
  expect(found).toMatchObject({ coverage: 25, missing: [], connections: ['openai'] });
  expect(isClean(found)).toBe(false);
});

test('coverage is never rounded up to all', () => {
  const calls = Array.from({ length: 30_000 }, (_, i) => called(i + 1, i === 7 ? '' : 'a'));
  expect(compare(calls, [dispatched('a')]).coverage).toBe(99.99);
  expect(compare([], []).coverage).toBeNull();
});

test('an answered dispatch without a call is missing; others are explained by how they ended', () => {
  const found = compare(
    [called(1, 'a')],
    [
      dispatched('a'),
      dispatched('b'),
      dispatched('c', { fate: 'unmade', end: 'CONNECT_FAILED' }),
      dispatched('d', { fate: 'unsure', end: 'CANCELLED' }),
      dispatched('e', { fate: 'unsure', end: 'CANCELLED' }),
      dispatched('f', { fate: 'open', end: 'BEGUN', endedAt: Number.NaN }),
    ],
  );
  expect(found.missing.map(({ id }) => id)).toEqual(['b']);
  expect(found.explained).toEqual({ CONNECT_FAILED: 1, CANCELLED: 2, BEGUN: 1 });
  expect(isClean(found)).toBe(false);
});

test('nothing is said of what lies outside of the period, or so near to its edge that a clock may be the reason', () => {
  const { since, until } = period;
  const found = compare(
    [called(1, 'x', { at: since - 1 }), called(2, 'y', { at: until + 1 }), called(3, 'early')],
    [
      dispatched('early', { at: since - 60 * SECOND }),
      dispatched('before', { at: since - 9 * SECOND, endedAt: since - 8 * SECOND }),
      dispatched('over since', { at: since - SECOND, endedAt: since + 9 * SECOND }),
      dispatched('near until', { at: until - 9 * SECOND, endedAt: until - SECOND }),
      dispatched('after', { at: until + 9 * SECOND, endedAt: until + 10 * SECOND }),
    ],
  );
  expect(found).toMatchObject({ calls: 1, known: 1, dark: [], missing: [], atTheEdge: 2 });
});

test('a call just outside of the period still is the call of its dispatch, and one without a time counts', () => {
  const found = compare(
    [called(1, 'a', { at: period.until + 1 }), called(2, '', { at: Number.NaN })],
    [dispatched('a', { endedAt: period.until - 3 * SECOND })],
  );
  expect(found).toMatchObject({ calls: 1, missing: [], dark: [{ line: 2 }] });
});

test('without the id of its dispatch a call is found by that of its answer, each dispatch once', () => {
  const answer = { responseId: 'chatcmpl-1' };
  const found = compare(
    [called(1, '', answer), called(2, 'a', answer), called(3, '', answer)],
    [dispatched('a', answer), dispatched('b', answer)],
  );
  expect(found).toMatchObject({ known: 2, knownByAnswer: 1, dark: [{ line: 3 }], missing: [] });
});

test('several calls of one dispatch are listed; amiss only where it is not safe to repeat', () => {
  const twice = [called(1, 'a'), called(5, 'a')];
  const found = compare(twice, [dispatched('a')]);
  expect(found).toMatchObject({ known: 2, coverage: 100, repeated: [{ lines: [1, 5] }] });
  expect(isClean(found)).toBe(true);
  expect(isClean(compare(twice, [dispatched('a', { repeatable: false })]))).toBe(false);
});

test('the span of an access log is that of the calls that say when they were', () => {
  expect(spanOf([called(1, '', { at: 5 }), called(2, '', { at: Number.NaN }), called(3, '', { at: 3 })])).toEqual({
    since: 3,
    until: 5,
  });
  expect(spanOf([called(1, '', { at: Number.NaN })])).toBeUndefined();
});

const failure = (reason: Failure['reason'], status: number | null = null): Failure => ({
  reason,
  message: '',
  status,
  retryAfterMs: null,
  headers: {},
  body: null,
});
const dispatch = happened(
  'RequestDispatched',
  {
    request: { repeatable: false },
    target: { id: 'openai/small', connection: 'openai', name: 'small' },
    attempt: 2,
  } as never,
  { id: 'a', key: 'acme:1', correlationId: 'r', time: 7 },
);
const after = { causationId: 'a', time: 9 };
const attemptFailed = (of: Failure, retryable = true) =>
  happened('AttemptFailed', { failure: of, retryable } as never, after);
const responseFailed = (of: Failure, chunks = 0) => happened('ResponseFailed', { failure: of, chunks } as never, after);
const folded = (events: AnyRecorded[], withResponseIds = true) => {
  const dispatches = new Dispatches(withResponseIds);
  for (const event of events) dispatches.add(event as never);
  return dispatches.all();
};

test('a dispatch is put together with its end in whatever order they come', () => {
  const completed = happened('ResponseCompleted', { message: Buffer.from('{"id":"chatcmpl-1"}') } as never, after);
  const whole = {
    id: 'a',
    contextId: 'acme:1',
    requestId: 'r',
    target: 'openai/small',
    connection: 'openai',
    attempt: 2,
    repeatable: false,
    at: 7,
    endedAt: 9,
    fate: 'answered',
    end: 'COMPLETED',
    responseId: 'chatcmpl-1',
  };
  expect(folded([dispatch, completed])).toEqual([whole]);
  expect(folded([completed, dispatch, dispatch])).toEqual([whole]);
  expect(folded([dispatch, completed], false)).toEqual([{ ...whole, responseId: '' }]);
  expect(folded([completed])).toEqual([]);
});

test.each([
  ['no end', [], 'open', 'DISPATCHED'],
  ['begun and no end', [happened('AttemptBegun', {} as never, after)], 'open', 'BEGUN'],
  ['a status of the upstream', [attemptFailed(failure('MISCONFIGURED', 401))], 'answered', 'MISCONFIGURED'],
  ['no credential', [attemptFailed(failure('MISCONFIGURED'))], 'unmade', 'MISCONFIGURED'],
  ['no connection', [attemptFailed(failure('CONNECT_FAILED'))], 'unmade', 'CONNECT_FAILED'],
  ['no answer', [attemptFailed(failure('FIRST_BYTE_TIMEOUT'))], 'unsure', 'FIRST_BYTE_TIMEOUT'],
  ['an answer that broke off', [attemptFailed(failure('IDLE_TIMEOUT'))], 'answered', 'IDLE_TIMEOUT'],
  ['a refusal', [responseFailed(failure('REQUEST_REFUSED', 400))], 'answered', 'REQUEST_REFUSED'],
  ['what the mesh could not translate', [attemptFailed(failure('REQUEST_REFUSED', 400))], 'unmade', 'REQUEST_REFUSED'],
  ['cancelled', [responseFailed(failure('CANCELLED'))], 'unsure', 'CANCELLED'],
  [
    'cancelled while it streamed',
    [responseFailed(failure('CANCELLED'), 3), attemptFailed(failure('CANCELLED'), false)],
    'answered',
    'CANCELLED',
  ],
  ['unknown', [responseFailed(failure('OUTCOME_UNKNOWN'))], 'unsure', 'OUTCOME_UNKNOWN'],
] as [string, AnyRecorded[], string, string][])('what became of a dispatch with %s', (_, ends, fate, end) => {
  expect(folded([dispatch, ...ends])).toMatchObject([{ fate, end }]);
  expect(folded([...ends, dispatch].reverse())).toMatchObject([{ fate, end }]);
});

test('a dispatch or an answer that cannot be read is one all the same', () => {
  const broken = (type: 'RequestDispatched' | 'ResponseCompleted', attributes: object) =>
    Object.defineProperty(happened(type, {} as never, attributes), 'data', {
      get: () => {
        throw new Error('undecodable');
      },
    });
  const dispatches = new Dispatches(true);
  expect(() => dispatches.add(broken('RequestDispatched', { id: 'a' }) as never)).toThrow('undecodable');
  dispatches.add(broken('ResponseCompleted', after) as never);
  expect(dispatches.all()).toMatchObject([{ id: 'a', target: '', fate: 'answered' }]);
});

test('the report names what is amiss and what is not', () => {
  process.env.TZ = 'UTC';
  const found = compare(
    [called(1, 'a'), called(2, '\u001b[2Jgone'), called(3, 'a')],
    [
      dispatched('a'),
      dispatched('b', { connection: 'spare', target: 'spare/small' }),
      dispatched('c', { fate: 'unsure', end: 'CANCELLED' }),
    ],
  );
  const text = reconciliationText(found, { count: 7, first: [4, 5, 6, 7, 8] }, 1).join('\n');
  expect(text).toContain('Coverage 66.66 %: 2 of 3 calls of the access log are in the log of the mesh');
  expect(text).toMatch(
    /DARK: 1 call without events\n.*\n +2 +1970-01-01 00:02:30\.000 +\[2Jgone +no dispatch has this id/,
  );
  expect(text).toMatch(/MISSING: 1 event without a call.*\n.*\n +b .*spare\/small +COMPLETED +acme:b/);
  expect(text).toContain(
    'No call of this access log is of spare: if it is not theirs, say whose it is with --connection.',
  );
  expect(text).toMatch(/REPEATED: 1 dispatch with more than one call\n.*\n +a +openai\/small +1 3 +safe to repeat/);
  expect(text).toContain('1 dispatch not called, or not for sure: 1 CANCELLED.');
  expect(text).toContain('7 lines could not be read and are not counted: 4, 5, 6, 7, 8, ….');
  expect(text).toContain('1 event of the mesh could not be read.');
  expect(text).not.toContain('\u001b');
});
