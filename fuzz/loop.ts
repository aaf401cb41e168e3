/** The loop of a coverage-guided fuzzer: inputs that reach new blocks are kept, and what is kept is mutated. */
import fc from 'fast-check';
import type { Coverage } from './coverage.ts';
import { execute, type Failure } from './execute.ts';
import { minimise } from './minimise.ts';
import { mutate } from './mutate.ts';
import { randomOf } from './random.ts';
import type { Target } from './target.ts';

export interface Finding extends Failure {
  input: Buffer;
}

export interface Stats {
  executions: number;
  blocks: number;
  corpus: number;
  /** Of the corpus, those that the run itself found. */
  found: Buffer[];
  ms: number;
}

export interface Fuzzing {
  target: Target;
  seed: number;
  seeds: readonly Buffer[];
  /** Undefined: what inputs reach is not looked at, and only the seeds are mutated. */
  coverage: Coverage | undefined;
  /** Whether to go on after so many executions. */
  goesOn(executions: number): boolean;
  /** Told of each input before it is run. */
  before(input: Buffer): void;
  /** Told of each kind of failure once. */
  report(finding: Finding): void;
}

/** Coverage is read once for so many inputs, and only where it is new for fewer: reading it costs as much as hundreds of them. */
const BATCH = 256;
const STRUCTURED = 200;
const NEWEST = 12;

/** Fuzzes until told to stop. What a run does follows from its seed, its seeds and the target. */
export const fuzz = async ({ target, seed, seeds, coverage, goesOn, before, report }: Fuzzing): Promise<Stats> => {
  const random = randomOf(seed);
  const dictionary = (target.dictionary ?? []).map((token) => Buffer.from(token));
  const corpus: Buffer[] = [];
  const found: Buffer[] = [];
  const kinds = new Set<string>();
  const begun = performance.now();
  let executions = 0;

  const run = async (input: Buffer): Promise<Failure | undefined> => {
    executions += 1;
    before(input);
    return await execute(target, input);
  };
  const runAndReport = async (input: Buffer) => {
    const failure = await run(input);
    if (!failure || kinds.has(failure.kind)) return;
    kinds.add(failure.kind);
    const smallest = await minimise(input, async (smaller) => (await run(smaller))?.kind === failure.kind);
    report({ ...((await run(smallest)) ?? failure), input: smallest });
  };
  const structured = target.structured
    ? fc.sample(target.structured, { numRuns: STRUCTURED, seed }).map((bytes) => Buffer.from(bytes))
    : [];

  for (const input of seeds.length > 0 ? seeds : [Buffer.alloc(0)]) {
    await runAndReport(input);
    coverage?.take(true);
    corpus.push(input);
  }
  const newest = (many: number) => corpus[corpus.length - 1 - random.below(Math.min(many, corpus.length))]!;
  const pick = (): Buffer => {
    if (random.happens(0.25)) return newest(1);
    return random.happens(0.4) ? newest(NEWEST) : random.of(corpus);
  };
  const another = (): Buffer => {
    const shaped = structured.length > 0 && random.happens(0.1) ? random.of(structured) : undefined;
    return shaped && random.happens(0.5) ? shaped : mutate(shaped ?? pick(), random, corpus, dictionary);
  };
  /** Keeps those of the inputs, which together reached new blocks, that do so by themselves. */
  const keepNew = async (inputs: readonly Buffer[]): Promise<void> => {
    if (inputs.length === 1) {
      for (const input of inputs) await run(input);
      if (!coverage?.take(true)) return;
      corpus.push(...inputs);
      found.push(...inputs);
      return;
    }
    const middle = inputs.length >> 1;
    for (const half of [inputs.slice(0, middle), inputs.slice(middle)]) {
      for (const input of half) await run(input);
      if (coverage?.take(false)) await keepNew(half);
    }
  };
  while (goesOn(executions)) {
    const batch = Array.from({ length: target.batch ?? BATCH }, another);
    for (const input of batch) await runAndReport(input);
    if (coverage?.take(false)) await keepNew(batch);
  }
  return { executions, blocks: coverage?.blocks ?? 0, corpus: corpus.length, found, ms: performance.now() - begun };
};
