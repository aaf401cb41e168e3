/** What is new in a task that an agent says whole, as the updates that it would have sent. Pure. */
import type { Artifact, Message, Task } from '@a2a-js/sdk';
import { knownParts, statusDigest } from './digests.ts';
import type { Update } from './json.ts';

/** What is known of a task: see digests.ts. */
export interface Known {
  status: string;
  /** By artifact id. */
  artifacts: Readonly<Record<string, string>>;
  /** Ids of the last messages of its history. */
  messages: readonly string[];
}

type Ids = Pick<Task, 'id' | 'contextId'>;

const newMessages = (known: Known, { history, status }: Task): Message[] => {
  const ids = new Set(known.messages);
  // Older messages are not known by their ids any more.
  const first = history.findIndex(({ messageId }) => ids.has(messageId));
  // The status brings its own.
  return history
    .slice(first + 1)
    .filter(({ messageId }) => messageId && !ids.has(messageId) && messageId !== status?.message?.messageId);
};

const artifactUpdate = ({ id, contextId }: Ids, artifact: Artifact, append: boolean): Update => ({
  $case: 'artifactUpdate',
  value: { taskId: id, contextId, artifact, append, lastChunk: false, metadata: undefined },
});

const ofArtifact = (known: Known, task: Ids, artifact: Artifact): Update[] => {
  const digest = Object.hasOwn(known.artifacts, artifact.artifactId) ? known.artifacts[artifact.artifactId] : undefined;
  const parts = digest === undefined ? undefined : knownParts(digest, artifact);
  if (parts === undefined) return [artifactUpdate(task, artifact, false)];
  if (parts === artifact.parts.length) return [];
  const { artifactId } = artifact;
  const more = { artifactId, name: '', description: '', parts: artifact.parts.slice(parts), extensions: [] };
  return [artifactUpdate(task, { ...more, metadata: undefined }, true)];
};

/**
 * The updates that lead from what is known of the task to `task`: messages, artifacts, then the status. Messages without an
 * id are passed over: they may be known. So is what differs in the task's metadata alone.
 */
export const differences = (known: Known, task: Task): Update[] => {
  const { id, contextId, status, metadata } = task;
  const statusUpdate: Update = { $case: 'statusUpdate', value: { taskId: id, contextId, status, metadata } };
  return [
    ...newMessages(known, task).map((value): Update => ({ $case: 'message', value })),
    ...task.artifacts.flatMap((artifact) => ofArtifact(known, task, artifact)),
    ...(status && statusDigest(status) !== known.status ? [statusUpdate] : []),
  ];
};
