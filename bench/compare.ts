/** Direct and through Parley, one after the other at each concurrency, round after round. */
import type { A2aCall } from './agents/calls.ts';
import { runLoad } from './children.ts';
import { cores, read, untilQuiet } from './gauges.ts';
import type { LoadResult } from './load.ts';
import type { Era } from './mcp-call.ts';
import type { Parley } from './parley.ts';

export interface Plan {
  rounds: number;
  warmUpMs: number;
  durationMs: number;
  /** Calls in flight, for whole answers and for streams. */
  whole: readonly number[];
  streams: readonly number[];
}

export interface Setting {
  round: number;
  stream: boolean;
  inFlight: number;
  via: 'direct' | 'parley';
}

export interface Run extends Setting {
  load: LoadResult;
  /** Microseconds per call, what was done after the answer included; idle polling, where there were no calls for Parley. */
  cpuUsPerCall: { parley: number; broker: number; registry: number };
  /** From the last answer until Parley rested again, to the next quarter second. */
  catchUpMs: number;
  /** Cores that programs which have nothing to do with this kept busy. */
  othersCores: number;
}

/** Every run, in the order in which they are made. */
export const settings = ({ rounds, whole, streams }: Plan): Setting[] => {
  const shapes = [
    ...whole.map((inFlight) => ({ stream: false, inFlight })),
    ...streams.map((inFlight) => ({ stream: true, inFlight })),
  ];
  return Array.from({ length: rounds }, (_, round) =>
    shapes.flatMap((shape) => [
      { round, ...shape, via: 'direct' as const },
      { round, ...shape, via: 'parley' as const },
    ]),
  ).flat();
};

export interface Subject {
  parley: Pick<Parley, 'url' | 'key' | 'pids'>;
  /** What is asked of an agent; default: a chat with a model. */
  a2a?: A2aCall;
  /** As what client an MCP server is asked. */
  mcp?: Era;
  upstreamUrl: string;
  /** Cores that Parley uses with no calls. */
  atRest: number;
  signal: AbortSignal;
}

export const measure = async (
  setting: Setting,
  { warmUpMs, durationMs }: Pick<Plan, 'warmUpMs' | 'durationMs'>,
  { parley, a2a, mcp, upstreamUrl, atRest, signal }: Subject,
): Promise<Run> => {
  const { stream, inFlight, via } = setting;
  const url = via === 'direct' ? upstreamUrl : parley.url;
  const before = read(parley.pids);
  const load = await runLoad({ url, key: parley.key, stream, a2a, mcp, inFlight, warmUpMs, durationMs }, signal);
  const answered = performance.now();
  const after = await untilQuiet(parley.pids, atRest, signal);
  const perCall = (of: 'parley' | 'broker' | 'registry') =>
    Math.round((after[of].cpuUs - before[of].cpuUs) / Math.max(1, load.calls));
  return {
    ...setting,
    load,
    cpuUsPerCall: { parley: perCall('parley'), broker: perCall('broker'), registry: perCall('registry') },
    catchUpMs: Math.round(after.atMs - answered),
    othersCores: Number(cores(before, after, ({ othersCpuUs }) => othersCpuUs).toFixed(2)),
  };
};
