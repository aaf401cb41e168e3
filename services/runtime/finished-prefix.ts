/**
 * Which records of one topic partition are done with. They are handed over in order and finish in any order; what may be
 * committed is the end of the finished prefix.
 */
export class FinishedPrefix {
  /** The offset after the last record handed over: what comes before it has been seen. */
  next: number;
  #outstanding: { offset: number; time: number; finished: boolean }[] = [];
  #head = 0;
  #committable: { offset: number; time: number };

  constructor(next: number, time: number) {
    this.next = next;
    this.#committable = { offset: next, time };
  }

  /** How many records are handed over and not finished, counting finished ones behind an unfinished one. */
  get size(): number {
    return this.#outstanding.length - this.#head;
  }

  /** The offset that may be committed, and the time of the record before it. */
  get committable(): { offset: number; time: number } {
    return this.#committable;
  }

  /** A record that nobody wants is finished at once. */
  skip(offset: number, time: number): void {
    this.next = offset + 1;
    if (this.size === 0) this.#committable = { offset: offset + 1, time };
    else this.#outstanding.push({ offset, time, finished: true });
  }

  /** A record is handed over; call the result when it is finished. */
  hand(offset: number, time: number): () => void {
    this.next = offset + 1;
    const entry = { offset, time, finished: false };
    this.#outstanding.push(entry);
    return () => {
      entry.finished = true;
      this.#advance();
    };
  }

  #advance(): void {
    for (let first = this.#outstanding[this.#head]; first?.finished; first = this.#outstanding[this.#head]) {
      this.#committable = { offset: first.offset + 1, time: first.time };
      this.#head += 1;
    }
    if (this.#head > 1024 || this.#head === this.#outstanding.length) {
      this.#outstanding = this.#outstanding.slice(this.#head);
      this.#head = 0;
    }
  }
}
