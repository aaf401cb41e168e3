const CAPACITY = 10_000;

/** The last ids added, up to a bound: enough to know a redelivered event, whose distance the commit interval bounds. */
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
