/** What more instances of the services cost: the same calls in flight, spread over one, two and four processes. */
import { join } from 'node:path';
import { KEY } from '../call.ts';
import { runLoad } from '../children.ts';
import { measureRest, untilQuiet } from '../gauges.ts';
import type { LoadResult } from '../load.ts';
import { machineCpuUs, useOf } from '../process-stats.ts';
import type { Cluster, Mesh } from './cluster.ts';
import { type Group, groups, untilShared } from './groups.ts';
import { type ServiceProcess, startServices } from './service-process.ts';

const REST_MS = 2_000;
const DECIDERS = ['policy', 'routing', 'metering', 'audit'] as const;

/** all: each process has every service, and a share of the calls. deciders: one edge, and beside it the other services. */
export type Shape = 'all' | 'deciders';

export interface InstancesPlan {
  rounds: number;
  instances: readonly number[];
  inFlight: number;
  warmUpMs: number;
  durationMs: number;
}

export interface InstancesRun {
  round: number;
  shape: Shape;
  instances: number;
  /** Answers a second, of all ports together. */
  rate: number;
  /** Milliseconds; of several load generators the mean of their medians, and the largest of their p99. */
  p50Ms: number;
  p99Ms: number;
  failed: number;
  firstFault: string | undefined;
  /** Microseconds a call, what is done after the answer included. */
  cpuUsPerCall: { node: number; broker: number };
  /** Resident memory of all processes of services together. */
  rssBytes: number;
  /** Cores that programs which have nothing to do with this kept busy. */
  othersCores: number;
}

export const instancesSettings = ({ rounds, instances }: InstancesPlan) =>
  Array.from({ length: rounds }, (_, round) =>
    (['all', 'deciders'] as const).flatMap((shape) => instances.map((count) => ({ round, shape, instances: count }))),
  ).flat();

/** So many calls in flight, as evenly as it goes. */
export const shareOut = (inFlight: number, ports: number): number[] =>
  Array.from({ length: ports }, (_, i) => Math.floor(inFlight / ports) + (i < inFlight % ports ? 1 : 0)).filter(
    (share) => share > 0,
  );

/** Several load generators as one. @param loads at least one */
export const together = (loads: readonly LoadResult[]) => ({
  calls: loads.reduce((sum, { calls }) => sum + calls, 0),
  rate: loads.reduce((sum, { rate }) => sum + rate, 0),
  p50Ms: loads.reduce((sum, { callUs }) => sum + callUs.p50, 0) / loads.length / 1000,
  p99Ms: Math.max(...loads.map(({ callUs }) => callUs.p99)) / 1000,
  failed: loads.reduce((sum, { failed }) => sum + failed, 0),
  firstFault: loads.find(({ firstFault }) => firstFault !== undefined)?.firstFault,
});

const namesOf = (shape: Shape, instances: number): readonly (readonly string[])[] =>
  shape === 'all'
    ? Array.from({ length: instances }, () => [])
    : [['edge-llm'], ...Array.from({ length: instances }, () => DECIDERS)];

const membersOf = (shape: Shape, instances: number): Partial<Record<Group, number>> =>
  Object.fromEntries(
    groups.map((group) => [group, shape === 'deciders' && group === 'edge-llm-outbound' ? 1 : instances]),
  );

export const measureInstances = async (
  { round, shape, instances }: { round: number; shape: Shape; instances: number },
  plan: InstancesPlan,
  { cluster, mesh }: { cluster: Cluster; mesh: Mesh },
  signal: AbortSignal,
): Promise<InstancesRun> => {
  const processes: ServiceProcess[] = [];
  try {
    for (const names of namesOf(shape, instances))
      processes.push(await startServices(mesh, names, join(cluster.directory, 'services.log'), signal));
    await Promise.all(processes.map((one) => one.ready()));
    await untilShared(mesh, membersOf(shape, instances), signal);
    const doors = shape === 'all' ? processes : processes.slice(0, 1);
    const shares = shareOut(plan.inFlight, doors.length);
    const load = (warmUpMs: number, durationMs: number) =>
      Promise.all(
        shares.map((inFlight, i) =>
          runLoad({ url: doors[i]!.url, key: KEY, stream: false, inFlight, warmUpMs, durationMs }, signal),
        ),
      );
    const [broker, registry] = [cluster.kafka.pid, cluster.registry.pid];
    // All that this process started, but for the JVMs.
    const everything = { parley: process.pid, broker, registry };
    const use = () => {
      const of = useOf(
        Object.fromEntries([
          ['broker', { root: broker }],
          ['bench', { root: process.pid }],
          ...processes.map(({ pid }, i) => [`node ${i}`, { root: pid }]),
        ]) as Record<string, { root: number }>,
      );
      const nodes = processes.map((_, i) => of[`node ${i}`]!);
      return {
        atMs: performance.now(),
        node: nodes.reduce((sum, { cpuUs }) => sum + cpuUs, 0),
        broker: of.broker!.cpuUs,
        rssBytes: nodes.reduce((sum, { rssBytes }) => sum + rssBytes, 0),
        others: machineCpuUs() - of.bench!.cpuUs,
      };
    };
    // Until the paths are compiled, in every process.
    await load(plan.warmUpMs / 2, plan.durationMs / 2);
    const atRest = await measureRest(everything, REST_MS, signal);
    const before = use();
    const loaded = together(await load(plan.warmUpMs, plan.durationMs));
    await untilQuiet(everything, atRest.parley, signal);
    const after = use();
    const { calls, ...rest } = loaded;
    const perCall = (of: 'node' | 'broker') => Math.round((after[of] - before[of]) / Math.max(1, calls));
    return {
      round,
      shape,
      instances,
      ...rest,
      cpuUsPerCall: { node: perCall('node'), broker: perCall('broker') },
      rssBytes: after.rssBytes,
      othersCores: (after.others - before.others) / 1000 / (after.atMs - before.atMs),
    };
  } finally {
    await Promise.all(processes.map((one) => one.stop()));
  }
};
