/** What an agent says as the mesh reports it. Pure. */
import { type Message, Role, type Task, TaskState, type TaskStatus } from '@a2a-js/sdk';
import type * as mesh from '../../../schemas/generated.ts';
import { statusDigest } from '../../runtime/a2a/digests.ts';
import { MalformedError, readUpdate, type Update, writeUpdate } from '../../runtime/a2a/json.ts';
import { rewriteIds, rewriteMessageIds, type TaskIds } from '../../runtime/a2a/rewrite-ids.ts';
import { isInterrupted, stateOfName } from '../../runtime/a2a/states.ts';
import { Stop } from '../../runtime/outbound/faults.ts';
import { scrub } from '../../runtime/outbound/secrets.ts';

/** Of the log's 16 MiB. */
const MAX_BYTES = 15 * 1024 * 1024;

/** How the update names its task; of a message undefined where it names none. */
export const remoteOf = (update: Update): mesh.RemoteTask | undefined => {
  const { value } = update;
  const taskId = 'taskId' in value ? value.taskId : value.id;
  return taskId === '' ? undefined : { taskId, contextId: value.contextId };
};

export const stateOf = (update: Update): TaskState | undefined =>
  update.$case === 'task' || update.$case === 'statusUpdate' ? update.value.status?.state : undefined;

/**
 * The update with the mesh's ids, as bytes without the secrets that it echoes.
 * @throws Stop where it is none of A2A's, or larger than the log can hold.
 */
export const reportBytes = (update: Update, ids: TaskIds, secrets: readonly string[]): Buffer => {
  let bytes: Buffer;
  try {
    bytes = scrub(writeUpdate(rewriteIds(update, ids)), secrets);
  } catch {
    // Whatever else an agent may say, e.g. metadata nested beyond the stack.
    throw new Stop('BAD_RESPONSE', 'The agent said something that is none of A2A’s updates.');
  }
  if (bytes.length > MAX_BYTES)
    throw new Stop('RESPONSE_TOO_LARGE', `The agent said more than ${MAX_BYTES} bytes at once.`);
  try {
    readUpdate(bytes);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    throw new Stop('BAD_RESPONSE', `The agent's update is malformed: ${error.message}.`);
  }
  return bytes;
};

const isNamed =
  ({ messageId }: Message) =>
  (other: Message) =>
    other.messageId === messageId;

/** The task that a new one begins with: the user's message is a part of it whether or not the agent says so. */
const begun = (task: Task, asked: Message): Task => ({
  ...task,
  history: task.history.some(isNamed(asked)) ? task.history : [asked, ...task.history],
});

/** Agents of A2A 0.3 may begin with a status. */
const taskOf = (remote: mesh.RemoteTask): Task => ({
  id: remote.taskId,
  contextId: remote.contextId,
  status: { state: TaskState.TASK_STATE_SUBMITTED, message: undefined, timestamp: undefined },
  artifacts: [],
  history: [],
  metadata: undefined,
});

/**
 * Whether a task that waits may be said to only because it did before the turn: an agent that streams begins with the task as
 * it is (A2A 1.0, 3.1.2), and one that does not may answer before it goes on. What has a time is known again by task-state.
 * @param status with the mesh's ids. @param known the task as it was before the turn, where that is known.
 */
export const mayBeAsBefore = (
  status: TaskStatus | undefined,
  known?: Pick<mesh.TaskSnapshot, 'state' | 'status'>,
): boolean => {
  if (!status || status.timestamp || !isInterrupted(status.state)) return false;
  // A record that says that the agent works is late; one without a status is of a turn in which nothing was said yet.
  const isKnown = known?.status && isInterrupted(stateOfName(known.state));
  return !isKnown || known.status.endsWith(statusDigest(status));
};

/** What is said of the task's artifacts where its status is not. */
export const artifactsOf = ({ id, contextId, artifacts }: Task): Update[] =>
  artifacts.map((artifact) => ({
    $case: 'artifactUpdate',
    value: { taskId: id, contextId, artifact, append: false, lastChunk: false, metadata: undefined },
  }));

/**
 * The first reports of a turn, of which the very first has `turn`.
 * @param asked the user's message. @param begins whether the turn begins the task, or the task may be as before: `mayBeAsBefore`.
 */
export const firstUpdates = (
  asked: Message,
  first: Update,
  remote: mesh.RemoteTask,
  { isNew, isAsBefore }: { isNew: boolean; isAsBefore: boolean },
  ids: TaskIds,
): Update[] => {
  if (!isNew) {
    const said = isAsBefore && first.$case === 'task' ? artifactsOf(first.value) : [first];
    return [{ $case: 'message', value: rewriteMessageIds({ ...asked, role: Role.ROLE_USER }, ids) }, ...said];
  }
  if (first.$case === 'task') return [{ $case: 'task', value: begun(first.value, asked) }];
  return [{ $case: 'task', value: begun(taskOf(remote), asked) }, first];
};

/** A state that the mesh itself puts a task into. @param messageId of the message that says why. */
export const statusUpdate = (
  { taskId, contextId }: TaskIds,
  state: TaskState,
  text: string,
  messageId: string,
  now: number,
): Update => ({
  $case: 'statusUpdate',
  value: {
    taskId,
    contextId,
    status: {
      state,
      timestamp: new Date(now).toISOString(),
      message: {
        messageId,
        taskId,
        contextId,
        role: Role.ROLE_AGENT,
        parts: [{ content: { $case: 'text', value: text }, metadata: undefined, filename: '', mediaType: '' }],
        metadata: undefined,
        extensions: [],
        referenceTaskIds: [],
      },
    },
    metadata: undefined,
  },
});
