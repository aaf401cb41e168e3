import { expect, test } from 'vitest';
import type { TopicName } from '../../topics/index.ts';
import { happened } from '../runtime/given.ts';
import { causeIdOf, decide } from './hearing.ts';

const outbox = (agent: string) => ({ topic: `agents.${agent}.outbox` as TopicName, key: 'c1', id: 'e1' });
const update = Buffer.from('{"statusUpdate":{}}');

test('what an agent says of a task is reported under the name of its topic', () => {
  const reported = happened('AgentReported', { agent: 'planner', taskId: 't1', update }, outbox('planner'));
  expect(decide(reported)).toEqual([
    {
      type: 'TaskReported',
      data: { taskId: 't1', agent: 'planner', update, turn: null, parentTaskId: '', remote: null, announced: true },
    },
  ]);
});

test('an agent that speaks as another is not heard', () => {
  const forged = happened('AgentReported', { agent: 'writer', taskId: 't1', update }, outbox('planner'));
  expect(() => decide(forged)).toThrow('planner speaks as writer');
});

test('two agents that choose the same id say two things', () => {
  const said = (agent: string) => happened('AgentReported', { agent, taskId: 't1', update }, outbox(agent));
  expect(causeIdOf(said('planner'))).not.toBe(causeIdOf(said('writer')));
  expect(causeIdOf(said('planner'))).toBe(causeIdOf(said('planner')));
});

test('a call and a sleep are reported as they are asked for', () => {
  const called = {
    taskId: 't1',
    callId: 'c3',
    action: 'model.chat',
    resource: { type: 'model', id: 'small' },
    protocol: 'openai.chat',
    deadline: 9,
    repeatable: true,
    message: Buffer.from('{}'),
  };
  expect(decide(happened('AgentCalled', { agent: 'planner', ...called }, outbox('planner')))).toEqual([
    { type: 'CallReported', data: { agent: 'planner', ...called, streaming: false } },
  ]);
  const slept = { agent: 'planner', taskId: 't1', timerId: 't4', at: 7 };
  expect(decide(happened('AgentSlept', slept, outbox('planner')))).toEqual([{ type: 'SleepReported', data: slept }]);
});

const card = (changes: object = {}) =>
  Buffer.from(JSON.stringify({ name: 'Planner', description: 'plans', version: '1', skills: [], ...changes }));

test('a card is published, and again only if it says something else', () => {
  const announced = (bytes: Buffer) =>
    decide(happened('AgentAnnounced', { agent: 'planner', card: bytes }, outbox('planner')));
  const [first] = announced(card());
  expect(first).toMatchObject({ type: 'AgentCardPublished', key: 'planner', data: { signature: 'UNSIGNED' } });
  expect(announced(card())[0]?.index).toBe(first?.index);
  expect(announced(card({ version: '2' }))[0]?.index).not.toBe(first?.index);
});

test.each([
  ['no JSON', Buffer.from('{'), 'the card is not a JSON object'],
  ['a list', Buffer.from('[]'), 'the card has no name'],
  ['no version', card({ version: undefined }), 'the card has no version'],
  ['no skills', card({ skills: 'many' }), 'the card has no skills'],
  ['a book', Buffer.alloc(300_000, 32), 'the card has 300000 bytes, more than 262144'],
])('a card that is %s is refused', (_, bytes, reason) => {
  const announced = happened('AgentAnnounced', { agent: 'planner', card: bytes }, outbox('planner'));
  expect(decide(announced)).toMatchObject([{ type: 'AgentCardRefused', key: 'planner refused', data: { reason } }]);
});
