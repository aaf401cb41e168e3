/** Runs one target in a thread of its own, which can be ended where an input never ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { Coverage } from './coverage.ts';
import { execute } from './execute.ts';
import { fuzz } from './loop.ts';
import type { Job, Told } from './run.ts';
import type { Target } from './target.ts';

const { file, seed, seeds, runs, seconds, guided, only, shared } = workerData as Job;
const tell = (told: Told) => parentPort?.postMessage(told);

const root = new URL('..', import.meta.url).href;
const isProduct = (url: string) =>
  url.startsWith(root) && !url.includes('/node_modules/') && (!url.startsWith(`${root}fuzz/`) || url === file);

// Before the target is loaded: V8 counts the blocks of what it compiles from then on.
let libraries: readonly string[] = [];
const follows = (url: string) => isProduct(url) || libraries.some((name) => url.includes(`/node_modules/${name}/`));
const coverage = guided ? new Coverage(follows) : undefined;
const { target } = (await import(file)) as { target: Target };
libraries = target.libraries ?? [];

/** How often an input was begun, and the last of them: what is left of a thread that was ended. */
const counter = new Int32Array(shared, 0, 2);
const last = new Uint8Array(shared, 8);
const before = (input: Uint8Array) => {
  last.set(input.subarray(0, last.length));
  counter[1] = Math.min(input.length, last.length);
  Atomics.add(counter, 0, 1);
};

const end = performance.now() + seconds * 1_000;
if (only) {
  before(only);
  const failure = await execute(target, Buffer.from(only));
  if (failure) tell({ kind: 'finding', finding: { ...failure, input: Buffer.from(only) } });
  tell({ kind: 'done', stats: { executions: 1, blocks: 0, corpus: 0, found: [], ms: 0 } });
} else {
  const stats = await fuzz({
    target,
    seed,
    seeds: seeds.map((bytes) => Buffer.from(bytes)),
    coverage,
    goesOn: (executions) => (runs > 0 ? executions < runs : performance.now() < end),
    before,
    report: (finding) => tell({ kind: 'finding', finding }),
  });
  tell({ kind: 'done', stats });
}
coverage?.close();
await target.close?.();
