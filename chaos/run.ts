/** One run: a cluster and a mesh of its own, load, faults, and what is left of it all compared. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import { installJars } from '../embedded/install.ts';
import { findJava } from '../embedded/java.ts';
import { during, type Progress } from '../embedded/progress.ts';
import { makeClassArchives } from '../embedded/train.ts';
import { check, type Violation } from '../invariants/index.ts';
import { applyConfiguration } from '../services/configuration/apply.ts';
import { applyTopics } from '../services/runtime/governance/index.ts';
import { createKafkaLog } from '../services/runtime/kafka-log.ts';
import type { Log } from '../services/runtime/log.ts';
import { registrySchemaIds } from '../services/runtime/registry.ts';
import { type EventType, topicOf } from '../topics/index.ts';
import { createBrokers, createRegistry } from './brokers.ts';
import { clientViolations } from './clients.ts';
import { type Cluster, createCluster } from './cluster.ts';
import { createDisk } from './disk.ts';
import { evidenceOf, parseAccessLog, readWhole, upstreamCalls } from './evidence.ts';
import { type Fault, IN_SYNC_MS, type World } from './faults/fault.ts';
import { isGood, servesClients, startLoad } from './load.ts';
import { parseToolLog, requestsByCall, toolCalls } from './mcp/access-log.ts';
import { servesTools, startToolLoad, untilOffered } from './mcp/load.ts';
import { startToolUpstream } from './mcp/upstream-process.ts';
import { toolViolations } from './mcp/violations.ts';
import { createMesh, type UnaskedEnd } from './mesh-processes.ts';
import { seeded } from './random.ts';
import { type Report, reportOf } from './report.ts';
import { schedule, shapeOf } from './schedule.ts';
import { carryOut } from './storm.ts';
import { stories } from './timeline.ts';
import { startUpstream } from './upstream.ts';

export interface RunOptions {
  seed: number;
  minutes: number;
  faults: readonly Fault[];
  /** Calls in flight. */
  inFlight: number;
  /** Holds all data and logs. */
  dir: string;
  progress: Progress;
  signal: AbortSignal;
}

/** What is to be ended when all is over, in reverse. */
export type Undo = (() => unknown)[];

const QUIET_MS = 120_000;
const CALM_MS = 2_000;
const REPORT_MS = 1_000;
/** Clients of MCP beside those of models. */
const TOOL_SHARE = 0.25;

const logger = pino({ level: 'silent' });

const startCluster = async ({ dir, faults, progress, signal }: RunOptions, undo: Undo) => {
  const jars = await installJars({ progress, signal });
  const java = findJava();
  await makeClassArchives(jars, java, { progress, signal });
  const placement = { dir, jars, java, signal };
  const { brokers, addresses } = await createBrokers(placement);
  const disk = faults.some(({ name }) => name === 'full-disk') ? createDisk(brokers.at(-1)!) : undefined;
  if (disk) undo.push(() => disk.remove());
  // Together: the last two of three, ended one by one, would wait for each other.
  undo.push(() => Promise.all(brokers.map((broker) => broker.stop('SIGKILL'))));
  await during(progress, (s) => `Starting three brokers: ${s} s`, Promise.all(brokers.map((broker) => broker.start())));
  const registry = await createRegistry(placement, addresses);
  undo.push(() => registry.stop('SIGKILL'));
  await during(progress, (s) => `Starting the schema registry: ${s} s`, registry.start());
  return { brokers, addresses, registry, disk };
};

const openLog = (addresses: string[], registryUrl: string): Promise<Log> =>
  createKafkaLog({
    brokers: addresses,
    clientId: 'parley-chaos',
    topicPrefix: '',
    schemaIds: registrySchemaIds({ url: registryUrl, prefix: '' }),
    writes: Object.keys(topicOf) as EventType[],
    logger,
  });

/** Topics, schemas and mesh.yaml. */
const govern = async (addresses: string[], registryUrl: string, env: NodeJS.ProcessEnv): Promise<void> => {
  const kafka = { brokers: addresses, clientId: 'parley-chaos' };
  const left = await applyTopics({ kafka, registry: { url: registryUrl, prefix: '' }, topicPrefix: '', logger });
  if (left.length > 0) throw new Error(`topics apply left ${left.map(({ what }) => what).join(', ')}`);
  const log = await openLog(addresses, registryUrl);
  try {
    await applyConfiguration({ log, path: join(import.meta.dirname, 'mesh.yaml'), env, now: Date.now });
  } finally {
    await log.close();
  }
};

/** Waits until no service has anything left to read. @returns what is wrong where that does not come. */
const untilQuiet = async (cluster: Cluster, { progress, signal }: RunOptions): Promise<Violation[]> => {
  const giveUp = Date.now() + QUIET_MS;
  for (let calm = 0; calm < 2; ) {
    signal.throwIfAborted();
    const lag = await cluster.lag();
    calm = lag.length === 0 ? calm + 1 : 0;
    progress.update(`Waiting for the services: ${lag.reduce((sum, one) => sum + one.records, 0)} records to read`);
    if (Date.now() > giveUp)
      return lag.map(({ group, topic, partition, records }) => ({
        invariant: 'lag goes',
        contextId: '',
        requestId: '',
        message: `${group} has ${records} records of ${topic} ${partition} still to read ${QUIET_MS / 1_000} s after the last fault`,
      }));
    await sleep(CALM_MS, undefined, { signal });
  }
  return [];
};

