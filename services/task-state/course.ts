/** What comes of one event for one task: takes updates, judges them, and gathers what is said about them. */
import { type Message, Role, TaskState, type TaskStatus } from '@a2a-js/sdk';
import type * as mesh from '../../schemas/generated.ts';
import { artifactDigest } from '../runtime/a2a/digests.ts';
import { readTask, type Update } from '../runtime/a2a/json.ts';
import { endsTurn, isTerminal, nameOfState, stateOfName } from '../runtime/a2a/states.ts';
import { derivedId } from '../runtime/event.ts';
import { afterUpdate, digestOf, withoutUntimed } from './snapshot.ts';
import {
  deadlineCleared,
  deadlineSet,
  reportRefused,
  responseCompleted,
  type Said,
  taskSnapshot,
  taskUpdated,
} from './statements.ts';
import type { Snapshot } from './tasks.ts';

export const MAX_UPDATES = 10_000;
export const MAX_ARTIFACTS = 1_000;

const SUBMITTED = nameOfState(TaskState.TASK_STATE_SUBMITTED);

/** The event that it comes of. Its time is the time of all that is said. */
interface Cause {
  id: string;
  time: number;
}

export const timestampOf = (time: number): string => new Date(time).toISOString();

/** A status that the mesh itself gives to a task. */
export const statusOfMesh = (cause: Cause, state: TaskState, text: string): TaskStatus => ({
  state,
  timestamp: timestampOf(cause.time),
  message: {
    messageId: derivedId(cause.id, 'task-state', 'status'),
    contextId: '',
    taskId: '',
    role: Role.ROLE_AGENT,
    parts: [{ content: { $case: 'text', value: text }, metadata: undefined, filename: '', mediaType: '' }],
    metadata: undefined,
    extensions: [],
    referenceTaskIds: [],
  },
});

export class Course {
  snapshot: Snapshot;
  readonly #cause: Cause;
  readonly #said: Said[] = [];
  readonly #before: Snapshot | undefined;
  #updates = 0;
  #refusals = 0;

  /** @param isNew whether the task was not known before this event. */
  constructor(cause: Cause, snapshot: Snapshot, isNew: boolean) {
    this.#cause = cause;
    this.snapshot = snapshot;
    this.#before = isNew ? undefined : snapshot;
  }

