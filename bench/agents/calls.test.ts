import { expect, test } from 'vitest';
import { ANSWER } from '../call.ts';
import { a2aCall } from './calls.ts';

const answer = (result: object) => JSON.stringify({ jsonrpc: '2.0', id: 1, result });
const completed = answer({
  task: { status: { state: 'TASK_STATE_COMPLETED', message: { parts: [{ text: ANSWER }] } } },
});

test('a message is answered by a completed task that holds the answer', () => {
  const { fault } = a2aCall({ method: 'SendMessage' }, false);
  expect(fault(200, completed)).toBeUndefined();
  expect(fault(200, completed.replace('COMPLETED', 'FAILED'))).toContain('200');
  expect(fault(200, completed.replace(ANSWER, ''))).toContain('200');
  expect(fault(503, completed)).toContain('503');
});

test('a page holds as many tasks as were asked for', () => {
  const { fault } = a2aCall({ method: 'ListTasks', params: {}, tasks: 2 }, false);
  expect(fault(200, answer({ tasks: [{}, {}] }))).toBeUndefined();
  expect(fault(200, answer({ tasks: [{}] }))).toContain('200');
  expect(fault(200, '{"error":{"code":-32603}}')).toContain('-32603');
});

test('each message is another one, and tasks are asked for in turn', () => {
  const send = a2aCall({ method: 'SendMessage' }, true);
  const [first, second] = [0, 1].map((n) => JSON.parse(send.body(n)));
  expect(first.method).toBe('SendStreamingMessage');
  expect(first.params.message.messageId).not.toBe(second.params.message.messageId);
  const get = a2aCall({ method: 'GetTask', ids: ['a', 'b'] }, false);
  expect([0, 1, 2].map((n) => JSON.parse(get.body(n)).params.id)).toEqual(['a', 'b', 'a']);
});
