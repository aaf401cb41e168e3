/** An agent's own ids of a task and its context, replaced by the mesh's, or the other way. Pure. */
import type { Message, Task, TaskStatus } from '@a2a-js/sdk';
import type { Update } from './json.ts';

/** @property taskId empty: of no task, as a message is that answers without one. */
export interface TaskIds {
  taskId: string;
  contextId: string;
}

/** `referenceTaskIds` stay: they name other tasks. */
export const rewriteMessageIds = (message: Message, { taskId, contextId }: TaskIds): Message => ({
  ...message,
  taskId,
  contextId,
});

const ofStatus = (status: TaskStatus | undefined, ids: TaskIds): TaskStatus | undefined =>
  status?.message ? { ...status, message: rewriteMessageIds(status.message, ids) } : status;

export const rewriteTaskIds = (task: Task, ids: TaskIds): Task => ({
  ...task,
  id: ids.taskId,
  contextId: ids.contextId,
  status: ofStatus(task.status, ids),
  history: task.history.map((message) => rewriteMessageIds(message, ids)),
});

/** The update with these ids wherever it names its task and its context. */
export const rewriteIds = (update: Update, ids: TaskIds): Update => {
  switch (update.$case) {
    case 'task':
      return { ...update, value: rewriteTaskIds(update.value, ids) };
    case 'message':
      return { ...update, value: rewriteMessageIds(update.value, ids) };
    case 'statusUpdate':
      return { ...update, value: { ...update.value, ...ids, status: ofStatus(update.value.status, ids) } };
    case 'artifactUpdate':
      return { ...update, value: { ...update.value, ...ids } };
  }
};
