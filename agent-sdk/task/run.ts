import { Diverged, TooLarge } from '../errors.ts';
import { derivedId } from '../ids.ts';
import { difference, missing } from './difference.ts';
import { Hearing, type Incoming } from './hearing.ts';
import type { Journal } from './journal.ts';
import { type Operation, Operations } from './operations.ts';
import { Playback } from './playback.ts';
import type { OperationKind, Saying, Statement, Told } from './records.ts';
import { answered, ended, failed, fits, type Result, sizeOf } from './sayings.ts';

/** What is to be said, before it is known what it follows. */
type Unplaced = Omit<Statement, 'correlationId' | 'causationId' | 'traceparent'> & Saying;

export interface RunOptions {
  agent: string;
  journal: Journal;
  /** The agent's code. */
  handle(run: TaskRun): Promise<Result>;
  /** Resolves once these are in the outbox, in order, and nothing else of the task lies there that the run does not know. */
  append(statements: readonly Statement[]): Promise<void>;
  now(): number;
  /** Told when there is nothing to do until the mesh says more, or ever. */
  quiet(): void;
}

const macrotask = () => new Promise<void>((resolve) => setImmediate(resolve));

/**
 * One run of a handler: over the journal first, then live. The handler learns things one at a time and in one order, that
 * of the journal, with all that follows from one done before the next: so it asks for the same things each time.
 */
export class TaskRun {
  readonly agent: string;
  readonly taskId: string;
  readonly contextId: string;
  readonly #options: RunOptions;
  readonly #journal: Playback;
  readonly #operations = new Operations();
  readonly #hearing: Hearing;
  readonly #stopping = new AbortController();
  #unbegun: Operation[] = [];
  #unstated: Unplaced[] = [];
  #landed: Statement[] = [];
  #working = 0;
  #said = false;
  #result: Result | undefined;
  #closed: Error | undefined;
  /** Closed with nothing to say. */
  #silent = false;
  #ended = false;
  #abandoned = false;
  #woken = Promise.withResolvers<void>();

  constructor(options: RunOptions) {
    const [first] = options.journal.told;
    if (first?.type !== 'MessageDelivered') throw new Error('a journal begins with a message');
    this.#options = options;
    this.agent = options.agent;
    this.taskId = first.data.taskId;
    this.contextId = first.contextId;
    this.#journal = new Playback(options.journal);
    this.#hearing = new Hearing(first, this.#operations);
  }

  get subject() {
    return this.#hearing.turn.data.subject;
  }
  /** Milliseconds since the epoch: the turn's. */
  get deadline(): number {
    return this.#hearing.turn.data.deadline;
  }
  /** All messages of the person up to the last answer to a question. */
  get messages(): readonly Incoming[] {
    return this.#hearing.messages;
  }
  get signal(): AbortSignal {
    return this.#stopping.signal;
  }
  get replaying(): boolean {
    return this.#journal.replaying;
  }
  /** The agent has said its last about the task. */
  get ended(): boolean {
    return this.#ended;
  }
  /** Nothing that the agent says is heard any more; its code may still be at work. */
  get silent(): boolean {
    return this.#silent;
  }
  now(): number {
    return this.#options.now();
  }
  /** Derived from the task and what it is for: the same whenever the code runs. */
  idFor(...parts: readonly (string | number)[]): string {
    return derivedId(this.agent, this.taskId, ...parts);
  }

  start(): void {
    void this.#pump();
  }

