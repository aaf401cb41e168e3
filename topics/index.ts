/** The topics of the mesh: types for the compiler and the files as they are for whoever makes a cluster agree with them. */
import type { EventData, TopicName } from './generated.ts';
import { type TopicFile, topicFiles } from './topic-file.ts';

export { type EventData, type Reads, type TopicName, topicOf, type Writes } from './generated.ts';
export type { TopicFile } from './topic-file.ts';

export type EventType = keyof EventData;
/** A service of the mesh, as topics name it. */
export type ServiceName = keyof import('./generated.ts').Writes;

/** Every topic, by name. */
export const topics = Object.fromEntries(topicFiles().map((t) => [t.name, t])) as Record<TopicName, TopicFile>;
