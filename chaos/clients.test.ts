import { expect, test } from 'vitest';
import { clientViolations, LAST_WORDS } from './clients.ts';
import { type Call, readAnswer, type Try } from './load.ts';

const tried = (text: string, more: Partial<Try> = {}): Try => ({
  at: 1,
  endedAt: 2,
  status: 200,
  requestId: 'r1',
  whole: true,
  text,
  ...more,
});
const call = (tries: Try[], more: Partial<Call> = {}): Call => ({
  label: 'call 1.',
  conversation: 'c',
  streaming: false,
  repeatable: true,
  forbidden: false,
  idempotencyKey: undefined,
  tries,
  ...more,
});
const messages = (one: Call) => clientViolations([one]).map(({ message }) => message);

test('nothing is wrong with an answer of its own, a failure, and a refusal that was due', () => {
  expect(messages(call([tried('', { status: 503 }), tried('answer 4 to call 1.')]))).toEqual([]);
  expect(messages(call([tried('no', { status: 403 })], { forbidden: true }))).toEqual([]);
  expect(messages(call([tried(`answer 4 to call 1.${LAST_WORDS}`)], { streaming: true }))).toEqual([]);
});

test("another call's answer is found, also where its number begins alike", () => {
  expect(messages(call([tried('answer 4 to call 11.')]))).toEqual([expect.stringContaining("another's answer")]);
});

test('a stream that lacks a part is found', () => {
  expect(messages(call([tried('answer 4 to call 1. and')], { streaming: true }))).toEqual([
    expect.stringContaining('lacks a part'),
  ]);
});

test('a call that policy must deny and that was answered is found', () => {
  expect(messages(call([tried('answer 4 to call 1.')], { forbidden: true }))).toEqual([
    expect.stringContaining('was to be denied'),
  ]);
});

test('two answers are found where one key was given for both', () => {
  const both = [tried('answer 4 to call 1.'), tried('answer 5 to call 1.')];
  expect(messages(call(both, { idempotencyKey: 'k' }))).toEqual([expect.stringContaining('two answers')]);
  expect(messages(call([both[0]!, both[0]!], { idempotencyKey: 'k' }))).toEqual([]);
  expect(messages(call(both))).toEqual([]);
});

const event = (content: string) => `data: {"choices":[{"delta":{"content":"${content}"}}]}\n\n`;

test.each([
  ['a whole answer', '{"choices":[{"message":{"content":"yes"}}]}', false, { whole: true, text: 'yes' }],
  ['an error', '{"error":{"message":"no"}}', false, { whole: true, text: 'no' }],
  ['a cut answer', '{"choices":[{"mess', false, { whole: false, text: 'not readable' }],
  ['a stream', `${event('a')}${event('b')}data: [DONE]\n\n`, true, { whole: true, text: 'ab' }],
  ['a stream without its end', event('a'), true, { whole: false, text: 'a' }],
  [
    'a stream that ends in an error',
    `${event('a')}data: {"error":{"message":"no"}}\n\ndata: [DONE]\n\n`,
    true,
    { whole: false, text: 'no' },
  ],
])('reads %s', (_, body, streaming, read) => expect(readAnswer(body, streaming)).toEqual(read));
