/** Memory and open files under the same load for a long time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { runLoad } from './children.ts';
import { type Reading, read } from './gauges.ts';
import { type Growth, growth } from './growth.ts';
import type { Parley } from './parley.ts';

const SAMPLE_MS = 5_000;
const WARM_UP_MS = 1_000;
const SERVERS = ['parley', 'broker', 'registry'] as const;

export interface Soaked {
  calls: number;
  failed: number;
  firstFault: string | undefined;
  samples: Reading[];
  growths: Record<(typeof SERVERS)[number], { rss: Growth; handles: Growth }>;
}

/** @param inFlight whole calls; a quarter as many streams run beside them */
export const soak = async (
  parley: Parley,
  { inFlight, durationMs }: { inFlight: number; durationMs: number },
  sampled: (reading: Reading) => void,
  signal: AbortSignal,
): Promise<Soaked> => {
  const load = { url: parley.url, key: parley.key, warmUpMs: WARM_UP_MS, durationMs };
  const running = Promise.all([
    runLoad({ ...load, stream: false, inFlight }, signal),
    runLoad({ ...load, stream: true, inFlight: Math.max(1, Math.round(inFlight / 4)) }, signal),
  ]);
  const ended = running.then(
    () => true,
    () => true,
  );
  const samples: Reading[] = [];
  // Sockets close when the load ends: the last sample is taken before.
  while (!(await Promise.race([ended, sleep(SAMPLE_MS, false)]))) {
    const reading = read(parley.pids);
    samples.push(reading);
    sampled(reading);
  }
  const results = await running;
  if (samples.length < 4) throw new Error('too short to judge: let it run for half a minute at least');
  const of = (server: (typeof SERVERS)[number], what: 'rssBytes' | 'handles') =>
    growth(samples.map((sample) => ({ atMs: sample.atMs, value: sample[server][what] })));
  const growths = Object.fromEntries(
    SERVERS.map((server) => [server, { rss: of(server, 'rssBytes'), handles: of(server, 'handles') }]),
  ) as Soaked['growths'];
  return {
    calls: results.reduce((sum, { calls }) => sum + calls, 0),
    failed: results.reduce((sum, { failed }) => sum + failed, 0),
    firstFault: results.find(({ firstFault }) => firstFault !== undefined)?.firstFault,
    samples,
    growths,
  };
};
