/** Something that is not as it was written, and where. */
export interface Finding {
  topic: string;
  partition: number;
  offset: number;
  /** Of the entry, where it is about one. */
  sequence?: number;
  what: string;
}

const MAX_LISTED = 1_000;

/** Keeps the findings that are read: the first ones of each place, and how many there are. */
export class Findings {
  readonly #listed: Finding[] = [];
  count = 0;

  add(finding: Finding): void {
    this.count += 1;
    if (this.#listed.length < MAX_LISTED) this.#listed.push(finding);
  }

  /** Entries before events, then by partition and offset. */
  sorted(): Finding[] {
    const rank = ({ topic }: Finding) => (topic === 'mesh.audit' ? 0 : 1);
    return this.#listed.toSorted(
      (a, b) => rank(a) - rank(b) || a.topic.localeCompare(b.topic) || a.partition - b.partition || a.offset - b.offset,
    );
  }
}
