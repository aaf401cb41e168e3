import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { survivors } from './adopt.ts';
import { EmbeddedError } from './errors.ts';
import { installJars, type Jars } from './install.ts';
import { findJava, type Java } from './java.ts';
import type { Running } from './jvm.ts';
import { type Kafka, kafkaAt, startKafka } from './kafka.ts';
import { tryLock } from './lock.ts';
import { inspectProcess } from './processes.ts';
import { during, type Progress, quiet } from './progress.ts';
import { type Registry, registryAt, startRegistry } from './registry.ts';
import { readState, type Server, type State, writeState } from './state.ts';
import { makeClassArchives } from './train.ts';

export interface EmbeddedOptions {
  /** Holds all data: topics, schemas, ports, logs. The same directory gives the same Kafka again. */
  dir: string;
  progress?: Progress;
  /** Where the jars are kept; default `.parley/jars` of this repository. */
  jarsDir?: string;
  kafkaPort?: number;
  registryPort?: number;
  /** Kafka with an authorizer, so that ACLs can be tried. */
  authorizer?: boolean;
  /** Further lines of server.properties. */
  properties?: Record<string, string | number | boolean>;
  /** For tests: end both when this process does, even by kill -9. Otherwise they go on and the next start adopts them. */
  dieWithParent?: boolean;
  /** Gives up the start; what had been started is ended. */
  signal?: AbortSignal;
}

export interface Embedded {
  brokers: string[];
  registryUrl: string;
  kafka: Kafka;
  registry: Registry;
  /** Ends the registry, then Kafka, and resolves when both are gone. */
  stop(): Promise<void>;
}

/**
 * A Kafka and a schema registry on this machine: fetched if need be, started, or taken over from an owner that was killed.
 * Throws EmbeddedError: `ALREADY_RUNNING` when another process has them, `JAVA_NOT_FOUND`, `MAVEN_NOT_FOUND`,
 * `INSTALL_FAILED`, `PORT_IN_USE`, `JVM_DIED`, `START_TIMEOUT`.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { progress = quiet, signal } = options;
  const dir = resolve(options.dir);
  const release = own(dir);
  try {
    const java = findJava();
    const jars = await installJars({ dir: options.jarsDir, progress, signal });
    await makeClassArchives(jars, java, { progress, signal });
    return await startServers({ ...options, dir, progress }, jars, java, release);
  } catch (error) {
    release();
    throw error;
  }
}

/** Makes this process the owner of a directory until it lets go or dies. */
function own(dir: string): () => void {
  mkdirSync(dir, { recursive: true });
  const release = tryLock(join(dir, 'embedded.lock'));
  if (release) return release;
  const pid = readState(stateFile(dir))?.owner.pid;
  throw new EmbeddedError(
    'ALREADY_RUNNING',
    `Kafka is already running (pid ${pid ?? 'unknown'}) on ${dir}. Stop that process first, or use another directory.`,
  );
}

const stateFile = (dir: string) => join(dir, 'embedded.json');

async function startServers(
  options: EmbeddedOptions & { progress: Progress },
  jars: Jars,
  java: Java,
  release: () => void,
): Promise<Embedded> {
  const { dir, progress, dieWithParent, signal } = options;
  const dataDirs = { kafka: join(dir, 'kafka'), registry: join(dir, 'registry') };
  const found = await survivors(readState(stateFile(dir)), dataDirs);
  const self = inspectProcess(process.pid);
  const state: State = { owner: { pid: process.pid, started: self?.started ?? '' }, ...found };
  writeState(stateFile(dir), state);
  // At once, not when it answers: an owner may be killed in between.
  const note = (name: 'kafka' | 'registry') => (server: Server) =>
    writeState(stateFile(dir), Object.assign(state, { [name]: server }));

  const running: Running[] = [];
  let stopped: Promise<void> | undefined;
  const stopAll = async () => {
    for (const server of running.reverse()) await server.stop();
    rmSync(stateFile(dir), { force: true });
    release();
  };
  const stop = () => {
    stopped ??= stopAll();
    return stopped;
  };
  try {
    const kafka = found.kafka
      ? adopted(progress, 'Kafka', kafkaAt(found.kafka, dieWithParent))
      : await started(
          progress,
          'Kafka',
          startKafka({
            ...options,
            dataDir: dataDirs.kafka,
            jars,
            java,
            port: options.kafkaPort,
            spawned: note('kafka'),
          }),
        );
    running.push(kafka);
    const { brokers } = kafka;
    const registry = found.registry
      ? adopted(progress, 'Schema registry', registryAt(found.registry, dieWithParent))
      : await started(
          progress,
          'Schema registry',
          startRegistry({
            dataDir: dataDirs.registry,
            jars,
            java,
            brokers,
            port: options.registryPort,
            dieWithParent,
            signal,
            spawned: note('registry'),
          }),
        );
    running.push(registry);
    return { brokers, registryUrl: registry.url, kafka, registry, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function adopted<T extends Server>(progress: Progress, name: string, server: T): T {
  progress.done(
    `${name} still runs on 127.0.0.1:${server.port} since a start that was cut off (pid ${server.pid}): going on with it`,
  );
  return server;
}

async function started<T extends Server>(progress: Progress, name: string, starting: Promise<T>): Promise<T> {
  const begun = performance.now();
  const server = await during(progress, (seconds) => `Starting ${name}: ${seconds} s`, starting);
  progress.done(
    `${name} on 127.0.0.1:${server.port} after ${((performance.now() - begun) / 1000).toFixed(1)} s (pid ${server.pid})`,
  );
  return server;
}
