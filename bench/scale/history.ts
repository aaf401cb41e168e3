/** What a log that grows costs whoever starts on it or reads it. */

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { conversationTopics } from '../../cli/conversation.ts';
import { newId } from '../../services/runtime/event.ts';
import { topics } from '../../topics/index.ts';
import { KEY } from '../call.ts';
import { runLoad } from '../children.ts';
import { segmentBytes } from '../segments.ts';
import { type Cluster, type Mesh, startCluster, withLog } from './cluster.ts';
import { parley, run } from './command.ts';
import { failedAttempt } from './conversations.ts';
import { fill } from './fill.ts';
import { commitAllEnds, groups, recordsOf, untilCaughtUp } from './groups.ts';
import type { ReplayedAll } from './replay-all.ts';
import { type ServiceProcess, startServices } from './service-process.ts';

/** Services read back what was stated in the minute before they stopped: a log that is being filled would be all of that. */
const SETTLED_MS = 70_000;
const BEFORE_KILL = { stream: false, inFlight: 16, warmUpMs: 100 };

export interface Start {
  /** From the process spawned to the first 200 of /readyz, and to the first answered call. */
  readyMs: number;
  answeredMs: number;
}

export interface HistoryPlan {
  /** Ascending. */
  conversations: readonly number[];
  rounds: number;
  /** How long calls are made before the services are killed. */
  killAfterMs: number;
  /** Whether to wait until what was filled is older than what services read back. */
  settle: boolean;
}

export interface Reading {
  ms: number;
  records: number;
  peakRssBytes: number;
}

export interface History {
  conversations: number;
  fill: { conversations: number; records: number; ms: number };
  records: number;
  /** Of the segments of all topics. */
  logBytes: number;
  /** Kafka and the registry, until both answer. */
  clusterStartMs: { clean: number; killed: number };
  clean: Start[];
  killed: Start[];
  /** After a clean stop, with one event on a topic that hardly has any. */
  rare: Start;
  usage: Reading;
  auditVerify: Reading;
  /** `parley replay` of one conversation, milliseconds, and the records of its partition. */
  replayOne: { ms: number[]; records: number };
  replayAll: ReplayedAll & { peakRssBytes: number };
  faults: string[];
}

const PARTITIONS = topics['mesh.requests'].partitions;

export const readings = async (
  mesh: Mesh,
  samples: readonly string[],
  say: (what: string) => void,
  signal: AbortSignal,
): Promise<Pick<History, 'usage' | 'auditVerify' | 'replayOne' | 'replayAll' | 'faults'>> => {
  const faults: string[] = [];
  const usageRecords = await recordsOf(mesh, ['mesh.usage']);
  say('parley usage');
  const usage = await parley(mesh, ['usage', '--by', 'unit', '--since', '30d', '--json'], signal);
  const { calls } = JSON.parse(usage.printed || '{}') as { calls?: number };
  if (calls !== usageRecords) faults.push(`parley usage counted ${calls} calls of ${usageRecords}`);

  say('parley audit verify');
  const verified = await parley(mesh, ['audit', 'verify', '--json'], signal);
  const report = JSON.parse(verified.printed) as {
    partitions: { entries: number }[];
    coverage: { audited: number; waiting: number }[];
  };
  const entries = report.partitions.reduce((sum, one) => sum + one.entries, 0);
  const events = report.coverage.reduce((sum, { audited, waiting }) => sum + audited + waiting, 0);

  const ms: number[] = [];
  for (const conversation of samples) {
    say(`parley replay ${conversation}`);
    const { ms: took, printed } = await parley(mesh, ['replay', conversation], signal);
    if (!printed.includes('1 served')) faults.push(`parley replay ${conversation} told of no answer`);
    ms.push(took);
  }
  say('a replay of every conversation');
  const all = await run(mesh, 'bench/scale/replay-all.ts', [], signal);
  return {
    usage: { ms: usage.ms, records: usageRecords, peakRssBytes: usage.peakRssBytes },
    auditVerify: { ms: verified.ms, records: entries + events, peakRssBytes: verified.peakRssBytes },
    replayOne: { ms, records: Math.round((await recordsOf(mesh, conversationTopics)) / PARTITIONS) },
    replayAll: { ...(JSON.parse(all.printed) as ReplayedAll), peakRssBytes: all.peakRssBytes },
    faults,
  };
};

