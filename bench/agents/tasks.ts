/** Tasks as task-state states them: to fill a log without asking an agent. */
import { TaskStatus } from '@a2a-js/sdk';
import type { TaskSnapshot } from '../../schemas/generated.ts';
import { follow, newId } from '../../services/runtime/event.ts';
import type { Event } from '../../services/runtime/log.ts';
import { digestOf } from '../../services/task-state/snapshot.ts';
import { ANSWER } from '../call.ts';

export interface FilledTask {
  taskId: string;
  contextId: string;
  /** UUIDv7. */
  requestId: string;
  /** Who asked for it. */
  asker: string;
  /** The agent that did it. */
  agent: string;
  /** Whether it waits for an answer of its user; otherwise it is completed. */
  waits: boolean;
  /** When it began, milliseconds since the epoch. */
  time: number;
  /** W3C. */
  traceparent: string;
}

const SOURCE = 'task-state';
const QUESTION = 'Our order service lost a message last night. What would an event log have told us?';
const DEADLINE_MS = 7 * 24 * 3_600_000;
/** When it is answered, after it began. */
export const ANSWERED_MS = 40;

const json = (value: object) => Buffer.from(JSON.stringify(value));
const messageOf = ({ taskId, contextId }: FilledTask, messageId: string, role: string, text: string) => ({
  messageId,
  contextId,
  taskId,
  role,
  parts: [{ text }],
});

/** What the agent said of the task, first and last, as A2A ProtoJSON. */
export const saidOf = (task: FilledTask): { first: object; last: object } => {
  const { taskId, contextId, requestId, waits, time } = task;
  const question = messageOf(task, `${requestId}-q`, 'ROLE_USER', QUESTION);
  const message = messageOf(task, `${requestId}-a`, 'ROLE_AGENT', ANSWER);
  const at = (ms: number) => new Date(time + ms).toISOString();
  const state = waits ? 'TASK_STATE_INPUT_REQUIRED' : 'TASK_STATE_COMPLETED';
  const submitted = { state: 'TASK_STATE_SUBMITTED', timestamp: at(0) };
  return {
    first: { task: { id: taskId, contextId, status: submitted, history: [question] } },
    last: { statusUpdate: { taskId, contextId, status: { state, message, timestamp: at(ANSWERED_MS) } } },
  };
};

export const subjectOf = (asker: string) => ({
  tenant: 'bench',
  unit: 'research',
  agent: asker,
  person: 'owner@example.com',
  credential: asker,
  actors: [],
});

export const turnOf = ({ requestId, asker, agent, time }: FilledTask) => ({
  requestId,
  subject: subjectOf(asker),
  action: 'agent.send',
  resource: { type: 'agent', id: agent },
  target: { id: `a2a/${agent}`, connection: `agent:${agent}`, name: agent },
  attempt: 1,
  deadline: time + DEADLINE_MS,
  startedAt: time,
});

/** Two TaskUpdated, and the TaskSnapshot that compaction leaves. */
export const eventsOf = (task: FilledTask): Event[] => {
  const { taskId, contextId, requestId, asker, agent, waits, time, traceparent } = task;
  const { first, last } = saidOf(task);
  const state = waits ? 'TASK_STATE_INPUT_REQUIRED' : 'TASK_STATE_COMPLETED';
  const subject = subjectOf(asker);
  const of = (key: string) => ({ id: newId(time), key, correlationId: requestId, traceparent });
  const updated = (sequence: number, said: string, update: object, ms: number) =>
    follow(
      SOURCE,
      of(contextId),
      `update-${sequence}`,
      'TaskUpdated',
      { taskId, agent, subject, requestId, sequence, state: said, update: json(update), parentTaskId: '' },
      time + ms,
    );
  const snapshot: TaskSnapshot = {
    taskId,
    contextId,
    agent,
    subject,
    state,
    sequence: 2,
    createdAt: time,
    updatedAt: time + ANSWERED_MS,
    parentTaskId: '',
    turn: null,
    remote: null,
    status: digestOf(TaskStatus.fromJSON((last as { statusUpdate: { status: object } }).statusUpdate.status)),
    artifacts: {},
    messages: [`${requestId}-q`, `${requestId}-a`],
    pending: null,
    requestId,
    turnSequence: 1,
    reported: -1,
  };
  const key = `${contextId}/${taskId}`;
  return [
    updated(1, 'TASK_STATE_SUBMITTED', first, 0),
    updated(2, state, last, ANSWERED_MS),
    follow(SOURCE, of(key), 'snapshot', 'TaskSnapshot', snapshot, time + ANSWERED_MS),
  ];
};
