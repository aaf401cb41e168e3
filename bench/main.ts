/**
 * Measures Parley against the same upstream called directly. Figures as Markdown on standard error, as JSON on standard output or in a file.
 *   npm run bench -- --help
 */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { installJars } from '../embedded/install.ts';
import { findJava } from '../embedded/java.ts';
import { terminalProgress } from '../embedded/progress.ts';
import { makeClassArchives } from '../embedded/train.ts';
import { runLoad, startUpstream } from './children.ts';
import { measure, type Plan, type Run, settings } from './compare.ts';
import { conditions } from './conditions.ts';
import { measureRest, read } from './gauges.ts';
import { makeDataDirectory, type Parley, startParley } from './parley.ts';
import { progressLine } from './progress-line.ts';
import { soak } from './soak.ts';
import { summarize } from './summary.ts';
import { render, renderSoak } from './table.ts';

interface Options {
  rounds: number;
  duration: number;
  warmUp: number;
  concurrency: number[];
  streamConcurrency: number[];
  chunkGap: number;
  soak: boolean;
  minutes: number;
  inFlight: number;
  data?: string;
  profile?: string;
  out?: string;
}

const PRIMING = { inFlight: 16, warmUpMs: 500, durationMs: 5_000 };
const REST_MS = 3_000;

const positive = (text: string): number => {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('must be a number above 0.');
  return value;
};
const whole = (text: string): number => {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('must be whole numbers above 0.');
  return Number(text);
};
const wholes = (text: string): number[] => text.split(',').filter(Boolean).map(whole);

const progress = terminalProgress();

/** What a stopped benchmark must not leave behind, undone in reverse. */
type Undo = (() => unknown)[];

/** Streams and whole calls, until both paths and Kafka's are compiled; an answer that is wrong ends everything here. */
const prime = async (parley: Parley, signal: AbortSignal): Promise<void> => {
  for (const stream of [false, true]) {
    progress.update(`Warming up with ${stream ? 'streams' : 'whole calls'}`);
    const { failed, firstFault } = await runLoad({ url: parley.url, key: parley.key, stream, ...PRIMING }, signal);
    if (failed > 0) throw new Error(`Parley answers wrongly, so there is nothing to measure: ${firstFault}`);
  }
};

const start = async (
  { profile }: Options,
  directory: string,
  upstreamUrl: string,
  undo: Undo,
  signal: AbortSignal,
): Promise<Parley> => {
  progress.update('Starting Parley');
  const flags = profile ? ['--cpu-prof', `--cpu-prof-dir=${resolve(profile)}`] : [];
  const parley = await startParley({ directory, upstreamUrl, flags }, signal);
  undo.push(parley.stop);
  progress.done(`Parley was ready after ${(parley.startMs / 1000).toFixed(1)} s`);
  return parley;
};

const compare = async (options: Options, directory: string, undo: Undo, signal: AbortSignal) => {
  const found = conditions();
  const upstream = await startUpstream(options.chunkGap);
  undo.push(upstream.stop);
  const parley = await start(options, directory, upstream.url, undo, signal);
  await prime(parley, signal);
  const atRest = await measureRest(parley.pids, REST_MS, signal);
  const plan: Plan = {
    rounds: options.rounds,
    warmUpMs: options.warmUp * 1000,
    durationMs: options.duration * 1000,
    whole: options.concurrency,
    streams: options.streamConcurrency,
  };
  const todo = settings(plan);
  const began = Date.now();
  const runs: Run[] = [];
  for (const setting of todo) {
    progress.update(progressLine(setting, plan.rounds, runs.length, todo.length, Date.now() - began));
    const subject = { parley, upstreamUrl: upstream.url, atRest: atRest.parley, signal };
    runs.push(await measure(setting, plan, subject));
  }
  const { parley: mesh, broker, registry } = read(parley.pids);
  const memory = { parley: mesh.rssBytes, broker: broker.rssBytes, registry: registry.rssBytes };
  progress.update('Stopping Parley');
  await parley.stop();
  // What was measured is not lost with this.
  const again = await start(options, directory, upstream.url, undo, signal).catch((error: Error) => error);
  signal.throwIfAborted();
  const figures = {
    conditions: found,
    rounds: plan.rounds,
    durationMs: plan.durationMs,
    chunkGapMs: options.chunkGap,
    rows: summarize(runs),
    startMs: {
      first: Math.round(parley.startMs),
      again: again instanceof Error ? undefined : Math.round(again.startMs),
    },
    memory,
    atRest,
  };
  return {
    document: { ...figures, runs },
    text: render(figures),
    faults: [...runs.flatMap(({ load }) => load.firstFault ?? []), ...(again instanceof Error ? [again.message] : [])],
  };
};

