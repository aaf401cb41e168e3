import type { TopicFile } from '../topics/topic-file.ts';

const union = (names: readonly string[]) => (names.length > 0 ? names.map((n) => `'${n}'`).join(' | ') : 'never');

/** The names in the log that a file stands for: of a template, those with anything in the braces. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: it is TypeScript's, in what is generated.
const ANYTHING = '${string}';
const nameInLog = (name: string) => (name.includes('{') ? `\`${name.replace(/\{[a-z]+\}/g, ANYTHING)}\`` : `'${name}'`);

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

/** The files. One with braces in its name is a template: it stands for a topic of each agent. */
export type TopicFileName = ${union(topics.map((t) => t.name))};

/** A topic in the log. */
export type TopicName = ${topics.map((t) => nameInLog(t.name)).join(' | ')};

/** What each event says, by its type. */
export interface EventData {
${events.map(({ event }) => `  ${event}: mesh.${event};`).join('\n')}
}

/** The file of the one topic on which events of a type are written; topicOfEvent names the topic itself. */
export const topicOf = {
${events.map(({ event, topic }) => `  ${event}: '${topic}',`).join('\n')}
} as const satisfies Record<keyof EventData, TopicFileName>;

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
