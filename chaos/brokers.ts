/** Three brokers in three JVMs, each a controller as well, and the registry on them. */
import { join } from 'node:path';
import { archiveFlags } from '../embedded/class-archive.ts';
import type { Jars } from '../embedded/install.ts';
import type { Java } from '../embedded/java.ts';
import { clusterId, type Kafka, startKafka } from '../embedded/kafka.ts';
import { choosePorts } from '../embedded/ports.ts';
import { type Registry, startRegistry } from '../embedded/registry.ts';

const NODES = [1, 2, 3] as const;
const JVM_FLAGS = ['-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:+ExitOnOutOfMemoryError'];

/** A server that can be ended, started again where it was, and frozen. */
export interface Restartable {
  name: string;
  /** Of the process that runs now; undefined while none does. */
  pid(): number | undefined;
  /** Resolves once it answers; no error when it runs. Throws EmbeddedError. */
  start(): Promise<void>;
  /** SIGTERM, or SIGKILL; resolves once it is gone. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

export interface Broker extends Restartable {
  nodeId: number;
  /** Holds Kafka's log.dirs, `data`. */
  dataDir: string;
}

export interface Placement {
  dir: string;
  jars: Jars;
  java: Java;
  signal: AbortSignal;
}

const replicated = {
  'default.replication.factor': 3,
  'min.insync.replicas': 2,
  'unclean.leader.election.enable': false,
  'offsets.topic.replication.factor': 3,
  'transaction.state.log.replication.factor': 3,
  'transaction.state.log.min.isr': 2,
  'share.coordinator.state.topic.replication.factor': 3,
  'share.coordinator.state.topic.min.isr': 2,
};

/** Settings of one broker of the three. */
const propertiesOf = (nodeId: number, ports: Record<string, number>) => ({
  'node.id': nodeId,
  'controller.quorum.voters': NODES.map((id) => `${id}@127.0.0.1:${ports[`controller${id}`]}`).join(','),
  ...replicated,
});

/** One life after another of a server that `begin` starts. */
const restartable = (
  name: string,
  begin: (spawned: (server: { pid: number }) => void) => Promise<Kafka | Registry>,
): Restartable => {
  let pid: number | undefined;
  let running: Kafka | Registry | undefined;
  return {
    name,
    pid: () => pid,
    start: async () => {
      if (running) return;
      running = await begin((server) => {
        pid = server.pid;
      });
    },
    stop: async (signal = 'SIGTERM') => {
      const ended = running;
      running = undefined;
      if (pid !== undefined && signal === 'SIGKILL') signalProcess(pid, 'SIGKILL');
      await ended?.stop();
      pid = undefined;
    },
  };
};

/** Sends a signal; a process that is gone is no error. */
export const signalProcess = (pid: number | undefined, signal: NodeJS.Signals): void => {
  try {
    if (pid !== undefined) process.kill(pid, signal);
  } catch {
    // Gone between the look and the signal.
  }
};

/** Not started yet: a quorum needs two of them, so start them side by side. */
export const createBrokers = async ({ dir, jars, java, signal }: Placement) => {
  const names = NODES.flatMap((id) => [`kafka${id}`, `controller${id}`]);
  const ports = await choosePorts(
    join(dir, 'broker-ports.json'),
    Object.fromEntries(names.map((name) => [name, undefined])),
  );
  const id = clusterId();
  const jvmFlags = [...JVM_FLAGS, ...archiveFlags(jars.kafka, java)];
  const brokers = NODES.map((nodeId): Broker => {
    const dataDir = join(dir, `broker-${nodeId}`);
    const begin = (spawned: (server: { pid: number }) => void) =>
      startKafka({
        dataDir,
        jars,
        java,
        jvmFlags,
        port: ports[`kafka${nodeId}`],
        controllerPort: ports[`controller${nodeId}`],
        clusterId: id,
        properties: propertiesOf(nodeId, ports),
        dieWithParent: true,
        signal,
        spawned,
      });
    return { nodeId, dataDir, ...restartable(`broker ${nodeId}`, begin) };
  });
  return { brokers, addresses: NODES.map((node) => `127.0.0.1:${ports[`kafka${node}`]}`) };
};

/** Not started yet. `url` is of Confluent's API, and the same in every life. */
export const createRegistry = async (
  { dir, jars, java, signal }: Placement,
  brokers: string[],
): Promise<Restartable & { url: string }> => {
  const dataDir = join(dir, 'registry');
  const { registry: port } = await choosePorts(join(dir, 'registry-port.json'), { registry: undefined });
  const begin = (spawned: (server: { pid: number }) => void) =>
    startRegistry({ dataDir, jars, java, brokers, port, dieWithParent: true, signal, spawned });
  return { url: `http://127.0.0.1:${port}/apis/ccompat/v7`, ...restartable('the registry', begin) };
};
