/** A task of the extension io.modelcontextprotocol/tasks (SEP-2663) is a fold of its request's own events. Pure. */
import { topics } from '../../../../topics/index.ts';
import { durationMs } from '../../../runtime/governance/desired.ts';
import type { Recorded } from '../../../runtime/log.ts';
import { isQuestion, type McpNotification, readChunk, readOutcome, withdrawnBy } from '../../../runtime/mcp/message.ts';
import type { HeardEvent } from '../events.ts';
import { deadline, errorOf, failed, unroutable } from '../problems.ts';
import type { TaskRef } from './task-id.ts';

/** As long as the log keeps answers. */
export const TTL_MS = durationMs(topics['mesh.responses'].retention!);
/** After its deadline a request may still be said to have failed, by a clock that goes behind. */
export const GRACE_MS = 30_000;
const POLL = { leastMs: 500, mostMs: 5_000, shareOfAge: 1 / 4 };

type End =
  | { status: 'completed'; result: Record<string, unknown> }
  | { status: 'failed'; error: { code: number; message: string; data?: unknown } }
  | { status: 'cancelled' };

export interface TaskState {
  /** Milliseconds since the epoch. */
  updated: number;
  /** What its server said last of its progress. */
  said: string | undefined;
  attempt: number;
  /** What its server asked, by input id. */
  questions: ReadonlyMap<string, McpNotification>;
  /** The input ids of what was answered or withdrawn, which may be heard of before the question. */
  answered: ReadonlySet<string>;
  end: End | undefined;
}

export const newTask = ({ begun }: TaskRef): TaskState => ({
  updated: begun,
  said: undefined,
  attempt: 0,
  questions: new Map(),
  answered: new Set(),
  end: undefined,
});

const failedBy = (problem: unknown): End => ({ status: 'failed', error: errorOf(problem) });

/** The questions that wait for an answer. */
export const outstanding = ({ questions, answered }: TaskState): [string, McpNotification][] =>
  [...questions].filter(([id]) => !answered.has(id));

const afterChunk = (state: TaskState, { data, time }: Recorded<'ResponseChunk'>): TaskState => {
  const { attempt, payload } = data;
  if (attempt < state.attempt) return state;
  const chunk = readChunk(payload);
  // What an earlier attempt asked nobody waits for.
  const questions = attempt > state.attempt ? new Map<string, McpNotification>() : state.questions;
  const next = { ...state, attempt, questions, updated: Math.max(state.updated, time) };
  if (isQuestion(chunk)) {
    const { id, method, params } = chunk;
    return { ...next, questions: new Map(questions).set(id, { method, params: params ?? {} }) };
  }
  const withdrawn = withdrawnBy(chunk);
  if (withdrawn !== undefined) return { ...next, answered: new Set(state.answered).add(withdrawn) };
  const { message } = chunk.params ?? {};
  const isNews = chunk.method === 'notifications/progress' && typeof message === 'string' && time >= state.updated;
  return isNews ? { ...next, said: message } : next;
};

const endBy = (
  event: Exclude<HeardEvent, Recorded<'ResponseChunk'> | Recorded<'RequestPermitted'> | Recorded<'InputProvided'>>,
  wordDenial: (denial: Recorded<'RequestDenied'>['data']) => Error,
): End => {
  switch (event.type) {
    case 'ResponseCompleted': {
      const outcome = readOutcome(event.data.message);
      return 'result' in outcome
        ? { status: 'completed', result: outcome.result }
        : { status: 'failed', error: outcome.error };
    }
    case 'RequestDenied':
      return failedBy(wordDenial(event.data));
    case 'RequestUnroutable':
      return failedBy(unroutable(event.data));
    default:
      return event.data.failure.reason === 'CANCELLED' ? { status: 'cancelled' } : failedBy(failed(event.data));
  }
};

/** @param time when it was given, milliseconds since the epoch. */
export const withAnswer = (state: TaskState, inputId: string, time: number): TaskState => ({
  ...state,
  updated: Math.max(state.updated, time),
  answered: new Set(state.answered).add(inputId),
});

/**
 * Events may come more than once, and those of different topics in any order: once it has ended, a task does not change.
 * @throws SyntaxError, ZodError where an event is none that the mesh states
 */
export const evolve = (
  state: TaskState,
  event: HeardEvent,
  wordDenial: (denial: Recorded<'RequestDenied'>['data']) => Error,
): TaskState => {
  if (state.end) return state;
  const updated = Math.max(state.updated, event.time);
  switch (event.type) {
    case 'RequestPermitted':
      return state;
    case 'ResponseChunk':
      return afterChunk(state, event);
    case 'InputProvided':
      return withAnswer(state, event.data.inputId, event.time);
    default:
      return { ...state, updated, end: endBy(event, wordDenial) };
  }
};

const detailsOf = (state: TaskState, isLate: boolean): Record<string, unknown> => {
  const end = state.end ?? (isLate ? failedBy(deadline()) : undefined);
  if (end) return { ...end, ...(end.status === 'failed' ? { statusMessage: end.error.message } : {}) };
  const asked = outstanding(state);
  const said = state.said === undefined ? {} : { statusMessage: state.said };
  if (asked.length === 0) return { status: 'working', ...said };
  return { status: 'input_required', ...said, inputRequests: Object.fromEntries(asked) };
};

/** Its metadata, as CreateTaskResult has it (Task). @param now milliseconds since the epoch. */
export const taskOf = (taskId: string, { begun }: TaskRef, { updated }: TaskState, now: number) => ({
  taskId,
  status: 'working',
  createdAt: new Date(begun).toISOString(),
  lastUpdatedAt: new Date(updated).toISOString(),
  ttlMs: TTL_MS,
  pollIntervalMs: Math.round(Math.min(Math.max((now - begun) * POLL.shareOfAge, POLL.leastMs), POLL.mostMs)),
});

/** As tasks/get has it (DetailedTask). @param now milliseconds since the epoch. */
export const detailedTaskOf = (
  taskId: string,
  ref: TaskRef,
  state: TaskState,
  now: number,
): Record<string, unknown> => ({
  ...taskOf(taskId, ref, state, now),
  ...detailsOf(state, now > ref.deadline + GRACE_MS),
});
