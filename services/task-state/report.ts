/** What comes of what an agent is said to have said of a task. */
import { Role, type Task, TaskState } from '@a2a-js/sdk';
import type * as mesh from '../../schemas/generated.ts';
import { differences } from '../runtime/a2a/differences.ts';
import { MalformedError, readUpdate, type Update, writeTask } from '../runtime/a2a/json.ts';
import { rewriteIds, rewriteTaskIds } from '../runtime/a2a/rewrite-ids.ts';
import { endsTurn, isTerminal, nameOfState, stateOfName } from '../runtime/a2a/states.ts';
import type { Recorded } from '../runtime/log.ts';
import { Course, MAX_ARTIFACTS, statusOfMesh } from './course.ts';
import { afterUpdate, digestOf } from './snapshot.ts';
import { cancelRequested, reportRefused, responseFailed, type Said } from './statements.ts';
import { type Ended, openToCancel, type Snapshot, type Tasks } from './tasks.ts';

type Report = Recorded<'TaskReported'>;
type Reported = Recorded<'TaskReported' | 'CallReported' | 'SleepReported'>;
type Refusal = [mesh.RefusalReason, string];

const UNKNOWN: Refusal = ['UNKNOWN_TASK', 'There is no such task, or it ended long ago.'];
const NOT_ITS: Refusal = ['NOT_ITS_TASK', "The task is another agent's."];
export const ENDED: Refusal = ['TASK_ENDED', 'The task has ended.'];

/** The task that an agent speaks of: open and its own, or ended and its own, or why it may not speak of it. */
export const standing = (tasks: Tasks, event: Reported): { open?: Snapshot; ended?: Ended } | Refusal => {
  const { taskId, agent } = event.data;
  const open = tasks.open.get(taskId);
  const ended = tasks.ended.get(taskId);
  if (open ? open.contextId !== event.key : !ended) return UNKNOWN;
  if ((open ?? ended)?.agent !== agent) return NOT_ITS;
  return open ? { open } : { ended: ended! };
};

/** A request that is never to be answered by its task is answered with the refusal. */
const refused = ({ data }: Report, [reason, message]: Refusal): Said[] => [
  reportRefused(data, reason, message),
  ...(data.turn ? [responseFailed(data.turn, message)] : []),
];

const read = ({ data, key }: Report): Update | MalformedError => {
  try {
    return rewriteIds(readUpdate(data.update), { taskId: data.taskId, contextId: key });
  } catch (error) {
    if (error instanceof MalformedError) return error;
    throw error;
  }
};

const blank = ({ data, key, time, offset }: Report, turn: mesh.Turn): Snapshot => ({
  taskId: data.taskId,
  contextId: key,
  agent: data.agent,
  subject: turn.subject,
  state: nameOfState(TaskState.TASK_STATE_UNSPECIFIED),
  sequence: 0,
  createdAt: time,
  updatedAt: time,
  parentTaskId: data.parentTaskId,
  turn,
  remote: data.remote,
  status: '',
  artifacts: {},
  messages: [],
  pending: null,
  requestId: turn.requestId,
  turnSequence: 0,
  reported: offset,
});

type Introduced = Extract<Update, { $case: 'task' }>;

/** The task, or why it can't be taken. */
const introduced = (update: Update | MalformedError): Introduced | Refusal => {
  if (update instanceof MalformedError) return ['MALFORMED', update.message];
  if (update.$case !== 'task') return ['MALFORMED', 'What is said first of a task must be the task.'];
  if (update.value.artifacts.length > MAX_ARTIFACTS)
    return ['TOO_MANY', `A task can have no more than ${MAX_ARTIFACTS} artifacts.`];
  return update;
};

const failed = (event: Report, message: string): Introduced => {
  const ids = { taskId: event.data.taskId, contextId: event.key };
  const status = statusOfMesh(event, TaskState.TASK_STATE_FAILED, `What the agent said was not taken: ${message}`);
  const task: Task = { id: '', contextId: '', status, artifacts: [], history: [], metadata: undefined };
  return { $case: 'task', value: rewriteTaskIds(task, ids) };
};

