/** A task as it is after an update: what every view of tasks folds. By the rules of the SDK's ResultManager. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { Artifact, Message, Task, TaskArtifactUpdateEvent, TaskStatusUpdateEvent } from '@a2a-js/sdk';
import type { Update } from './json.ts';

type Metadata = Task['metadata'];

const merged = (old: Metadata, more: Metadata): Metadata => (more ? { ...old, ...more } : old);

/** A message without an id can't be told from another one, and is added. */
const withMessage = (history: Message[], message: Message | undefined): Message[] => {
  const { messageId } = message ?? {};
  const isThere = !message || (messageId && history.some((one) => one.messageId === messageId));
  return isThere ? history : [...history, message];
};

/** Clients give several messages one id: a message that was asked is there only if it was there word for word. */
const withAsked = (history: Message[], message: Message): Message[] => {
  const isIt = ({ messageId, parts }: Message) =>
    messageId !== '' && messageId === message.messageId && isDeepStrictEqual(parts, message.parts);
  return history.some(isIt) ? history : [...history, message];
};

const withStatus = (task: Task, { status, metadata }: TaskStatusUpdateEvent): Task => ({
  ...task,
  status: status ?? task.status,
  history: withMessage(task.history, status?.message),
  metadata: merged(task.metadata, metadata),
});

const appended = (old: Artifact, more: Artifact): Artifact => ({
  ...old,
  name: more.name || old.name,
  description: more.description || old.description,
  parts: [...old.parts, ...more.parts],
  metadata: merged(old.metadata, more.metadata),
});

const withArtifact = (task: Task, { artifact, append, metadata }: TaskArtifactUpdateEvent): Task => {
  if (!artifact) return task;
  const isIt = ({ artifactId }: Artifact) => artifactId === artifact.artifactId;
  const artifacts = task.artifacts.some(isIt)
    ? task.artifacts.map((old) => (isIt(old) ? (append ? appended(old, artifact) : artifact) : old))
    : [...task.artifacts, artifact];
  return { ...task, artifacts, metadata: merged(task.metadata, metadata) };
};

/** A task said whole: what it leaves out of what is known stays. */
const overlaid = (old: Task, task: Task): Task => {
  const artifacts = new Map([...old.artifacts, ...task.artifacts].map((one) => [one.artifactId, one]));
  return {
    ...task,
    status: task.status ?? old.status,
    artifacts: [...artifacts.values()],
    history: task.history.length > 0 ? task.history : old.history,
    metadata: merged(old.metadata, task.metadata),
  };
};

/**
 * The task after `update`; neither argument is changed. Of a task that is not known only `{task}` makes one.
 * @returns undefined where there is none.
 */
export function applyUpdate(task: Task, update: Update): Task;
export function applyUpdate(task: Task | undefined, update: Update): Task | undefined;
export function applyUpdate(task: Task | undefined, update: Update): Task | undefined {
  if (update.$case === 'task') return task ? overlaid(task, update.value) : update.value;
  if (!task) return undefined;
  switch (update.$case) {
    case 'statusUpdate':
      return withStatus(task, update.value);
    case 'artifactUpdate':
      return withArtifact(task, update.value);
    case 'message':
      return { ...task, history: withAsked(task.history, update.value) };
  }
}
