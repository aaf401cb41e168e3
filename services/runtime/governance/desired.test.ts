import { expect, test } from 'vitest';
import { meshTopicFiles, topics } from '../../../topics/index.ts';
import {
  aclKey,
  desiredAcls,
  desiredAgentAcls,
  desiredAgentTopics,
  desiredSubjects,
  desiredTopics,
} from './desired.ts';

test('templates are no topics, and what is said on them has its schemas all the same', () => {
  expect(desiredTopics(meshTopicFiles, 'p.').filter(({ name }) => name.includes('agents.'))).toEqual([]);
  const subjects = desiredSubjects(Object.values(topics), 'p.').map(({ subject }) => subject);
  expect(subjects).toEqual(expect.arrayContaining(['p.mesh.MessageDelivered', 'p.mesh.AgentReported']));
});

test('how many partitions share the work is a choice; topics of one partition keep it', () => {
  const counts = new Map(desiredTopics(meshTopicFiles, '', 24).map(({ name, partitions }) => [name, partitions]));
  expect([counts.get('mesh.requests'), counts.get('mesh.tasks'), counts.get('mesh.configuration')]).toEqual([
    24, 24, 1,
  ]);
  const byFile = new Map(desiredTopics(meshTopicFiles, '').map(({ name, partitions }) => [name, partitions]));
  expect(byFile.get('mesh.requests')).toBe(topics['mesh.requests'].partitions);
});

test('an agent has topics with as many partitions as it is registered with, and the settings of the templates', () => {
  const made = desiredAgentTopics([{ name: 'scout', partitions: 3 }], 'p.');
  expect(made.map(({ name, partitions }) => [name, partitions])).toEqual([
    ['p.agents.scout.inbox', 3],
    ['p.agents.scout.outbox', 3],
  ]);
  expect(made[0]!.settings).toMatchObject({ 'cleanup.policy': 'delete', 'max.message.bytes': '16777216' });
  expect(() => desiredAgentTopics([{ name: 'a.b', partitions: 1 }], '')).toThrow('a.b');
});

test('an agent may do what its own topics are for, and nothing else', () => {
  expect(desiredAgentAcls([{ name: 'scout', partitions: 1 }], 'p.').map(aclKey)).toEqual([
    'User:agent-scout READ TOPIC LITERAL p.agents.scout.inbox',
    'User:agent-scout DESCRIBE TOPIC LITERAL p.agents.scout.inbox',
    'User:agent-scout READ TOPIC LITERAL p.agents.scout.outbox',
    'User:agent-scout WRITE TOPIC LITERAL p.agents.scout.outbox',
    'User:agent-scout DESCRIBE TOPIC LITERAL p.agents.scout.outbox',
    'User:agent-scout READ GROUP PREFIXED p.agent.scout.',
  ]);
});

test('of the services only the one that speaks with agents may read and write their topics', () => {
  const acls = desiredAcls(meshTopicFiles, 'p.').map(aclKey);
  expect(acls.filter((key) => key.includes('p.agents.'))).toEqual([
    'User:parley-edge-agents READ TOPIC PREFIXED p.agents.',
    'User:parley-edge-agents WRITE TOPIC PREFIXED p.agents.',
    'User:parley-edge-agents DESCRIBE TOPIC PREFIXED p.agents.',
  ]);
  expect(acls.filter((key) => key.startsWith('User:parley-agent '))).toEqual([]);
  expect(acls).toContain('User:parley-policy WRITE TOPIC LITERAL p.mesh.decisions');
});
