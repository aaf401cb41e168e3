/**
 * The whole mesh in one process, again and again: a seed decides every delivery, crash, restart, rebalance, redelivery, delay,
 * slow or failing upstream and step of a clock, and afterwards every invariant is checked.
 *
 *   npm run simulate                      2000 seeds
 *   npm run simulate -- --seed 4711       one, with all that happened
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type Kind, kinds } from './faults.ts';
import { reportOf } from './report.ts';
import { defaults, simulate } from './simulate.ts';
import type { Share, Told } from './worker.ts';

interface Given {
  seeds: number;
  from: number;
  seed?: number;
  processes: number;
  faults: readonly Kind[];
  threads: number;
}

const MOST_REPORTS = 5;

const whole = (text: string): number => {
  const n = Number(text);
  if (!Number.isSafeInteger(n) || n < 0) throw new InvalidArgumentError('a whole number');
  return n;
};
const some = (text: string): number => {
  const n = whole(text);
  if (n === 0) throw new InvalidArgumentError('at least 1');
  return n;
};
const kindsOf = (text: string): Kind[] => {
  const given = text.split(',').filter(Boolean);
  const unknown = given.find((kind) => !kinds.includes(kind as Kind));
  if (unknown) throw new InvalidArgumentError(`there is no ${unknown}`);
  return given as Kind[];
};

const one = async (seed: number, { processes, faults }: Given): Promise<boolean> => {
  const run = await simulate(seed, { processes, faults });
  console.log(run.trace.join('\n'));
  console.log(reportOf(run));
  return run.violations.length === 0;
};

const many = async ({ seeds, from, processes, faults, threads }: Given): Promise<boolean> => {
  const failed: Told[] = [];
  const begun = performance.now();
  let done = 0;
  const perMinute = () => Math.round((done / (performance.now() - begun)) * 60_000);
  const show = (told: Told) => {
    done += 1;
    if (told.invariants.length > 0) {
      failed.push(told);
      if (failed.length <= MOST_REPORTS) console.log(`${told.report}\n`);
    }
    if (process.stderr.isTTY && done % 50 === 0)
      process.stderr.write(`\r${done} of ${seeds} seeds, ${failed.length} failed, ${perMinute()} a minute`);
  };
  const share = (thread: number) =>
    new Promise<void>((resolve, reject) => {
      const workerData: Share = { from: from + thread, to: from + seeds, step: threads, processes, faults };
      const worker = new Worker(new URL('worker.ts', import.meta.url), { workerData });
      worker.on('message', show);
      worker.on('error', reject);
      worker.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a thread ended with ${code}`))));
    });
  await Promise.all(Array.from({ length: threads }, (_, thread) => share(thread)));
  if (process.stderr.isTTY) process.stderr.write('\n');
  const byInvariant = Map.groupBy(
    failed.flatMap(({ seed, invariants }) => invariants.map((invariant) => ({ seed, invariant }))),
    ({ invariant }) => invariant,
  );
  for (const [invariant, found] of byInvariant)
    console.log(
      `${invariant}: ${found.length} seeds, e.g. ${found
        .slice(0, 8)
        .map(({ seed }) => seed)
        .join(' ')}`,
    );
  console.log(`${done} seeds, ${failed.length} with violations, ${perMinute()} seeds a minute`);
  return failed.length === 0;
};

const command = new Command('npm run simulate --')
  .description('Runs the whole mesh in one process under faults that a seed decides, and checks every invariant.')
  .option('--seeds <n>', 'how many seeds', some, 2_000)
  .option('--from <seed>', 'the first of them', whole, 1)
  .option('--seed <seed>', 'only this one, with all that happened', whole)
  .option('--processes <n>', 'how many processes of the mesh', some, defaults.processes)
  .addOption(
    new Option('--faults <kinds>', `only these, e.g. crash,freeze; empty: none (${kinds.join(', ')})`)
      .argParser(kindsOf)
      .default([...kinds], 'all of them'),
  )
  .option('--threads <n>', 'how many run at the same time', some, availableParallelism());

const given = command.parse().opts<Given>();
const held = given.seed === undefined ? await many(given) : await one(given.seed, given);
process.exitCode = held ? 0 : 1;
