/** What topics/*.yaml and schemas/*.avsc ask of a cluster and a registry. Pure. */
import { wholeSchema } from '../../../schemas/index.ts';
import {
  agentTopicFiles,
  agentTopics,
  type EventType,
  fileOf,
  isShared,
  type TopicFile,
} from '../../../topics/index.ts';
import { subjectOf } from '../registry.ts';

export interface DesiredTopic {
  name: string;
  partitions: number;
  /** Kafka's own names and spellings. */
  settings: Record<string, string>;
}

export interface DesiredSubject {
  subject: string;
  compatibility: string;
  schema: object;
}

/** An agent on the log, as it is registered. */
export interface LogAgent {
  name: string;
  /** Of its inbox and of its outbox; each conversation is in one. */
  partitions: number;
}

/** One permission: a principal may do an operation on a topic or a group. */
export interface DesiredAcl {
  principal: string;
  operation: 'READ' | 'WRITE' | 'DESCRIBE';
  resourceType: 'TOPIC' | 'GROUP';
  resourceName: string;
  pattern: 'LITERAL' | 'PREFIXED';
}

/** Stands in the topics' files for every agent on the log; there is no such service. */
const AGENT = 'agent';

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of e.g. 30d. */
export const durationMs = (text: string): number => {
  const [, amount, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(text)!;
  return Number(amount) * unitMs[unit as keyof typeof unitMs];
};

/**
 * For how long a record stays although a newer one has its key. A service that takes over recalls what was said since the last
 * commit, and needs all of it: a snapshot that is gone is a decision that it does not know of.
 */
const COMPACTION_LAG_MS = 3_600_000;

const settingsOf = (topic: TopicFile): Record<string, string> => ({
  'cleanup.policy': topic.cleanup,
  ...(topic.cleanup === 'compact' ? { 'min.compaction.lag.ms': String(COMPACTION_LAG_MS) } : {}),
  // The brokers' clock: what was said of a record is looked for by time, and services' clocks may differ.
  'message.timestamp.type': 'LogAppendTime',
  ...(topic.retention ? { 'retention.ms': String(durationMs(topic.retention)) } : {}),
  ...(topic.maxMessageBytes ? { 'max.message.bytes': String(topic.maxMessageBytes) } : {}),
});

/**
 * @param topics no templates.
 * @param shared how many partitions topics have that are shared out among instances; default: what their files say
 */
export const desiredTopics = (topics: readonly TopicFile[], prefix: string, shared?: number): DesiredTopic[] =>
  topics.map((t) => ({
    name: prefix + t.name,
    partitions: isShared(t) ? (shared ?? t.partitions) : t.partitions,
    settings: settingsOf(t),
  }));

/** Each agent's own topics, as their templates say. @throws for an agent that can't be named so. */
export const desiredAgentTopics = (agents: readonly LogAgent[], prefix: string): DesiredTopic[] =>
  agents.flatMap(({ name, partitions }) =>
    Object.values(agentTopics(name)).map((topic) => ({
      name: prefix + topic,
      partitions,
      settings: settingsOf(fileOf(topic)),
    })),
  );

export const desiredSubjects = (topics: readonly TopicFile[], prefix: string): DesiredSubject[] =>
  topics.flatMap((t) =>
    t.events.map((event) => ({
      subject: subjectOf(prefix, event as EventType),
      compatibility: t.compatibility,
      schema: wholeSchema(event),
    })),
  );

/**
 * Each service has the principal `User:parley-<service>`: its writers' and readers' rights, and its own groups. The service that
 * speaks with agents may do so with all that there ever are.
 * @param topics no templates.
 */
export const desiredAcls = (topics: readonly TopicFile[], prefix: string): DesiredAcl[] => {
  const services = [...new Set(topics.flatMap((t) => [...t.writers, ...t.readers]))].sort();
  const principal = (service: string) => `User:parley-${service}`;
  const topicAcl = (service: string, resourceName: string, operation: DesiredAcl['operation']): DesiredAcl => ({
    principal: principal(service),
    operation,
    resourceType: 'TOPIC',
    resourceName,
    pattern: 'LITERAL',
  });
  const onTopics = topics.flatMap((t) => [
    ...t.writers.flatMap((s) => [
      topicAcl(s, prefix + t.name, 'WRITE'),
      topicAcl(s, prefix + t.name, 'DESCRIBE'),
      // A service recalls what it stated before it goes on.
      topicAcl(s, prefix + t.name, 'READ'),
    ]),
    ...t.readers.flatMap((s) => [topicAcl(s, prefix + t.name, 'READ'), topicAcl(s, prefix + t.name, 'DESCRIBE')]),
  ]);
  const onGroups = services.flatMap((service): DesiredAcl[] =>
    [`${prefix}${service}`, `${prefix}tail-`].map((resourceName) => ({
      principal: principal(service),
      operation: 'READ',
      resourceType: 'GROUP',
      resourceName,
      pattern: 'PREFIXED',
    })),
  );
  const withAgents = [...new Set(agentTopicFiles.flatMap((t) => [...t.writers, ...t.readers]))]
    .filter((service) => service !== AGENT)
    .flatMap((service) =>
      (['READ', 'WRITE', 'DESCRIBE'] as const).map(
        (operation): DesiredAcl => ({
          ...topicAcl(service, `${prefix}agents.`, operation),
          pattern: 'PREFIXED',
        }),
      ),
    );
  const unique = new Map([...onTopics, ...onGroups, ...withAgents].map((acl) => [aclKey(acl), acl]));
  return [...unique.values()];
};

/** Each agent has the principal `User:agent-<name>`: it hears what is for it, says what it has to say, and nothing of others'. */
export const desiredAgentAcls = (agents: readonly LogAgent[], prefix: string): DesiredAcl[] =>
  agents.flatMap(({ name }) => {
    const { inbox, outbox } = agentTopics(name);
    const acl = (
      operation: DesiredAcl['operation'],
      resourceType: DesiredAcl['resourceType'],
      resourceName: string,
    ): DesiredAcl => ({
      principal: `User:agent-${name}`,
      operation,
      resourceType,
      resourceName: prefix + resourceName,
      pattern: resourceType === 'GROUP' ? 'PREFIXED' : 'LITERAL',
    });
    return [
      ...(['READ', 'DESCRIBE'] as const).map((operation) => acl(operation, 'TOPIC', inbox)),
      // It recalls what it said before it goes on.
      ...(['READ', 'WRITE', 'DESCRIBE'] as const).map((operation) => acl(operation, 'TOPIC', outbox)),
      acl('READ', 'GROUP', `agent.${name}.`),
    ];
  });

export const aclKey = (a: DesiredAcl): string =>
  `${a.principal} ${a.operation} ${a.resourceType} ${a.pattern} ${a.resourceName}`;
