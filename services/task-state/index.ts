import { caseOf } from '../runtime/a2a/json.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { type Folded, type Processor, processorService } from '../runtime/processor.ts';
import type { TaskStateOutput } from './statements.ts';
import {
  decide,
  evolve,
  forget,
  initialState,
  NAME,
  reads,
  type TaskStateInput,
  type TaskStateState,
} from './task-state.ts';

const observe = (event: Folded, { taskTransitions, reportsRefused }: Metrics): void => {
  if (event.type === 'ReportRefused') reportsRefused.inc({ agent: event.data.agent, reason: event.data.reason });
  if (event.type !== 'TaskUpdated') return;
  const { agent, state, update } = event.data;
  const said = caseOf(update);
  if (said === 'task' || said === 'statusUpdate') taskTransitions.inc({ agent, state });
};

export const taskStateProcessor: Processor<TaskStateState, TaskStateInput, TaskStateOutput> = {
  name: NAME,
  reads,
  follows: ['MeshConfigured'],
  keeps: ['TaskSnapshot'],
  // A call changes nothing of its task's record, nor does a deadline before it is heard as a report. Whatever else follows from
  // an event, the record follows too, or it may be said again.
  settledBy: ['TaskSnapshot', 'RequestReceived', 'TaskReported'],
  writes: [
    'TaskUpdated',
    'ReportRefused',
    'TaskSnapshot',
    'ResponseCompleted',
    'ResponseFailed',
    'RequestReceived',
    'TimerSet',
    'TimerCleared',
    'TaskCancelRequested',
    'TaskReported',
  ],
  initialState,
  decide,
  evolve,
  forget,
  observe,
};

/** Where does each task stand? */
export const taskState = processorService(taskStateProcessor);
