/** Memory, open files, lag and what is written, under the same load for a long time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { runLoad } from './children.ts';
import { type Reading, read } from './gauges.ts';
import { type Growth, growth } from './growth.ts';
import type { Parley } from './parley.ts';
import { type Progressed, progressed } from './progressed.ts';
import { joinForAWhile } from './second.ts';

const SAMPLE_MS = 5_000;
const WARM_UP_MS = 1_000;
const SERVERS = ['parley', 'broker', 'registry'] as const;

export type Sample = Reading & Progressed;

export interface Soaked {
  calls: number;
  failed: number;
  firstFault: string | undefined;
  /** Calls and streams a second: what was possible, and what was asked for. */
  capacity: number;
  rate: number;
  /** How often a second instance came and went. */
  rebalances: number;
  samples: Sample[];
  growths: Record<(typeof SERVERS)[number], { rss: Growth; handles: Growth }>;
  /** Records behind, of the consumer group that is furthest behind. */
  lag: { median: number; most: number };
  /** What a call adds to Kafka's log, in the first half and in the second. */
  bytesPerCall: [number, number];
}

export interface SoakPlan {
  /** Whole calls; a quarter as many streams run beside them. */
  inFlight: number;
  durationMs: number;
  /** How long a second instance stays, and is away; 0: there is none. */
  rebalanceMs: number;
  upstreamUrl: string;
}

const CAPACITY_MS = 20_000;

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/** Runs the load at half of what is possible. */
export const soak = async (
  parley: Parley,
  { inFlight, durationMs, rebalanceMs, upstreamUrl }: SoakPlan,
  sampled: (sample: Sample) => void,
  signal: AbortSignal,
): Promise<Soaked> => {
  const load = { url: parley.url, key: parley.key, warmUpMs: WARM_UP_MS };
  const streams = Math.max(1, Math.round(inFlight / 4));
  const both = (ms: number, rates?: readonly [number, number]) =>
    Promise.all([
      runLoad({ ...load, stream: false, inFlight, durationMs: ms, ...(rates && { rate: rates[0] }) }, signal),
      runLoad({ ...load, stream: true, inFlight: streams, durationMs: ms, ...(rates && { rate: rates[1] }) }, signal),
    ]);
  const [wholes, streamed] = await both(CAPACITY_MS);
  const before = await progressed(parley);
  const running = both(durationMs, [wholes.rate / 2, streamed.rate / 2]);
  let isOver = false;
  const over = running.then(
    () => true,
    () => true,
  );
  void over.then(() => {
    isOver = true;
  });
  let rebalances = 0;
  const comeAndGo = async () => {
    while (rebalanceMs > 0 && !isOver) {
      const untilOver = new AbortController();
      void over.then(() => untilOver.abort());
      await sleep(rebalanceMs, undefined, { signal: untilOver.signal }).catch(() => {});
      if (isOver) return;
      await joinForAWhile(parley, rebalanceMs, upstreamUrl, untilOver.signal);
      rebalances += 2;
    }
  };
  const coming = comeAndGo();
  coming.catch(() => {});
  const samples: Sample[] = [];
  // Sockets close when the load ends: the last sample is taken before.
  while (!(await Promise.race([over, sleep(SAMPLE_MS, false)]))) {
    const sample = { ...read(parley.pids), ...(await progressed(parley)) };
    samples.push(sample);
    sampled(sample);
  }
  const results = await running;
  await coming;
  if (samples.length < 4) throw new Error('too short to judge: let it run for half a minute at least');
  const of = (server: (typeof SERVERS)[number], what: 'rssBytes' | 'handles') =>
    growth(samples.map((sample) => ({ atMs: sample.atMs, value: sample[server][what] })));
  const growths = Object.fromEntries(
    SERVERS.map((server) => [server, { rss: of(server, 'rssBytes'), handles: of(server, 'handles') }]),
  ) as Soaked['growths'];
  const lags = samples.map(({ lag }) => lag);
  const middle = samples[samples.length >> 1]!;
  const perCall = (from: Progressed, to: Progressed) => (to.logBytes - from.logBytes) / (to.calls - from.calls);
  return {
    calls: results.reduce((sum, { calls }) => sum + calls, 0),
    failed: results.reduce((sum, { failed }) => sum + failed, 0),
    firstFault: results.find(({ firstFault }) => firstFault !== undefined)?.firstFault,
    capacity: wholes.rate + streamed.rate,
    rate: (wholes.rate + streamed.rate) / 2,
    rebalances,
    samples,
    growths,
    lag: { median: median(lags), most: Math.max(...lags) },
    bytesPerCall: [perCall(before, middle), perCall(middle, samples.at(-1)!)],
  };
};
