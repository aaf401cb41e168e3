/** What can be asked for: a comparison with the upstream itself, one with other gateways, and a soak. */
import { resolve } from 'node:path';
import { runLoad, startUpstream } from './children.ts';
import { measure, type Plan, type Run, settings } from './compare.ts';
import { conditions } from './conditions.ts';
import { measureRest, read } from './gauges.ts';
import { progress, type Undo } from './measuring.ts';
import { type Parley, startParley } from './parley.ts';
import { installPeers, measurePeers, PEERS_UPSTREAM_URL } from './peers.ts';
import { renderPeers } from './peers-table.ts';
import { progressLine } from './progress-line.ts';
import { type Sample, soak } from './soak.ts';
import { summarize } from './summary.ts';
import { render, renderSoak } from './table.ts';

/** What the command line says: times in seconds, minutes for a soak, milliseconds between chunks. */
export interface Options {
  rounds: number;
  duration: number;
  warmUp: number;
  concurrency: number[];
  streamConcurrency: number[];
  chunkGap: number;
  minutes: number;
  inFlight: number;
  rebalance: number;
  profile?: string;
  kit: string;
  peersRoot: string;
}

export interface Outcome {
  /** For programs. */
  document: object;
  /** For people, as Markdown. */
  text: string;
  /** What went wrong, or nothing. */
  faults: string[];
}

const PRIMING = { inFlight: 16, warmUpMs: 500, durationMs: 5_000 };
const REST_MS = 3_000;

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

export const compare = async (
  options: Options,
  directory: string,
  undo: Undo,
  signal: AbortSignal,
): Promise<Outcome> => {
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

export const soakFor = async (
  options: Options,
  directory: string,
  undo: Undo,
  signal: AbortSignal,
): Promise<Outcome> => {
  const found = conditions();
  const upstream = await startUpstream(options.chunkGap);
  undo.push(upstream.stop);
  const parley = await start(options, directory, upstream.url, undo, signal);
  await prime(parley, signal);
  const durationMs = options.minutes * 60_000;
  const began = performance.now();
  const say = ({ atMs, parley, broker, lag }: Sample) => {
    const mebibytes = (bytes: number) => Math.round(bytes / 1024 / 1024);
    const minutes = ((atMs - began) / 60_000).toFixed(1);
    progress.update(
      `${minutes} of ${options.minutes} min: Parley ${mebibytes(parley.rssBytes)} MiB and ${parley.handles} open files, broker ${mebibytes(broker.rssBytes)} MiB, lag ${lag}`,
    );
  };
  const plan = {
    inFlight: options.inFlight,
    durationMs,
    rebalanceMs: options.rebalance * 60_000,
    upstreamUrl: upstream.url,
  };
  const soaked = await soak(parley, plan, say, signal);
  const { rss, handles } = soaked.growths.parley;
  return {
    document: { conditions: found, minutes: options.minutes, inFlight: options.inFlight, ...soaked },
    text: renderSoak(options.minutes, soaked),
    faults: [
      ...(soaked.firstFault === undefined ? [] : [`${soaked.failed} calls failed: ${soaked.firstFault}`]),
      ...(rss.grew || handles.grew ? ['Parley grows'] : []),
    ],
  };
};

export const besidePeers = async (
  options: Options,
  directory: string,
  undo: Undo,
  signal: AbortSignal,
): Promise<Outcome> => {
  const { kit, peersRoot: root, rounds, duration, warmUp, concurrency, streamConcurrency } = options;
  await installPeers({ kit, root }, (line) => progress.update(`Installing the other gateways: ${line}`), signal);
  const found = conditions();
  const parley = await start(options, directory, PEERS_UPSTREAM_URL, undo, signal);
  const plan = { kit, root, rounds, duration, warmUp, suites: { llm: concurrency, stream: streamConcurrency } };
  const target = {
    name: 'parley',
    kind: 'llm',
    url: `${parley.url}/chat/completions`,
    headers: { authorization: `Bearer ${parley.key}` },
    pids: Object.values(parley.pids),
  } as const;
  const { rows, lines, node } = await measurePeers(plan, [target], (line) => progress.update(line), signal);
  const wrong = rows.filter(({ failures }) => failures > 0);
  return {
    document: { conditions: found, lines },
    text: renderPeers(rows, { rounds, duration }, found, node),
    faults: wrong.map((row) => `${row.target}: ${row.failures} of its answers were wrong`),
  };
};
