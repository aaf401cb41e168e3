/** States of tasks: A2A 1.0, 4.1.3. */
import { TaskState, taskStateFromJSON, taskStateToJSON } from '@a2a-js/sdk';

const TERMINAL: ReadonlySet<TaskState> = new Set([
  TaskState.TASK_STATE_COMPLETED,
  TaskState.TASK_STATE_FAILED,
  TaskState.TASK_STATE_CANCELED,
  TaskState.TASK_STATE_REJECTED,
]);
const INTERRUPTED: ReadonlySet<TaskState> = new Set([
  TaskState.TASK_STATE_INPUT_REQUIRED,
  TaskState.TASK_STATE_AUTH_REQUIRED,
]);

/** Nothing comes after it. */
export const isTerminal = (state: TaskState): boolean => TERMINAL.has(state);

/** The agent waits for whoever asked. */
export const isInterrupted = (state: TaskState): boolean => INTERRUPTED.has(state);

/** Whether the agent's turn is over with it. */
export const endsTurn = (state: TaskState): boolean => isTerminal(state) || isInterrupted(state);

/** E.g. TASK_STATE_WORKING. */
export const nameOfState = (state: TaskState): string => taskStateToJSON(state);

/** UNRECOGNIZED for a name that is none. */
export const stateOfName = (name: string): TaskState => taskStateFromJSON(name);
