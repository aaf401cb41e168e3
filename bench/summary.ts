/** What the runs amount to: for each shape of load the middle of the rounds, and how far they lie apart. */
import type { Run } from './compare.ts';
import type { LoadResult } from './load.ts';
import { type Spread, spread } from './statistics.ts';

export interface Row {
  stream: boolean;
  inFlight: number;
  /** Milliseconds: of whole calls, or of streams to the first byte. Added: the difference within a round. */
  directP50: Spread;
  parleyP50: Spread;
  addedP50: Spread;
  addedP99: Spread;
  /** Answers a second. */
  directRate: Spread;
  parleyRate: Spread;
  /** Microseconds per call. */
  parleyCpu: Spread;
  brokerCpu: Spread;
  catchUpMs: Spread;
  othersCores: Spread;
  failed: number;
}

const milliseconds = ({ stream }: Run, load: LoadResult) => {
  const { p50, p99 } = stream ? load.firstByteUs : load.callUs;
  return { p50: p50 / 1000, p99: p99 / 1000 };
};

const rowOf = (runs: readonly Run[]): Row => {
  const { stream, inFlight } = runs[0]!;
  const direct = runs.filter(({ via }) => via === 'direct');
  const parley = runs.filter(({ via }) => via === 'parley');
  const pairs = parley.flatMap((run) => {
    const other = direct.find(({ round }) => round === run.round);
    return other ? [{ through: milliseconds(run, run.load), alone: milliseconds(other, other.load) }] : [];
  });
  return {
    stream,
    inFlight,
    directP50: spread(pairs.map(({ alone }) => alone.p50)),
    parleyP50: spread(pairs.map(({ through }) => through.p50)),
    addedP50: spread(pairs.map(({ through, alone }) => through.p50 - alone.p50)),
    addedP99: spread(pairs.map(({ through, alone }) => through.p99 - alone.p99)),
    directRate: spread(direct.map(({ load }) => load.rate)),
    parleyRate: spread(parley.map(({ load }) => load.rate)),
    parleyCpu: spread(parley.map(({ cpuUsPerCall }) => cpuUsPerCall.parley)),
    brokerCpu: spread(parley.map(({ cpuUsPerCall }) => cpuUsPerCall.broker)),
    catchUpMs: spread(parley.map(({ catchUpMs }) => catchUpMs)),
    othersCores: spread(runs.map(({ othersCores }) => othersCores)),
    failed: runs.reduce((sum, { load }) => sum + load.failed, 0),
  };
};

/** @param runs each with its partner, direct and through Parley, of the same round */
export const summarize = (runs: readonly Run[]): Row[] =>
  [...Map.groupBy(runs, ({ stream, inFlight }) => `${stream} ${inFlight}`).values()].map(rowOf);
