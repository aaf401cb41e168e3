/** What is promised of tasks of MCP, each as a function of what their clients were told, and of the log. */
import { isDeepStrictEqual } from 'node:util';
import type { LoggedRecord, UpstreamCall, Violation } from '../../invariants/index.ts';
import { firstOfEach, groupedBy, ofTypes } from '../../invariants/reading.ts';
import { outcomeTypes } from '../../services/runtime/edge/outcomes.ts';
import { readOutcome } from '../../services/runtime/mcp/message.ts';
import type { Arrival } from '../cluster.ts';
import { type GivenTask, isEnded, type TaskCancelled, type TaskTold } from './task-clients.ts';
import type { Result } from './wire.ts';

export interface TaskEvidence {
  given: readonly GivenTask[];
  /** In the order in which they were told. */
  told: readonly TaskTold[];
  cancelled: readonly TaskCancelled[];
  /** Of tools, as their servers saw them. */
  calls: readonly UpstreamCall[];
  records: readonly LoggedRecord[];
  /** Of each record, by its sequence. */
  arrivals: readonly Arrival[];
}

/** After so long every process has heard what is in the log, and begun what it was about to begin: it may have been frozen, and hears late. */
const HEARD_MS = 40_000;

const violation = (invariant: string, { requestId }: GivenTask, message: string): Violation => ({
  invariant,
  contextId: '',
  requestId,
  message,
});

/** The first one counts. */
const outcomesOf = (records: readonly LoggedRecord[]) =>
  groupedBy(ofTypes(firstOfEach(records), ...outcomeTypes), ({ correlationId }) => correlationId);

/** A task is given once its request is in the log; from then on no process does not know it, or fails to say how it is. */
export const tasksKept = ({ given, told, records }: TaskEvidence): Violation[] => {
  const requests = new Set(ofTypes(records, 'RequestReceived').map(({ correlationId }) => correlationId));
  const ofNothing = given.filter(({ requestId }) => !requests.has(requestId));
  // The log could not be reached, or the process stops.
  const isElsewhere = (code: number) => code === 503;
  return [
    ...ofNothing.map((task) => violation('tasks kept', task, 'the log has no request of a task that was given')),
    ...told.flatMap(({ task, by, error }) =>
      !error || isElsewhere(error.code)
        ? []
        : [violation('tasks kept', task, `${by.name} said of a task: ${error.code} ${error.message}`)],
    ),
  ];
};

const endOf = ({ status, result, error }: Result) => ({ status, result, error });

/**
 * A task that has ended stays as it ended: whoever says that it has says the same end, who has said so once says nothing else
 * again, and after a while every process says so.
 */
export const tasksForward = ({ told, records, arrivals }: TaskEvidence): Violation[] => {
  const outcomes = outcomesOf(records);
  return [...groupedBy(told, ({ task }) => task.taskId).values()].flatMap((own) => {
    const { task } = own[0]!;
    const first = own.find(({ result }) => isEnded(result))?.result;
    const known = new Set<unknown>();
    const outcome = outcomes.get(task.requestId)?.[0];
    const endedAt = outcome ? arrivals[outcome.sequence ?? 0]!.at : Number.POSITIVE_INFINITY;
    return own.flatMap(({ result, by, askedAt, isLast }) => {
      if (!result) return [];
      if (isEnded(result)) {
        known.add(by);
        if (isDeepStrictEqual(endOf(result), endOf(first!))) return [];
        const message = `it had ended as ${JSON.stringify(endOf(first!))}, and ${by.name} says ${JSON.stringify(endOf(result))}`;
        return [violation('tasks forward', task, message)];
      }
      const says = `${by.name} says that it is ${String(result.status)}`;
      if (known.has(by)) return [violation('tasks forward', task, `it had ended, and ${says}`)];
      const isLate = isLast ? outcome !== undefined : askedAt > endedAt + HEARD_MS;
      return isLate ? [violation('tasks forward', task, `it has long ended, and ${says}`)] : [];
    });
  });
};

/** How an outcome of a request ends its task. */
const endBy = (event: LoggedRecord): { status: string; result?: unknown } => {
  if (event.type === 'ResponseFailed' && event.data.failure.reason === 'CANCELLED') return { status: 'cancelled' };
  const said = event.type === 'ResponseCompleted' ? readOutcome(event.data.message) : undefined;
  return said && 'result' in said ? { status: 'completed', result: said.result } : { status: 'failed' };
};

/** A task ends as its request does in the log. */
export const tasksEndAsLogged = ({ told, records }: TaskEvidence): Violation[] => {
  const outcomes = outcomesOf(records);
  return told.flatMap(({ task, by, result }) => {
    if (!result || !isEnded(result)) return [];
    const outcome = outcomes.get(task.requestId)?.[0];
    const logged = outcome ? endBy(outcome) : { status: 'open' };
    if (result.status === logged.status && isDeepStrictEqual(result.result, logged.result)) return [];
    const message = `${by.name} says ${JSON.stringify(endOf(result))}, and the log ${JSON.stringify(logged)}`;
    return [violation('tasks end as logged', task, message)];
  });
};

/** A task that was cancelled is not begun any more: not once that is how it ended, nor a while after a process has confirmed it. */
export const cancelledNotBegun = ({ given, cancelled, calls, records }: TaskEvidence): Violation[] => {
  const outcomes = outcomesOf(records);
  return given.flatMap((task) => {
    const outcome = outcomes.get(task.requestId)?.[0];
    const isCancelled = outcome?.type === 'ResponseFailed' && outcome.data.failure.reason === 'CANCELLED';
    const confirmed = cancelled.find((one) => one.task === task)?.at ?? Number.POSITIVE_INFINITY;
    const late = calls.some(
      ({ requestId, at, logged = 0 }) =>
        requestId === task.requestId &&
        ((isCancelled && logged > (outcome.sequence ?? 0)) || at > confirmed + HEARD_MS),
    );
    return late ? [violation('cancelled not begun', task, 'its server was called after it was cancelled')] : [];
  });
};

export const tasksTruth = (evidence: TaskEvidence): Violation[] =>
  [tasksKept, tasksForward, tasksEndAsLogged, cancelledNotBegun].flatMap((find) => find(evidence));
