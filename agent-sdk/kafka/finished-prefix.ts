/** Which records of a partition are done with: handed over in order, finished in any order, committed up to the first that is not. */
export class FinishedPrefix {
  /** The offset after the last record handed over. */
  next: number;
  readonly #unfinished: { offset: number; finished: boolean }[] = [];

  constructor(next: number) {
    this.next = next;
  }

  /** The offset that may be committed. */
  get committable(): number {
    return this.#unfinished[0]?.offset ?? this.next;
  }

  /** @returns to call when it is finished. */
  hand(offset: number): () => void {
    this.next = offset + 1;
    const entry = { offset, finished: false };
    this.#unfinished.push(entry);
    return () => {
      entry.finished = true;
      while (this.#unfinished[0]?.finished) this.#unfinished.shift();
    };
  }
}
