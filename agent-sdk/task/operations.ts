import type { Asked } from './difference.ts';
import type { Saying } from './records.ts';

/** How an operation ends: with what it returns, or by what it throws. */
export type Outcome = () => unknown;

interface Request extends Asked {
  /** Does a step; gives the record of how it went. Undefined where there is a `saying` at once. */
  work?: () => Promise<Saying>;
  /** How the operation ended, from its own record; undefined where it ends by what the mesh tells. */
  read?: (saying: Saying) => Outcome;
  /** Of a call: what the answer says. */
  answer?: (message: Buffer) => unknown;
}

/** Something that the handler awaits. */
export interface Operation extends Request {
  readonly number: number;
  /** Whether it is in the outbox. */
  stated: boolean;
  settled: boolean;
  settle(outcome: Outcome): void;
}

/** The operations of one run of a handler, numbered in the order of the program. */
export class Operations {
  readonly #all: Operation[] = [];
  readonly #open = new Set<Operation>();

  /** The first question that is asked and not answered. */
  get question(): Operation | undefined {
    return [...this.#open].find(({ kind, stated }) => kind === 'ask' && stated);
  }

  /** Whether something is stated that the mesh will tell the end of. */
  get waiting(): boolean {
    return [...this.#open].some(({ stated, read }) => stated && !read);
  }

  get next(): number {
    return this.#all.length;
  }

  get(number: number): Operation | undefined {
    return this.#all[number];
  }

  /** By the name that records of the inbox have for it, `c3` or `t4`, while it is open. */
  open(name: string): Operation | undefined {
    const found = this.#all[Number(/^[ct](\d+)$/.exec(name)?.[1] ?? -1)];
    return found && !found.settled && name === nameOf(found) ? found : undefined;
  }

  /** @param make told the number. */
  add(make: (number: number) => Request): { operation: Operation; promise: Promise<unknown> } {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    // Who raced it against something else may not listen any more.
    promise.catch(() => {});
    const settle = (outcome: Outcome) => {
      operation.settled = true;
      this.#open.delete(operation);
      try {
        resolve(outcome());
      } catch (error) {
        reject(error);
      }
    };
    const number = this.#all.length;
    const operation: Operation = { ...make(number), number, stated: false, settled: false, settle };
    this.#all.push(operation);
    this.#open.add(operation);
    return { operation, promise };
  }

  /** All that are open end so. */
  settleAll(outcome: Outcome): void {
    for (const operation of this.#open) operation.settle(outcome);
  }
}

/** What the mesh calls an operation by: calling again after a crash is the same call. */
export const nameOf = ({ kind, number }: Pick<Operation, 'kind' | 'number'>): string =>
  `${kind === 'sleep' ? 't' : 'c'}${number}`;