  /** All that is said: the task's new record, if it has changed, before the rest. */
  statements(): Said[] {
    if (this.snapshot === this.#before) return this.#said;
    const { turn } = this.snapshot;
    const before = this.#before?.turn ?? null;
    const timers =
      before === turn
        ? []
        : [before && deadlineCleared(this.snapshot, before), turn && deadlineSet(this.snapshot, turn)];
    return [taskSnapshot(this.snapshot), ...this.#said, ...timers.filter((timer) => timer !== null)];
  }

  change(changed: Partial<Snapshot>): void {
    this.snapshot = { ...this.snapshot, ...changed };
  }

  say(said: Said): void {
    this.#said.push(said);
  }

  refuse(reason: mesh.RefusalReason, message: string): void {
    this.say(reportRefused(this.snapshot, reason, message, { index: this.#refusals++ }));
  }

  /** The task itself, said for the first time. */
  introduce(task: Extract<Update, { $case: 'task' }>): void {
    this.#tell(task);
    this.change({ turnSequence: this.snapshot.sequence });
    if (task.value.status) this.#endTurnAt(task.value.status);
  }

  /** Tells those who follow the task of it, where they have not been told. */
  announce(): void {
    const { pending, updatedAt } = this.snapshot;
    if (!pending) return;
    this.introduce({ $case: 'task', value: readTask(pending) });
    this.change({ pending: null, updatedAt });
  }

  /** A turn that is open all the same ends with the task as it is: each request has an outcome. */
  beginTurn(turn: mesh.Turn): void {
    this.announce();
    const { state, updatedAt } = this.snapshot;
    const status = { state: stateOfName(state), timestamp: timestampOf(updatedAt), message: undefined };
    this.endTurn(this.#statusUpdate(status));
    const { requestId } = turn;
    this.change({ ...withoutUntimed(this.snapshot), turn, requestId, turnSequence: this.snapshot.sequence });
  }

  /** @param last what the turn ends with. */
  endTurn(last: Update): void {
    const { turn, sequence, turnSequence } = this.snapshot;
    if (!turn) return;
    this.say(responseCompleted(turn, last, sequence - turnSequence, this.#cause.time));
    this.change({ turn: null });
  }

  /** Judges an update, with the mesh's ids in it, and takes it where it may be. A repetition is nothing. */
  update(update: Update): void {
    if (this.#isRepeated(update)) return;
    const wrong = this.#wrongWith(update);
    if (wrong) {
      this.refuse(...wrong);
      return;
    }
    this.#tell(update);
    if (update.$case === 'statusUpdate' && update.value.status) this.#endTurnAt(update.value.status);
  }

  status(status: TaskStatus): void {
    this.update(this.#statusUpdate(status));
  }

  /**
   * The agent answers with a message, and that ends its turn (A2A 1.0, 3.1.1). May be said only while the agent has said
   * nothing else in it.
   */
  answer(message: Message): void {
    const { pending, state, contextId } = this.snapshot;
    const wrong = this.#wrongWithAnswer();
    if (wrong) {
      this.refuse('ILLEGAL_TRANSITION', wrong);
    } else if (pending) {
      // Nobody was told of a task: there was none.
      this.change({ pending: null, state: nameOfState(TaskState.TASK_STATE_COMPLETED), updatedAt: this.#cause.time });
      this.endTurn({ $case: 'message', value: { ...message, taskId: '', contextId } });
    } else if (state === SUBMITTED) {
      this.status({ state: TaskState.TASK_STATE_COMPLETED, timestamp: timestampOf(this.#cause.time), message });
    } else {
      const update: Update = { $case: 'message', value: message };
      this.update(update);
      this.endTurn(update);
    }
  }

  #wrongWithAnswer(): string | undefined {
    const { turn, sequence, turnSequence } = this.snapshot;
    if (!turn) return 'There is no message that this could be the answer to.';
    return sequence > turnSequence
      ? 'A message is an answer only while nothing else was said: say a status.'
      : undefined;
  }

  #statusUpdate(status: TaskStatus): Update {
    const { taskId, contextId } = this.snapshot;
    const message = status.message && { ...status.message, taskId, contextId };
    return { $case: 'statusUpdate', value: { taskId, contextId, status: { ...status, message }, metadata: undefined } };
  }

  #endTurnAt(status: TaskStatus): void {
    if (endsTurn(status.state)) this.endTurn(this.#statusUpdate(this.#timed(status)));
  }

  #isRepeated(update: Update): boolean {
    if (update.$case === 'statusUpdate') return digestOf(update.value.status!) === this.snapshot.status;
    if (update.$case !== 'artifactUpdate' || update.value.append) return false;
    const { artifacts } = this.snapshot;
    const artifact = update.value.artifact!;
    const { artifactId } = artifact;
    return Object.hasOwn(artifacts, artifactId) && artifacts[artifactId] === artifactDigest(artifact);
  }

  #wrongWith(update: Update): [mesh.RefusalReason, string] | undefined {
    const { state, sequence, artifacts } = this.snapshot;
    const next = update.$case === 'statusUpdate' ? update.value.status?.state : undefined;
    if (next === TaskState.TASK_STATE_SUBMITTED && state !== SUBMITTED)
      return ['ILLEGAL_TRANSITION', `The task is in ${state}: it cannot be submitted again.`];
    if (sequence >= MAX_UPDATES && !(next && isTerminal(next)))
      return ['TOO_MANY', `The task has had ${MAX_UPDATES} updates: it can only be ended.`];
    const isNewArtifact =
      update.$case === 'artifactUpdate' && !Object.hasOwn(artifacts, update.value.artifact!.artifactId);
    if (isNewArtifact && Object.keys(artifacts).length >= MAX_ARTIFACTS)
      return ['TOO_MANY', `The task has ${MAX_ARTIFACTS} artifacts: it can have no more.`];
    return undefined;
  }

  /** Lists of tasks are sorted by it: who says none, or what is none, gets the time at which it was heard. */
  #timed(status: TaskStatus): TaskStatus {
    const isTime = !Number.isNaN(Date.parse(status.timestamp ?? ''));
    return isTime ? status : { ...status, timestamp: timestampOf(this.#cause.time) };
  }

  #timedUpdate(update: Update): Update {
    if (update.$case !== 'task' && update.$case !== 'statusUpdate') return update;
    const { status } = update.value;
    return { ...update, value: { ...update.value, status: status && this.#timed(status) } } as Update;
  }

  #tell(update: Update): void {
    this.change({ ...afterUpdate(this.snapshot, update, this.#cause.time), sequence: this.snapshot.sequence + 1 });
    this.say(taskUpdated(this.snapshot, this.#timedUpdate(update), this.#updates++));
  }
}
