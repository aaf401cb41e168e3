// As many as may be outstanding in a topic partition; up to twice as many are kept.
const CAPACITY = 5_000;

/** The last ids added, up to a bound: enough to know a redelivered event: what is handed over and not
 * finished is bounded, and so is how far behind a commit can be. */
export class RecentIds {
  #young = new Set<string>();
  #old = new Set<string>();

  has(id: string): boolean {
    return this.#young.has(id) || this.#old.has(id);
  }

  add(id: string): void {
    this.#young.add(id);
    if (this.#young.size < CAPACITY) return;
    this.#old = this.#young;
    this.#young = new Set();
  }
}
