/** Task state, pure: what agents say of tasks is checked against what is known of them, and stated as what became of them. */
import { type Configuration, parseConfiguration } from '../runtime/configuration.ts';
import type { AnyRecorded } from '../runtime/log.ts';
import type { Folded } from '../runtime/processor.ts';
import { decideCall, decideSleep } from './call.ts';
import { decideCancellation, decideDeadline, decideTimer } from './endings.ts';
import { decideReport } from './report.ts';
import type { Said } from './statements.ts';
import { keep, keepCall, keepCancellation, noTasks, type Tasks } from './tasks.ts';

export const NAME = 'task-state';

export const reads = ['TaskReported', 'CallReported', 'SleepReported', 'TaskCancelRequested', 'TimerFired'] as const;
export type TaskStateInput = (typeof reads)[number];

export interface TaskStateState {
  configuration: Configuration | undefined;
  /** By partition. */
  partitions: Map<number, Tasks>;
}

export const initialState = (): TaskStateState => ({ configuration: undefined, partitions: new Map() });

export const forget = (state: TaskStateState, partitions: readonly number[]): TaskStateState => {
  for (const partition of partitions) state.partitions.delete(partition);
  return state;
};

const tasksOf = ({ partitions }: TaskStateState, partition: number): Tasks => {
  const tasks = partitions.get(partition) ?? noTasks();
  partitions.set(partition, tasks);
  return tasks;
};

export const evolve = (state: TaskStateState, event: Folded): TaskStateState => {
  if (event.type === 'MeshConfigured') {
    state.configuration = parseConfiguration(event.data);
    return state;
  }
  const tasks = tasksOf(state, event.partition);
  switch (event.type) {
    case 'TaskSnapshot':
      keep(tasks, event.data);
      break;
    case 'TaskCancelRequested':
      keepCancellation(tasks, event.data.taskId);
      break;
    case 'RequestReceived':
      keepCall(tasks, event.data.request);
      break;
  }
  return state;
};

export const decide = (event: AnyRecorded<TaskStateInput>, state: TaskStateState): Said[] => {
  const tasks = state.partitions.get(event.partition) ?? noTasks();
  switch (event.type) {
    case 'TaskReported':
      return event.source === NAME ? decideDeadline(event, tasks) : decideReport(event, tasks);
    case 'CallReported':
      return decideCall(event, tasks, state.configuration);
    case 'SleepReported':
      return decideSleep(event, tasks);
    case 'TaskCancelRequested':
      return decideCancellation(event, tasks, NAME);
    case 'TimerFired':
      return decideTimer(event);
  }
};
