/** The topics of the mesh: types for the compiler and the files as they are for whoever makes a cluster agree with them. */
import { type EventData, type TopicFileName, type TopicName, topicOf } from './generated.ts';
import { type TopicFile, topicFiles } from './topic-file.ts';

export { type EventData, type Reads, type TopicFileName, type TopicName, topicOf, type Writes } from './generated.ts';
export type { TopicFile } from './topic-file.ts';

export type EventType = keyof EventData;
/** A service of the mesh, as topics name it. */
export type ServiceName = keyof import('./generated.ts').Writes;

/** Every topic's file, by name. Those with `{agent}` in their names are templates of the topics that each agent has. */
export const topics = Object.fromEntries(topicFiles().map((t) => [t.name, t])) as Record<TopicFileName, TopicFile>;

const AGENT = '{agent}';
const isTemplate = (name: string) => name.includes(AGENT);

/** The files of the topics that each agent has. */
export const agentTopicFiles: readonly TopicFile[] = Object.values(topics).filter((file) => isTemplate(file.name));

/** The files of the topics that there is one of. */
export const meshTopicFiles: readonly TopicFile[] = Object.values(topics).filter((file) => !isTemplate(file.name));

/** The topics that there is one of. */
export const meshTopics = meshTopicFiles.map((file) => file.name as TopicName);

/** How an agent on the log is named. No dots: `agents.a.b.inbox` would be a topic of two agents. */
export const agentName = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

const agentTopic = /^agents\.([^.]+)\.(inbox|outbox)$/;

/** @returns the agent whose topic it is; undefined for a topic that there is one of. */
export const agentOf = (topic: TopicName): string | undefined => {
  const agent = agentTopic.exec(topic)?.[1];
  return agent !== undefined && agentName.test(agent) ? agent : undefined;
};

/** The topics of an agent on the log. @throws when it can't be named so. */
export const agentTopics = <A extends string>(
  agent: A,
): { inbox: `agents.${A}.inbox`; outbox: `agents.${A}.outbox` } => {
  if (!agentName.test(agent))
    throw new Error(`an agent on the log is named with letters, digits, - and _, not ${agent}`);
  return { inbox: `agents.${agent}.inbox`, outbox: `agents.${agent}.outbox` };
};

/** The file of a topic; of an agent's topic, its template. @throws when there is none. */
export const fileOf = (topic: TopicName): TopicFile => {
  const file = Object.hasOwn(topics, topic) ? topics[topic as TopicFileName] : undefined;
  if (file) return file;
  const template =
    agentOf(topic) && topics[topic.endsWith('.inbox') ? 'agents.{agent}.inbox' : 'agents.{agent}.outbox'];
  if (!template) throw new Error(`there is no topic ${topic}`);
  return template;
};

/** Whether its partitions are shared out among the instances of a service: all such topics of a mesh have the same number. */
export const isShared = (topic: TopicFile): boolean => topic.partitions > 1;

/** The topic on which an event is written: of an agent's event, the one of the agent that its data names. @throws when it names none. */
export const topicOfEvent = <T extends EventType>(type: T, data: EventData[T]): TopicName => {
  const file = topicOf[type];
  if (!isTemplate(file)) return file;
  const { inbox, outbox } = agentTopics((data as { agent: string }).agent);
  return file.endsWith('.inbox') ? inbox : outbox;
};

const subkeyed = new Set<TopicName>(
  Object.values(topics).flatMap((t) => (t.key.includes('/') ? [t.name as TopicName] : [])),
);

/**
 * What decides on a record's partition: its key, or of a topic whose file's key is `<whole>/<part>` what is before the last
 * slash, so that the parts of one whole are in one partition.
 */
export const orderingKey = (topic: TopicName, key: string): string => {
  const slash = subkeyed.has(topic) ? key.lastIndexOf('/') : -1;
  return slash < 0 ? key : key.slice(0, slash);
};
