/** Which blocks of the product's code have been run, as V8 counts them. */
import { type Profiler, Session } from 'node:inspector';

/** One function's source: 1 where it has been run. */
interface Seen {
  run: Uint8Array;
  left: number;
}

export class Coverage {
  readonly #session = new Session();
  readonly #seen = new Map<string, Seen>();
  readonly #follows: (url: string) => boolean;
  /** Stretches of code that were found to run, each counted when it first did. */
  blocks = 0;

  /** @param follows whether a script counts. Only what is loaded after this has all of its blocks counted. */
  constructor(follows: (url: string) => boolean) {
    this.#follows = follows;
    this.#session.connect();
    this.#post('Profiler.enable');
    this.#post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Whether something ran since the last time that never did before. @param keep whether that counts as seen from now on. */
  take(keep: boolean): boolean {
    let isNew = false;
    const { result } = this.#post('Profiler.takePreciseCoverage') as Profiler.TakePreciseCoverageReturnType;
    for (const { url, functions } of result) {
      if (!this.#follows(url)) continue;
      for (const one of functions) if (this.#add(url, one.ranges, keep)) isNew = true;
    }
    return isNew;
  }

  close(): void {
    this.#post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }

  /** The first range is the function's, later ones lie within earlier ones: the innermost says whether a place was run. */
  #add(url: string, ranges: readonly Profiler.CoverageRange[], keep: boolean): boolean {
    const [whole, ...inner] = ranges;
    if (!whole || whole.count === 0) return false;
    const { startOffset, endOffset } = whole;
    const key = `${url} ${startOffset}`;
    const seen = this.#seen.get(key) ?? { run: new Uint8Array(endOffset - startOffset), left: endOffset - startOffset };
    if (seen.left === 0) return false;
    const ran = new Uint8Array(seen.run.length).fill(1);
    for (const range of inner)
      ran.fill(range.count > 0 ? 1 : 0, range.startOffset - startOffset, range.endOffset - startOffset);
    let isNew = false;
    let inBlock = false;
    for (let i = 0; i < ran.length; i++) {
      const fresh = ran[i]! > seen.run[i]!;
      if (fresh) {
        isNew = true;
        if (!keep) return true;
        if (!inBlock) this.blocks += 1;
        seen.run[i] = 1;
        seen.left -= 1;
      }
      inBlock = fresh;
    }
    if (isNew) this.#seen.set(key, seen);
    return isNew;
  }

  // Within one thread the inspector answers before it returns.
  #post(method: string, params: object = {}): unknown {
    let answer: unknown;
    this.#session.post(method, params, (error, result) => {
      if (error) throw error;
      answer = result;
    });
    return answer;
  }
}
