/** Test support: tasks and updates of every shape, as the SDK has them. */
import type { Artifact, Message, Part, Task, TaskStatus } from '@a2a-js/sdk';
import fc from 'fast-check';
import type { Update } from './json.ts';

// Names that mean something to an object of JavaScript are ids too.
const id = fc.constantFrom('a', 'b', 'c', 'constructor', 'toString');
// As JSON has it: -0 is 0.
const data = fc.json({ maxDepth: 2 }).map((text) => JSON.parse(text));
const metadata = fc.option(fc.dictionary(fc.constantFrom('k', 'l', '__proto__'), data), { nil: undefined });
const word = fc.constantFrom('', 'x', 'long winded', '"\\" }{', 'ü€𝄞');

const content: fc.Arbitrary<Part['content']> = fc.oneof(
  word.map((value) => ({ $case: 'text' as const, value })),
  fc.uint8Array({ maxLength: 8 }).map((bytes) => ({ $case: 'raw' as const, value: Buffer.from(bytes) })),
  word.map((value) => ({ $case: 'url' as const, value })),
  data.filter((value) => value !== null).map((value) => ({ $case: 'data' as const, value })),
);
export const parts = fc.array(fc.record({ content, metadata, filename: word, mediaType: word }), { maxLength: 4 });

export const messages: fc.Arbitrary<Message> = fc.record({
  messageId: fc.uuid(),
  contextId: fc.constant('context'),
  taskId: fc.constant('task'),
  role: fc.constantFrom(1, 2),
  parts,
  metadata,
  extensions: fc.array(word, { maxLength: 2 }),
  referenceTaskIds: fc.array(word, { maxLength: 2 }),
});

export const statuses: fc.Arbitrary<TaskStatus> = fc.record({
  state: fc.integer({ min: 1, max: 8 }),
  message: fc.option(messages, { nil: undefined }),
  timestamp: fc.option(fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'), { nil: undefined }),
});

export const artifacts: fc.Arbitrary<Artifact> = fc.record({
  artifactId: id,
  name: word,
  description: word,
  parts,
  metadata,
  extensions: fc.array(word, { maxLength: 2 }),
});

export const tasks: fc.Arbitrary<Task> = fc.record({
  id: fc.constant('task'),
  contextId: fc.constant('context'),
  status: statuses,
  artifacts: fc.uniqueArray(artifacts, { maxLength: 3, selector: ({ artifactId }) => artifactId }),
  history: fc.array(messages, { maxLength: 3 }),
  metadata,
});

const ids = { taskId: fc.constant('task'), contextId: fc.constant('context') };

export const updates: fc.Arbitrary<Update> = fc.oneof(
  tasks.map((value): Update => ({ $case: 'task', value })),
  messages.map((value): Update => ({ $case: 'message', value })),
  fc.record({ ...ids, status: statuses, metadata }).map((value): Update => ({ $case: 'statusUpdate', value })),
  fc
    .record({ ...ids, artifact: artifacts, append: fc.boolean(), lastChunk: fc.boolean(), metadata })
    .map((value): Update => ({ $case: 'artifactUpdate', value })),
);