const CANCELED = nameOfState(TaskState.TASK_STATE_CANCELED);
const PARENT_CANCELLED = 'The task that it was begun for was cancelled.';

/** A task that begins. Where what is said of it can't be taken it has failed: who asked is to hear of it. */
const begin = (event: Report, turn: mesh.Turn, update: Update | MalformedError, tasks: Tasks): Said[] => {
  const { announced, parentTaskId } = event.data;
  const course = new Course(event, blank(event, turn), true);
  const first = introduced(update);
  if (Array.isArray(first)) {
    course.refuse(...first);
    course.introduce(failed(event, first[1]));
  } else if (announced || endsTurn(first.value.status!.state)) course.introduce(first);
  else course.change({ ...afterUpdate(course.snapshot, first, event.time), pending: writeTask(first.value) });
  // It was on its way when the task that it is for was cancelled.
  const isOpen = !isTerminal(stateOfName(course.snapshot.state));
  if (tasks.ended.get(parentTaskId)?.state === TaskState.TASK_STATE_CANCELED && isOpen)
    course.say(cancelRequested(course.snapshot, turn.subject, PARENT_CANCELLED));
  return course.statements();
};

const takeMessage = (course: Course, update: Extract<Update, { $case: 'message' }>, opensTurn: boolean): void => {
  if (update.value.role !== Role.ROLE_USER) course.answer(update.value);
  else if (!opensTurn) course.refuse('ILLEGAL_TRANSITION', 'An agent does not speak as the user.');
  else {
    course.update(update);
    course.change({ turnSequence: course.snapshot.sequence });
  }
};

const goOn = (event: Report, known: Snapshot, update: Update | MalformedError, tasks: Tasks): Said[] => {
  const { turn, remote } = event.data;
  if (turn?.requestId === known.requestId) return [];
  const course = new Course(event, known, false);
  if (turn) course.beginTurn(turn);
  if (remote && (remote.taskId !== known.remote?.taskId || remote.contextId !== known.remote.contextId))
    course.change({ remote });
  if (update instanceof MalformedError) course.refuse('MALFORMED', update.message);
  else if (update.$case === 'message') takeMessage(course, update, turn !== null);
  else {
    course.announce();
    const updates = update.$case === 'task' ? differences(course.snapshot, update.value) : [update];
    for (const one of updates) course.update(one);
  }
  if (course.snapshot !== known) course.change({ reported: event.offset });
  // What began after the cancellation was heard of, and before its end was.
  if (course.snapshot.state === CANCELED)
    for (const task of openToCancel(tasks, known.taskId))
      course.say(cancelRequested(task, known.subject, PARENT_CANCELLED));
  return course.statements();
};

/** A task that has ended stays as it is. To say again how it ended is nothing, and so is to cancel it. */
const tooLate = (event: Report, ended: Ended, update: Update | MalformedError): Said[] => {
  const { turn } = event.data;
  if (turn?.requestId === ended.requestId) return [];
  if (turn) return refused(event, ENDED);
  if (update instanceof MalformedError) return refused(event, ['MALFORMED', update.message]);
  const status = update.$case === 'task' || update.$case === 'statusUpdate' ? update.value.status : undefined;
  const isNothing = status && (digestOf(status) === ended.status || status.state === TaskState.TASK_STATE_CANCELED);
  return isNothing ? [] : refused(event, ENDED);
};

export const decideReport = (event: Report, tasks: Tasks): Said[] => {
  const { taskId, turn } = event.data;
  const known = tasks.open.get(taskId) ?? tasks.ended.get(taskId);
  if (known && event.offset <= known.reported) return [];
  const update = read(event);
  if (!known && turn) {
    // A message continues a task; anything else begins one.
    const continues = !(update instanceof MalformedError) && update.$case === 'message';
    return continues ? refused(event, UNKNOWN) : begin(event, turn, update, tasks);
  }
  const found = standing(tasks, event);
  if (Array.isArray(found)) return refused(event, found);
  return found.open ? goOn(event, found.open, update, tasks) : tooLate(event, found.ended!, update);
};