const started = async (process: ServiceProcess): Promise<Start> => {
  const readyMs = await process.ready();
  return { readyMs, answeredMs: await process.answered() };
};

/** Starts Kafka and the registry again on what they had. */
const restart = async (
  cluster: Cluster,
  how: 'clean' | 'killed',
  signal: AbortSignal,
): Promise<{ cluster: Cluster; ms: number }> => {
  if (how === 'killed') process.kill(cluster.kafka.pid, 'SIGKILL');
  await cluster.stop();
  const began = performance.now();
  const again = await startCluster(cluster.directory, signal);
  return { cluster: again, ms: performance.now() - began };
};

/**
 * Measures one size. The groups are put to the end of what was filled, as a mesh that was stopped in order leaves them.
 * @param running the cluster, which is another after each restart.
 */
export const measureHistory = async (
  conversations: number,
  before: number,
  plan: HistoryPlan,
  { running, mesh }: { running: { cluster: Cluster }; mesh: Mesh },
  say: (what: string) => void,
  signal: AbortSignal,
): Promise<History> => {
  const log = join(running.cluster.directory, 'services.log');
  const filled = await fill(
    mesh,
    { conversations: conversations - before, audited: true },
    (done, total) => say(`filling the log: ${done} of ${total} conversations`),
    signal,
  );
  const filledAt = performance.now();
  await commitAllEnds(mesh);
  const logBytes = segmentBytes(join(running.cluster.directory, 'kafka', 'data'), 'mesh.');
  const inLog = await recordsOf(mesh, [...conversationTopics, 'mesh.audit']);
  const read = await readings(mesh, filled.samples, say, signal);

  if (plan.settle) {
    say('waiting until the log is older than what services read back');
    await sleep(Math.max(0, filledAt + SETTLED_MS - performance.now()), undefined, { signal });
  }
  const faults: string[] = [];
  const clean: Start[] = [];
  const killed: Start[] = [];
  const ruled = await recordsOf(mesh, ['mesh.decisions']);
  let calls = 0;
  const startOnce = async (): Promise<{ services: ServiceProcess; start: Start }> => {
    const services = await startServices(mesh, [], log, signal);
    try {
      const start = await started(services);
      calls += 1;
      return { services, start };
    } catch (error) {
      await services.kill();
      throw error;
    }
  };
  for (let round = 0; round < plan.rounds; round += 1) {
    say(`start after a clean stop, round ${round + 1} of ${plan.rounds}`);
    const first = await startOnce();
    clean.push(first.start);
    const load = { ...BEFORE_KILL, url: first.services.url, key: KEY, durationMs: plan.killAfterMs };
    // Killed whatever comes of it.
    const loaded = await runLoad(load, signal).finally(() => first.services.kill());
    calls += loaded.calls;
    if (loaded.firstFault) faults.push(loaded.firstFault);
    say(`start after kill -9, round ${round + 1} of ${plan.rounds}`);
    const second = await startOnce();
    killed.push(second.start);
    await Promise.all(groups.map((group) => untilCaughtUp(mesh, group, signal))).finally(() => second.services.stop());
  }
  say('start with one failed attempt to be read');
  await withLog(mesh, (log) => log.append([failedAttempt(newId(), Date.now())]));
  const third = await startOnce();
  await Promise.all(groups.map((group) => untilCaughtUp(mesh, group, signal))).finally(() => third.services.stop());
  const again = (await recordsOf(mesh, ['mesh.decisions'])) - ruled - calls;
  if (again !== 0) faults.push(`policy ruled ${again} times more often than it was asked`);
  const clusterStartMs = { clean: 0, killed: 0 };
  for (const how of ['clean', 'killed'] as const) {
    say(`Kafka, ${how === 'clean' ? 'stopped in order' : 'killed'}, starts again`);
    const { cluster, ms } = await restart(running.cluster, how, signal);
    running.cluster = cluster;
    clusterStartMs[how] = ms;
  }
  const { conversations: added, records, ms } = filled;
  return {
    conversations,
    fill: { conversations: added, records, ms },
    records: inLog,
    logBytes,
    clusterStartMs,
    clean,
    killed,
    rare: third.start,
    ...read,
    faults: [...read.faults, ...faults],
  };
};