const soakFor = async (options: Options, directory: string, undo: Undo, signal: AbortSignal) => {
  const found = conditions();
  const upstream = await startUpstream(options.chunkGap);
  undo.push(upstream.stop);
  const parley = await start(options, directory, upstream.url, undo, signal);
  await prime(parley, signal);
  const durationMs = options.minutes * 60_000;
  const began = performance.now();
  const say = ({ atMs, parley, broker }: ReturnType<typeof read>) => {
    const mebibytes = (bytes: number) => Math.round(bytes / 1024 / 1024);
    const minutes = ((atMs - began) / 60_000).toFixed(1);
    progress.update(
      `${minutes} of ${options.minutes} min: Parley ${mebibytes(parley.rssBytes)} MiB and ${parley.handles} open files, broker ${mebibytes(broker.rssBytes)} MiB`,
    );
  };
  const soaked = await soak(parley, { inFlight: options.inFlight, durationMs }, say, signal);
  const { rss, handles } = soaked.growths.parley;
  return {
    document: { conditions: found, minutes: options.minutes, inFlight: options.inFlight, ...soaked },
    text: renderSoak(options.minutes, soaked.calls, soaked.growths),
    faults: [
      ...(soaked.firstFault === undefined ? [] : [`${soaked.failed} calls failed: ${soaked.firstFault}`]),
      ...(rss.grew || handles.grew ? ['Parley grows'] : []),
    ],
  };
};

const bench = async (options: Options): Promise<void> => {
  const stopping = new AbortController();
  const { signal } = stopping;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(name, () => stopping.abort(new Error(`stopped by ${name}`)));
  const undo: Undo = [];
  try {
    // Not part of the start that is measured: this happens once on a machine.
    const jars = await installJars({ progress, signal });
    await makeClassArchives(jars, findJava(), { progress, signal });
    const directory = options.data ? { path: resolve(options.data) } : makeDataDirectory();
    if ('remove' in directory) undo.push(directory.remove);
    const { document, text, faults } = await (options.soak ? soakFor : compare)(options, directory.path, undo, signal);
    progress.done(`\n${text}\n`);
    const json = `${JSON.stringify(document)}\n`;
    if (options.out) writeFileSync(options.out, json);
    else process.stdout.write(json);
    for (const fault of new Set(faults)) console.error(fault);
    if (faults.length > 0) process.exitCode = 1;
  } finally {
    progress.update('');
    for (const step of undo.reverse()) await step();
  }
};

await new Command('bench')
  .description(
    'Measures what Parley adds to a call: the same upstream, direct and through Parley on its embedded Kafka (acks=all), in turn.',
  )
  .option('--rounds <n>', 'how often everything is measured', whole, 3)
  .option('--duration <seconds>', 'of each run', positive, 5)
  .option('--warm-up <seconds>', 'before each run, not counted', positive, 1)
  .option('--concurrency <n,…>', 'calls in flight; empty: none of these runs', wholes, [1, 16, 64, 256])
  .option('--stream-concurrency <n,…>', 'streams in flight; empty: none of these runs', wholes, [1, 16, 64, 256])
  .option('--chunk-gap <ms>', 'between two chunks of a stream', whole, 20)
  .option('--soak', 'instead: the same load for long, watching memory and open files', false)
  .option('--minutes <n>', 'how long to soak', positive, 10)
  .option('--in-flight <n>', 'calls in flight while soaking, and a quarter as many streams', whole, 16)
  .option('--data <directory>', "keep Kafka's data and the logs there")
  .option(
    '--profile <directory>',
    'leave V8 CPU profiles of Parley there, one a start; they cost it a tenth of its speed',
  )
  .option('--out <file>', 'the JSON, instead of standard output')
  .addHelpText(
    'after',
    `
One JSON document on standard output, the tables on standard error. Linux only: CPU and memory come from /proc.
The exit status is 1 when a call was answered wrongly or, with --soak, when Parley grows.

Examples:
  npm run -s bench -- --out figures.json
  npm run -s bench -- --rounds 1 --duration 3 --concurrency 1,64 --stream-concurrency ''
  npm run -s bench -- --soak --minutes 10`,
  )
  .action(bench)
  .parseAsync()
  .catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