  /** The mesh has told something more. What was told before is nothing. */
  deliver(told: Told): void {
    this.#wake();
    if (!this.#ended && !this.#abandoned) this.#journal.add(told);
    if (!this.replaying) this.#hearCancellation();
  }

  /** Does nothing more: somebody else goes on with the task, or a later run. */
  abandon(): void {
    this.#abandoned = true;
    this.#wake();
  }

  /** An operation of the handler. What `make` gives must follow from the code alone. */
  begin<T>(make: Parameters<Operations['add']>[0]): Promise<T> {
    if (this.#abandoned) return new Promise<T>(() => {});
    if (this.#closed || this.#result) return Promise.reject(this.#closed ?? new Error('the handler has returned'));
    const { operation, promise } = this.#operations.add(make);
    const { number, kind, saying } = operation;
    if (saying?.type === 'AgentReported') this.#said = true;
    const journal = this.#journal.statement(number, kind);
    const differs = journal && difference(number, { kind: journal.kind, saying: journal }, operation);
    if (differs !== undefined) this.#fail(new Diverged(differs));
    else if (saying && !fits(saying)) operation.settle(refuseSize(sizeOf(saying)));
    else if (!journal && saying) this.#unstated.push(this.#statement(number, kind, saying));
    else if (!journal) this.#unbegun.push(operation);
    this.#wake();
    return promise as Promise<T>;
  }

  async #pump(): Promise<void> {
    this.#hearNext();
    if (!this.#closed)
      this.#options.handle(this).then(
        (result) => this.#return(result),
        (error: unknown) => this.#return({ error }),
      );
    for (;;) {
      // What follows from the last step has been done by then, unless it waits for something that is not in `ctx`.
      await macrotask();
      if (this.#abandoned) return;
      if (this.#settleNext() || (await this.#say()) || this.#hearNext()) continue;
      if (this.#ended || this.#isQuiet()) this.#options.quiet();
      if (this.#ended) return;
      await this.#woken.promise;
      this.#woken = Promise.withResolvers();
    }
  }

  #wake(): void {
    this.#woken.resolve();
  }

  #isQuiet(): boolean {
    if (this.#closed || this.#working > 0 || this.replaying) return false;
    return this.#operations.waiting;
  }

  /** One statement that has landed, or that the journal has next, ends its operation. */
  #settleNext(): boolean {
    if (this.#closed) return false;
    const landed = this.#landed.shift();
    if (landed) return this.#settle(landed);
    const next = this.#journal.nextSaid;
    if (!next || !this.#operations.get(next.number)) return false;
    this.#journal.passSaid();
    return this.#settle(next);
  }

  #settle(statement: Statement): true {
    const operation = statement.kind === 'end' ? undefined : this.#operations.get(statement.number);
    if (statement.kind === 'end') this.#ended = true;
    else if (operation) operation.stated = true;
    if (operation?.read && !operation.settled) operation.settle(operation.read(statement));
    return true;
  }

  /** Goes on where the journal ends. */
  async #say(): Promise<boolean> {
    if (this.replaying) return this.#closeUnfinished();
    if (this.#hearCancellation()) return true;
    for (const operation of this.#unbegun.splice(0)) void this.#work(operation);
    if (this.#result && !this.#closed) this.#finish();
    if (this.#unstated.length === 0) return false;
    // What the code asked for while the journal was read follows from the journal's end.
    const { turn, last } = this.#hearing;
    const cause = { correlationId: turn.data.requestId, causationId: last.id, traceparent: last.traceparent };
    const statements = this.#unstated.splice(0).map((statement): Statement => ({ ...statement, ...cause }));
    try {
      await this.#options.append(statements);
    } catch (error) {
      this.#fail(error as Error);
      return true;
    }
    if (!this.#closed) this.#landed.push(...statements);
    else if (statements.some(({ kind }) => kind === 'end')) this.#ended = true;
    return true;
  }

  async #work(operation: Operation): Promise<void> {
    this.#working += 1;
    const saying = await operation.work!();
    this.#working -= 1;
    if (!this.#closed && !this.#ended) this.#unstated.push(this.#statement(operation.number, operation.kind, saying));
    this.#wake();
  }

  #statement(number: number, kind: OperationKind, saying: Saying): Unplaced {
    const id = kind === 'end' ? this.idFor('end') : this.idFor(number, kind);
    return { ...saying, id, number, kind, contextId: this.contextId, time: this.now() };
  }

  #hearNext(): boolean {
    const next = this.#closed ? undefined : this.#journal.nextTold;
    if (!next) return false;
    this.#journal.passTold();
    this.#hear(next);
    return true;
  }

  /** Not in its turn: what the agent is about to say is of no use any more. */
  #hearCancellation(): boolean {
    const told = this.#closed || this.#abandoned ? undefined : this.#journal.cancellation;
    if (told) this.#hear(told);
    return told !== undefined;
  }

  #hear(told: Told): void {
    const consequence = this.#hearing.hear(told);
    if (!consequence) return;
    if ('silenced' in consequence) this.#silence(consequence.silenced);
    else if ('failed' in consequence) this.#fail(consequence.failed);
    else if (!this.#journal.statement(consequence.answered.number, 'answered'))
      this.#unstated.push(this.#statement(consequence.answered.number, 'answered', answered(this)));
  }

  #return(result: Result): void {
    this.#result = result;
    if (this.#silent) this.#ended = true;
    this.#wake();
  }

  #finish(): void {
    this.#closed = new Error('the handler has returned');
    const saying = ended(this, this.#result!, this.#said);
    const fitting = fits(saying) ? saying : failed(this, `The answer is too large: ${sizeOf(saying)} bytes.`);
    this.#unstated.push(this.#statement(this.#operations.next, 'end', fitting));
  }

  /** The code has ended, and the journal says that it had asked for more. */
  #closeUnfinished(): boolean {
    const next = this.#journal.nextSaid;
    if (!next || !this.#result || this.#closed || this.#operations.get(next.number)) return false;
    this.#fail(new Diverged(missing(next.number, { kind: next.kind, saying: next })));
    return true;
  }

  /** The task ends as FAILED, whatever the handler makes of it. */
  #fail(error: Error): void {
    this.#close(error);
    this.#unstated.push(this.#statement(this.#operations.next, 'end', failed(this, error.message)));
  }

  /** Nothing that the agent says is heard any more: the task ends with its handler. */
  #silence(error: Error): void {
    this.#silent ||= !this.#closed;
    this.#close(error);
    if (this.#silent && this.#result) this.#ended = true;
  }

  #close(error: Error): void {
    if (this.#closed) return;
    this.#closed = error;
    this.#journal.stop();
    this.#unbegun.length = 0;
    this.#unstated.length = 0;
    this.#landed.length = 0;
    this.#stopping.abort(error);
    this.#operations.settleAll(() => {
      throw error;
    });
  }
}

const refuseSize = (bytes: number) => () => {
  throw new TooLarge(bytes);
};