/** @throws when something does not start, or does not serve again after a fault; what runs then is in `undo`. */
export const run = async (options: RunOptions, undo: Undo): Promise<Report> => {
  const { seed, minutes, faults, dir, progress, signal } = options;
  mkdirSync(dir, { recursive: true });
  const accessLog = join(dir, 'upstream-access.log');
  writeFileSync(accessLog, '');
  const upstream = await startUpstream(accessLog, seeded(seed + 1));
  undo.push(() => upstream.close());
  const toolLog = join(dir, 'mcp-access.log');
  writeFileSync(toolLog, '');
  const toolUpstream = await startToolUpstream(toolLog, seed + 3);
  undo.push(() => toolUpstream.close());
  const urls = { CHAOS_UPSTREAM_URL: upstream.url, CHAOS_MCP_URL: toolUpstream.url };
  const { brokers, addresses, registry, disk } = await startCluster(options, undo);
  const governed = govern(addresses, registry.url, { ...process.env, ...urls });
  await during(progress, (s) => `Making topics: ${s} s`, governed);

  const endedUnasked: UnaskedEnd[] = [];
  const shape = shapeOf(seed);
  const mesh = await createMesh({
    dir,
    shape,
    brokers: addresses,
    registryUrl: registry.url,
    upstreams: urls,
    signal,
    endedUnasked: (end) => endedUnasked.push(end),
  });
  undo.push(() => Promise.all(mesh.map((one) => one.stop('SIGKILL'))));
  const started = Promise.all(mesh.map((one) => one.start()));
  await during(progress, (s) => `Starting ${mesh.length} mesh processes: ${s} s`, started);
  const toolUrls = mesh.filter(({ services }) => servesTools(services)).map(({ url }) => url);
  await during(progress, (s) => `Waiting for the tools: ${s} s`, untilOffered(toolUrls, signal));

  const cluster = createCluster(addresses, signal);
  const world: World = { brokers, registry, mesh, cluster, disk };
  const plan = schedule(seed, minutes, faults);
  progress.done(`Seed ${seed}: ${plan.length} faults in ${minutes} min, ${options.inFlight} calls in flight`);
  const beganAt = Date.now();
  const load = startLoad({
    seed,
    random: seeded(seed + 2),
    urls: mesh.filter(({ services }) => servesClients(services)).map(({ url }) => url),
    inFlight: options.inFlight,
  });
  undo.push(() => load.stop());
  const toolLoad = startToolLoad({
    seed,
    random: seeded(seed + 4),
    urls: toolUrls,
    clients: Math.max(1, Math.round(options.inFlight * TOOL_SHARE)),
  });
  undo.push(() => toolLoad.stop());
  const line = () => {
    const good = load.calls.filter(({ tries }) => tries.some(isGood)).length;
    progress.update(
      `${Math.round((Date.now() - beganAt) / 1_000)} s  ${load.calls.length} calls, ${good} answered well; ${toolLoad.calls.length} calls of tools`,
    );
  };
  const timer = setInterval(line, REPORT_MS);
  undo.push(() => clearInterval(timer));
  const made = await carryOut(plan, faults, world, {
    forMs: minutes * 60_000,
    signal,
    told: (text) => progress.done(text),
  });
  const endedAt = Date.now();
  clearInterval(timer);

  await during(progress, (s) => `Waiting for the last calls: ${s} s`, Promise.all([load.stop(), toolLoad.stop()]));
  await cluster.inSync(IN_SYNC_MS);
  const stuck = await untilQuiet(cluster, options);
  await toolLoad.askAfterSessions();
  const log = await openLog(addresses, registry.url);
  undo.push(() => log.close());
  const records = await readWhole(log, (seen, total) => progress.update(`Reading the log: ${seen} of ${total}`));
  progress.update('Comparing');
  const entries = parseAccessLog(readFileSync(accessLog, 'utf8'));
  const toolEntries = parseToolLog(readFileSync(toolLog, 'utf8'));
  const requests = requestsByCall(records);
  const calls = [...load.calls, ...toolLoad.calls];
  const reached = [...upstreamCalls(entries), ...toolCalls(toolEntries, requests)];
  const violations = [
    ...stuck,
    ...clientViolations(load.calls),
    ...toolViolations(toolLoad.calls, toolLoad.sessions, requests),
    ...check(evidenceOf(records, reached, calls, Date.now())),
  ];
  const known = { records, reached, calls, faults: made, beganAt };
  writeFileSync(join(dir, 'violations.txt'), `${stories(violations, known)}\n`);
  return reportOf({
    seed,
    minutes,
    shape,
    faults: made,
    calls: load.calls,
    beganAt,
    endedAt,
    records,
    accessLog: entries,
    tools: { calls: toolLoad.calls, sessions: toolLoad.sessions, entries: toolEntries, requests },
    endedUnasked,
    violations,
  });
};
