import { expect, test } from 'vitest';
import { readUpdate } from '../services/runtime/a2a/json.ts';
import { a2aExcerpt, sayUpdate, wordOfState } from './a2a-text.ts';

const said = (update: unknown) => sayUpdate(readUpdate(Buffer.from(JSON.stringify(update))));
const excerptOf = (value: unknown) => a2aExcerpt(Buffer.from(JSON.stringify(value))).replace(/ \(\d+ B\)$/, '');

test('a state is a word', () => {
  expect(['TASK_STATE_INPUT_REQUIRED', 'TASK_STATE_WORKING'].map(wordOfState)).toEqual(['input-required', 'working']);
});

test('an update is a line, whatever it holds', () => {
  const state = 'TASK_STATE_WORKING';
  const parts = [
    { text: 'See' },
    { data: { a: 1 } },
    { raw: 'AAAA', filename: 'm.png' },
    { url: 'https://x.example/y' },
  ];
  expect(
    said({ task: { id: 't', status: { state }, artifacts: [{ artifactId: 'a', parts: [{ text: 'x' }] }] } }),
  ).toEqual({
    word: 'task',
    text: 'working, a: “x”',
  });
  expect(said({ statusUpdate: { status: { state } } })).toEqual({ word: 'task', text: 'working' });
  expect(said({ artifactUpdate: { artifact: { artifactId: 'a', name: 'map', parts }, append: true } })).toEqual({
    word: 'artifact, more',
    text: 'map: “See {"a":1} [m.png, 3 B] [https://x.example/y]”',
  });
  expect(said({ message: { role: 'ROLE_USER', parts: [{ text: `${'é'.repeat(200)}\u001b[2J` }] } })).toEqual({
    word: 'message',
    text: `user: “${'é'.repeat(159)}…”`,
  });
});

test('a message to an agent and its answers have excerpts, and so has what is none', () => {
  const message = { messageId: 'm', role: 'ROLE_USER', parts: [{ text: 'Hello.' }] };
  expect(excerptOf({ message })).toBe('“Hello.”');
  expect(excerptOf({ message: { ...message, taskId: 't1' }, configuration: {} })).toBe('“Hello.”, in task t1');
  expect(excerptOf({ statusUpdate: { status: { state: 'TASK_STATE_FAILED', message } } })).toBe('failed: “Hello.”');
  expect(excerptOf({ message: 'no message' })).toBe('{"message":"no message"}');
  expect(a2aExcerpt(Buffer.from([0xff]))).toBe('1 B of binary data');
});
