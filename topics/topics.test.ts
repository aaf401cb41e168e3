import { expect, test } from 'vitest';
import {
  agentOf,
  agentTopics,
  type EventData,
  fileOf,
  meshTopics,
  orderingKey,
  type TopicName,
  topicOfEvent,
} from './index.ts';

test('an event of an agent is written on the topic of the agent that it names', () => {
  const delivered = { agent: 'scout', taskId: 't', reason: 'CLIENT_GONE' } satisfies EventData['CancelDelivered'];
  expect(topicOfEvent('CancelDelivered', delivered)).toBe('agents.scout.inbox');
  expect(topicOfEvent('AgentAnnounced', { agent: 'scout', card: Buffer.from('{}') })).toBe('agents.scout.outbox');
  expect(topicOfEvent('CancelRequested', { reason: 'CLIENT_GONE' })).toBe('mesh.cancellations');
});

test.each(['', '{agent}', 'a.b', 'a/b', '../x', `a${'b'.repeat(64)}`])('no agent on the log is named %j', (agent) => {
  expect(() => agentTopics(agent)).toThrow('is named with');
  expect(() => topicOfEvent('AgentAnnounced', { agent, card: Buffer.from('{}') })).toThrow();
});

test('the file of an agent’s topic is its template', () => {
  const { inbox, outbox } = agentTopics('Scout_2-b');
  expect([fileOf(inbox).name, fileOf(outbox).name]).toEqual(['agents.{agent}.inbox', 'agents.{agent}.outbox']);
  expect([agentOf(inbox), agentOf(outbox), agentOf('mesh.requests')]).toEqual(['Scout_2-b', 'Scout_2-b', undefined]);
  expect(fileOf('mesh.requests').name).toBe('mesh.requests');
  for (const none of ['agents.a.b.inbox', 'agents.a.letters', 'constructor', 'xagents.a.inbox'])
    expect(() => fileOf(none as TopicName)).toThrow('there is no topic');
});

test('templates are no topics', () => {
  expect(meshTopics).toContain('mesh.requests');
  expect(meshTopics.filter((name) => name.includes('{'))).toEqual([]);
});

test('the parts of a conversation are ordered by it', () => {
  expect(orderingKey('mesh.tasks', 'acme:c1/t1')).toBe('acme:c1');
  expect(orderingKey('mesh.timers', 'acme/c1/t1.deadline')).toBe('acme/c1');
  expect(orderingKey('mesh.tasks', 'c1')).toBe('c1');
  expect(orderingKey('mesh.requests', 'acme/c1')).toBe('acme/c1');
});
