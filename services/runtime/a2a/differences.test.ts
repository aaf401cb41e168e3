import type { Artifact, Message, Task } from '@a2a-js/sdk';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { applyUpdate } from './apply-update.ts';
import { differences } from './differences.ts';
import { appendedDigest, artifactDigest, knownParts, statusDigest } from './digests.ts';
import type { Update } from './json.ts';
import { artifacts, messages, parts, statuses, tasks } from './tasks-for-tests.ts';

const knownOf = (task: Task) => ({
  status: statusDigest(task.status!),
  artifacts: Object.fromEntries(task.artifacts.map((one) => [one.artifactId, artifactDigest(one)])),
  messages: task.history.map(({ messageId }) => messageId),
});

const folded = (task: Task, updates: readonly Update[]) => updates.reduce((t, update) => applyUpdate(t, update), task);

/** What an agent may make of a task: parts and artifacts added or said anew, messages, and a status. */
const later = (task: Task): fc.Arbitrary<Task> =>
  fc
    .record({
      status: fc.option(statuses),
      more: fc.array(messages, { maxLength: 2 }),
      appended: fc.array(parts, { minLength: task.artifacts.length, maxLength: task.artifacts.length }),
      replaced: fc.uniqueArray(artifacts, { maxLength: 2, selector: ({ artifactId }) => artifactId }),
    })
    .map(({ status, more, appended, replaced }) => {
      const grown = task.artifacts.map((one, i) => ({ ...one, parts: [...one.parts, ...appended[i]!] }));
      const all = new Map<string, Artifact>([...grown, ...replaced].map((one) => [one.artifactId, one]));
      const said = status?.message ? [...more, status.message] : more;
      return {
        ...task,
        status: status ?? task.status,
        artifacts: [...all.values()],
        history: [...task.history, ...said],
      };
    });

describe('the differences', () => {
  test('folded onto what was known give what is', () => {
    fc.assert(
      fc.property(
        tasks.chain((task) => later(task).map((then) => ({ task, then }))),
        ({ task, then }) => {
          const updates = differences(knownOf(task), then);
          expect(folded(task, updates)).toEqual(then);
          expect(differences(knownOf(folded(task, updates)), then)).toEqual([]);
        },
      ),
    );
  });

  test('of a task that is as it was are none, in whatever order its members come', () => {
    const turned = (value: unknown): unknown =>
      typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value)
        ? Object.fromEntries(
            Object.entries(value)
              .reverse()
              .map(([key, one]) => [key, turned(one)]),
          )
        : Array.isArray(value)
          ? value.map(turned)
          : value;
    fc.assert(
      fc.property(tasks, (task) => {
        expect(differences(knownOf(task), turned(task) as Task)).toEqual([]);
      }),
    );
  });

  const message = (messageId: string): Message => ({
    messageId,
    contextId: 'context',
    taskId: 'task',
    role: 2,
    parts: [],
    metadata: undefined,
    extensions: [],
    referenceTaskIds: [],
  });
  const task = (history: Message[], list: Artifact[] = []): Task => ({
    id: 'task',
    contextId: 'context',
    status: { state: 2, message: undefined, timestamp: 'now' },
    artifacts: list,
    history,
    metadata: undefined,
  });

  test('pass over messages from before those that are remembered', () => {
    const known = { ...knownOf(task([])), messages: ['3', '4'] };
    const history = ['1', '2', '3', '4', '5', '', '6'].map(message);
    expect(differences(known, task(history)).map(({ value }) => (value as Message).messageId)).toEqual(['5', '6']);
  });

  test('of an artifact that has grown are only the parts that are new', () => {
    const text = (value: string) => ({
      content: { $case: 'text' as const, value },
      metadata: undefined,
      filename: '',
      mediaType: '',
    });
    const artifact = (...texts: string[]): Artifact => ({
      artifactId: 'a',
      name: 'poem',
      description: '',
      parts: texts.map(text),
      metadata: undefined,
      extensions: [],
    });
    const known = knownOf(task([], [artifact('one')]));
    expect(differences(known, task([], [artifact('one', 'two', 'three')]))).toMatchObject([
      { value: { append: true, artifact: { artifactId: 'a', parts: [text('two'), text('three')] } } },
    ]);
    expect(differences(known, task([], [artifact('two', 'one')]))).toMatchObject([{ value: { append: false } }]);
    expect(differences(known, task([], []))).toEqual([]);
  });
});

describe('the digest of an artifact', () => {
  test('goes on where parts are appended, and knows how many there were', () => {
    fc.assert(
      fc.property(artifacts, parts, (artifact, more) => {
        const chunk = { ...artifact, parts: more };
        const bare = { ...chunk, name: '', description: '', metadata: undefined, extensions: [] };
        const whole = { ...artifact, parts: [...artifact.parts, ...more] };
        const before = artifactDigest(artifact);
        expect(appendedDigest(before, bare)).toBe(artifactDigest(whole));
        expect(appendedDigest(before, chunk)).toBe(artifactDigest(whole));
        expect(knownParts(before, whole)).toBe(artifact.parts.length);
      }),
    );
  });

  test('is of no artifact once its head was changed on the way', () => {
    fc.assert(
      fc.property(artifacts, (artifact) => {
        const renamed = { ...artifact, name: `${artifact.name}!`, parts: [] };
        const digest = appendedDigest(artifactDigest(artifact), renamed);
        expect(knownParts(digest, artifact)).toBeUndefined();
        expect(knownParts(digest, { ...artifact, name: renamed.name })).toBeUndefined();
      }),
    );
  });
});
