/**
 * Which entries of a partition are its chain. Nearly always each one follows the last. When a partition changes hands, two
 * instances may both write for a moment: then two entries follow the same one, and the branch that goes further is the chain.
 * Writer and verifier share this fold, so that they agree.
 */
import { follows, type Link, NO_HASH } from './chain.ts';

/** How the chain is not what it was, where it did not simply grow by the link added. */
export interface Change<L extends Link> {
  /** Now on the chain. */
  on: readonly L[];
  /** No longer on it. */
  off: readonly L[];
  /** The chain goes on with `at`, which does not follow what was its head: `what` is wrong. */
  broken?: { at: L; what: string };
}

/** More than what an instance can have under way in a partition when it loses it. */
const WINDOW = 8_192;
const SLACK = WINDOW / 4;

/** Two instances may both write the first entries of a partition: their branches have nothing before them to fork at. */
const isBeginning = ({ sequence, previousHash }: Link): boolean => sequence === 1 && previousHash === NO_HASH;

export class Branches<L extends Link> {
  /** The chain's last links, of successive sequences. */
  #chain: L[] = [];
  /** Branches beside it, each in order. The first link of each follows one of the chain, or none that is known. */
  #sides: L[][] = [];
  /** What was beside the chain so long ago that it cannot become part of it. */
  #past: L[] = [];

  /** The chain's last link. */
  get head(): L | undefined {
    return this.#chain.at(-1);
  }

  /** Every link beside the chain. */
  get aside(): readonly L[] {
    return [...this.#past, ...this.#sides.flat()];
  }

  /** @returns undefined when the chain did not change; 'grown' when the link is its new head, and nothing else changed. */
  add(link: L): Change<L> | 'grown' | undefined {
    const { head } = this;
    if (head && !follows(head, link)) return this.#addAside(link);
    this.#chain.push(link);
    if (this.#chain.length > WINDOW + SLACK) this.#forget();
    const early = this.#sides.find(([root]) => follows(link, root!));
    if (!early) return 'grown';
    const { on, off } = this.#goOnWith(early, this.#chain.length);
    return { on: [link, ...on], off, broken: { at: early[0]!, what: 'stands before the entry that it follows' } };
  }

  /** Nothing comes any more: a branch without a beginning that went further than the chain is how the chain went on. */
  end(): Change<L>[] {
    const changes: Change<L>[] = [];
    for (;;) {
      const ahead = this.#sides.filter((side) => side.at(-1)!.sequence > this.head!.sequence);
      const [next] = ahead.sort((a, b) => a[0]!.sequence - b[0]!.sequence);
      if (!next) return changes;
      changes.push(this.#breakTo(next));
    }
  }

  #forget(): void {
    this.#chain.splice(0, SLACK);
    const first = this.#chain[0]!.sequence;
    const isPast = (side: L[]) => side.at(-1)!.sequence < first;
    this.#past.push(...this.#sides.filter(isPast).flat());
    this.#sides = this.#sides.filter((side) => !isPast(side));
  }

  #addAside(link: L): Change<L> | undefined {
    let side = this.#sides.find((links) => follows(links.at(-1)!, link));
    if (!side) {
      side = [];
      this.#sides.push(side);
    }
    side.push(link);
    if (link.sequence <= this.head!.sequence) return undefined;
    const fork = this.#placeOf(side[0]!.previousHash, side[0]!.sequence - 1);
    if (fork >= 0) return this.#goOnWith(side, fork + 1);
    if (isBeginning(side[0]!) && isBeginning(this.#chain[0]!)) return this.#goOnWith(side, 0);
    return side.length > this.#chain.length ? this.#breakTo(side) : undefined;
  }

  /** Where the chain has the link of this hash and sequence; -1 where it has not, or not any more. */
  #placeOf(hash: string, sequence: number): number {
    const place = sequence - this.#chain[0]!.sequence;
    return this.#chain[place]?.hash === hash ? place : -1;
  }

  #goOnWith(side: L[], from: number): Change<L> {
    const off = this.#chain.splice(from);
    this.#chain.push(...side);
    this.#sides = this.#sides.filter((links) => links !== side);
    if (off.length > 0) this.#sides.push(off);
    return { on: side, off };
  }

  #breakTo(side: L[]): Change<L> {
    const at = side[0]!;
    const head = this.head!;
    const off = this.#chain.filter((link) => link.sequence >= at.sequence);
    this.#chain = [];
    const { on } = this.#goOnWith(side, 0);
    if (off.length > 0) this.#sides.push(off);
    const gap = at.sequence - head.sequence - 1;
    const missing =
      gap === 1 ? `entry ${head.sequence + 1} is` : `entries ${head.sequence + 1} to ${at.sequence - 1} are`;
    const what =
      gap > 0
        ? `${missing} missing before it`
        : `does not follow entry ${at.sequence - 1}: previousHash is not its hash`;
    return { on, off, broken: { at, what } };
  }
}
