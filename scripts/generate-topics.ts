import type { TopicFile } from '../topics/topic-file.ts';

const union = (names: readonly string[]) => (names.length > 0 ? names.map((n) => `'${n}'`).join(' | ') : 'never');

const eventsBy = (topics: readonly TopicFile[], side: 'writers' | 'readers') => {
  const services = [...new Set(topics.flatMap((t) => [...t.writers, ...t.readers]))].sort();
  return services.map((service) => {
    const events = topics.filter((t) => t[side].includes(service)).flatMap((t) => t.events);
    return `  '${service}': ${union(events)};`;
  });
};

/** The topics' types: which events there are, where each lives, and which service may write or read it. */
export const generateTopicTypes = (topics: readonly TopicFile[]): string => {
  const events = topics.flatMap((t) => t.events.map((event) => ({ event, topic: t.name })));
  return `// Made by \`npm run generate\`. Do not edit.
import type * as mesh from '../schemas/generated.ts';

export type TopicName = ${union(topics.map((t) => t.name))};

/** What each event says, by its type. */
export interface EventData {
${events.map(({ event }) => `  ${event}: mesh.${event};`).join('\n')}
}

/** The one topic on which events of a type are written. */
export const topicOf = {
${events.map(({ event, topic }) => `  ${event}: '${topic}',`).join('\n')}
} as const satisfies Record<keyof EventData, TopicName>;

/** Which events a service may write: its single-writer right, which \`topics apply\` turns into ACLs. */
export interface Writes {
${eventsBy(topics, 'writers').join('\n')}
}

/** Which events a service may read. */
export interface Reads {
${eventsBy(topics, 'readers').join('\n')}
}
`;
};
