/** A2A 1.0 in ProtoJSON, as far as an agent sees it. Field meanings: A2A specification, section 4. */

export interface Part {
  text?: string;
  data?: unknown;
  /** base64 */
  raw?: string;
  url?: string;
  filename?: string;
  mediaType?: string;
  metadata?: Record<string, unknown>;
}

export interface Message {
  messageId: string;
  contextId?: string;
  taskId?: string;
  role: 'ROLE_USER' | 'ROLE_AGENT';
  parts: Part[];
  metadata?: Record<string, unknown>;
  extensions?: string[];
  referenceTaskIds?: string[];
}

export interface Artifact {
  artifactId: string;
  name?: string;
  description?: string;
  parts: Part[];
  metadata?: Record<string, unknown>;
  extensions?: string[];
}

export type TaskState =
  | 'TASK_STATE_UNSPECIFIED'
  | 'TASK_STATE_SUBMITTED'
  | 'TASK_STATE_WORKING'
  | 'TASK_STATE_COMPLETED'
  | 'TASK_STATE_FAILED'
  | 'TASK_STATE_CANCELED'
  | 'TASK_STATE_INPUT_REQUIRED'
  | 'TASK_STATE_REJECTED'
  | 'TASK_STATE_AUTH_REQUIRED';

export interface TaskStatus {
  state: TaskState;
  message?: Message;
  timestamp?: string;
}

export interface Task {
  id: string;
  contextId: string;
  status: TaskStatus;
  artifacts?: Artifact[];
  history?: Message[];
  metadata?: Record<string, unknown>;
}

/** Exactly one of these is there. */
export interface StreamResponse {
  task?: Task;
  message?: Message;
  statusUpdate?: { taskId: string; contextId: string; status: TaskStatus; metadata?: Record<string, unknown> };
  artifactUpdate?: {
    taskId: string;
    contextId: string;
    artifact: Artifact;
    append?: boolean;
    lastChunk?: boolean;
    metadata?: Record<string, unknown>;
  };
}

/** What an agent says: text alone, or parts. */
export type Content = string | Part[];

export const partsOf = (content: Content): Part[] => (typeof content === 'string' ? [{ text: content }] : content);

/** The text of parts, a message, or an agent's answer (a task: its artifacts, and then what its status says). */
export const textOf = (from: Part[] | Message | Task | { message: Message }): string => {
  if (Array.isArray(from)) return from.flatMap((part) => part.text ?? []).join('\n');
  if ('parts' in from) return textOf(from.parts);
  if ('message' in from) return textOf(from.message);
  const said = [...(from.artifacts ?? []), ...(from.status.message ? [from.status.message] : [])];
  return textOf(said.flatMap(({ parts }) => parts ?? []));
};

/** Whether the agent is done with the turn: the task has ended, or waits for its client. */
export const endsTurn = (state: string): boolean =>
  !['TASK_STATE_UNSPECIFIED', 'TASK_STATE_SUBMITTED', 'TASK_STATE_WORKING'].includes(state);

const withArtifact = (
  artifacts: readonly Artifact[],
  { artifact, append }: NonNullable<StreamResponse['artifactUpdate']>,
) => {
  const at = artifacts.findIndex((known) => known.artifactId === artifact.artifactId);
  const known = artifacts[at];
  if (!known) return [...artifacts, artifact];
  const next = append ? { ...known, parts: [...known.parts, ...(artifact.parts ?? [])] } : artifact;
  return artifacts.with(at, next);
};

/** A task after an update. Where nothing was known of it, it begins with the update. */
export const foldUpdate = (
  known: Task | undefined,
  update: StreamResponse,
  ids: Pick<Task, 'id' | 'contextId'>,
): Task => {
  const task = known ?? { ...ids, status: { state: 'TASK_STATE_SUBMITTED' } };
  const { statusUpdate, artifactUpdate, message } = update;
  if (update.task) return update.task;
  if (message) return { ...task, history: [...(task.history ?? []), message] };
  if (artifactUpdate) return { ...task, artifacts: withArtifact(task.artifacts ?? [], artifactUpdate) };
  if (!statusUpdate) return task;
  // A status's message belongs to the history once another status follows.
  const said = task.status.message;
  const history = said ? { history: [...(task.history ?? []), said] } : {};
  return { ...task, ...history, status: statusUpdate.status };
};
