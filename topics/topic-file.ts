import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

const duration = z.string().regex(/^\d+(ms|s|m|h|d)$/, 'a whole number and ms, s, m, h or d, e.g. 30d');

const topicFile = z
  .strictObject({
    name: z.string().regex(/^([a-z][a-z0-9.-]*|agents\.\{agent\}\.(inbox|outbox))$/),
    description: z.string().min(10),
    owner: z.string(),
    key: z.string(),
    partitions: z.int().positive(),
    cleanup: z.enum(['delete', 'compact']),
    retention: duration.optional(),
    maxMessageBytes: z.int().positive().optional(),
    compatibility: z.enum(['FULL', 'FULL_TRANSITIVE', 'BACKWARD', 'FORWARD', 'NONE']),
    classification: z.enum(['public', 'internal', 'confidential', 'restricted']),
    events: z.array(z.string()).min(1),
    writers: z.array(z.string()).min(1),
    readers: z.array(z.string()),
  })
  .refine((t) => (t.cleanup === 'delete') === (t.retention !== undefined), 'retention goes with cleanup: delete');

/**
 * A governed topic: where something is said, by whom, to whom, and for how long it is kept. One with `{agent}` in its name
 * stands for a topic of each agent on the log; its partitions are those of an agent that says nothing of them, and the
 * service `agent` is the agent itself.
 */
export type TopicFile = z.infer<typeof topicFile>;

/** Every topics/*.yaml, by name. @throws with the file's name when one is not a topic. */
export const topicFiles = (): TopicFile[] =>
  readdirSync(import.meta.dirname)
    .filter((file) => file.endsWith('.yaml'))
    .sort()
    .map((file) => {
      const parsed = topicFile.safeParse(parse(readFileSync(`${import.meta.dirname}/${file}`, 'utf8')));
      if (!parsed.success) throw new Error(`topics/${file}: ${z.prettifyError(parsed.error)}`);
      if (`${parsed.data.name}.yaml` !== file) throw new Error(`topics/${file}: names itself ${parsed.data.name}`);
      return parsed.data;
    });
