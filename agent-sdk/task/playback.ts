import type { Journal, Said } from './journal.ts';
import type { OperationKind, Statement, Told } from './records.ts';

/** An operation has one statement, and a question another one once it is answered. */
const keyOf = (number: number, kind: OperationKind): string =>
  kind === 'answered' ? `${number} answered` : String(number);

/** How far a run has come in its journal: what it was told, and what the runs before it have said in between. */
export class Playback {
  readonly #told: Told[];
  readonly #known: Set<string>;
  readonly #said: Said[];
  readonly #statements: ReadonlyMap<string, Statement>;
  #heard = 0;

  constructor({ told, said }: Journal) {
    this.#told = [...told];
    this.#known = new Set(told.map(({ id }) => id));
    this.#said = [...said];
    this.#statements = new Map(said.map(({ statement }) => [keyOf(statement.number, statement.kind), statement]));
  }

  /** Whether the runs before have said more than this one so far. */
  get replaying(): boolean {
    return this.#said.length > 0;
  }

  /** Something more that was told, if it is new. */
  add(told: Told): void {
    if (this.#known.has(told.id)) return;
    this.#known.add(told.id);
    this.#told.push(told);
  }

  /** What the journal has of an operation. */
  statement(number: number, kind: OperationKind): Statement | undefined {
    return this.#statements.get(keyOf(number, kind));
  }

  /** What was said next, once all has been heard that was heard before. */
  get nextSaid(): Statement | undefined {
    const [next] = this.#said;
    return next && next.after <= this.#heard ? next.statement : undefined;
  }

  /** What was told next, unless something was said before. */
  get nextTold(): Told | undefined {
    return this.nextSaid ? undefined : this.#told[this.#heard];
  }

  /** The task was cancelled, and the run has not heard of it. */
  get cancellation(): Told | undefined {
    return this.#told.slice(this.#heard).find(({ type }) => type === 'CancelDelivered');
  }

  passSaid(): void {
    this.#said.shift();
  }

  passTold(): void {
    this.#heard += 1;
  }

  /** What was said is of no account any more. */
  stop(): void {
    this.#said.length = 0;
  }
}
