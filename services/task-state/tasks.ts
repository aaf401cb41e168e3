/** What is known of the tasks of one partition: a record of each open task, and a few bytes of those that ended lately. */
import type { TaskState } from '@a2a-js/sdk';
import type * as mesh from '../../schemas/generated.ts';
import { isTerminal, stateOfName } from '../runtime/a2a/states.ts';

export type Snapshot = mesh.TaskSnapshot;

/** What is left of a task that ended: enough to know a repetition, and to say that it has ended. */
export type Ended = Pick<Snapshot, 'agent' | 'status' | 'requestId' | 'reported'> & { state: TaskState };

/** Beyond these, a task that ended is one that is not known. */
const MAX_ENDED = 10_000;

export interface Tasks {
  open: Map<string, Snapshot>;
  /** The last ones, the one that ended first at the front. */
  ended: Map<string, Ended>;
  /** Open tasks by the task in the course of which they were begun. */
  children: Map<string, Set<string>>;
  /** Ids of the requests that open tasks made, as far as they are remembered. */
  calls: Map<string, Set<string>>;
  /** Open tasks that somebody wants to be cancelled, as far as it is remembered. */
  cancelling: Set<string>;
}

export const noTasks = (): Tasks => ({
  open: new Map(),
  ended: new Map(),
  children: new Map(),
  calls: new Map(),
  cancelling: new Set(),
});

const end = (tasks: Tasks, { taskId, agent, status, requestId, reported, parentTaskId, state }: Snapshot): void => {
  tasks.open.delete(taskId);
  tasks.calls.delete(taskId);
  tasks.cancelling.delete(taskId);
  const siblings = tasks.children.get(parentTaskId);
  siblings?.delete(taskId);
  if (siblings?.size === 0) tasks.children.delete(parentTaskId);
  tasks.ended.set(taskId, { agent, status, requestId, reported, state: stateOfName(state) });
  const [oldest] = tasks.ended.keys();
  if (tasks.ended.size > MAX_ENDED) tasks.ended.delete(oldest!);
};

/** Takes in a snapshot, unless a later one is known. */
export const keep = (tasks: Tasks, snapshot: Snapshot): void => {
  const { taskId, parentTaskId, sequence, state } = snapshot;
  const known = tasks.open.get(taskId);
  if (tasks.ended.has(taskId) || (known && sequence < known.sequence)) return;
  if (isTerminal(stateOfName(state))) {
    end(tasks, snapshot);
    return;
  }
  tasks.open.set(taskId, snapshot);
  if (parentTaskId === '') return;
  const siblings = tasks.children.get(parentTaskId) ?? new Set();
  tasks.children.set(parentTaskId, siblings.add(taskId));
};

/** Remembers a call that a task made: also one of which the record was lost on its way, and is about to be made again. */
export const keepCall = (tasks: Tasks, { id, parentTaskId }: mesh.Request): void => {
  if (tasks.ended.has(parentTaskId)) return;
  const calls = tasks.calls.get(parentTaskId) ?? new Set();
  tasks.calls.set(parentTaskId, calls.add(id));
};

/** Remembers that an open task is to be cancelled. */
export const keepCancellation = (tasks: Tasks, taskId: string): void => {
  if (tasks.open.has(taskId)) tasks.cancelling.add(taskId);
};

/** The open tasks that were begun in the course of this one, and in theirs. Ends also where tasks are said to go in a circle. */
const openBelow = (tasks: Tasks, taskId: string): Snapshot[] => {
  const seen = new Set([taskId]);
  // A Set hands on what is added to it while it is gone through.
  for (const parent of seen) for (const child of tasks.children.get(parent) ?? []) seen.add(child);
  seen.delete(taskId);
  return [...seen].flatMap((id) => tasks.open.get(id) ?? []);
};

/** Those of them of which nobody has asked yet that they be cancelled. */
export const openToCancel = (tasks: Tasks, taskId: string): Snapshot[] =>
  openBelow(tasks, taskId).filter((task) => !tasks.cancelling.has(task.taskId));
