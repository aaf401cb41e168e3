import { mkdirSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { archiveFlags } from './class-archive.ts';
import type { Jars } from './install.ts';
import { findJava, type Java } from './java.ts';
import { type Running, running, spawnJvm, untilAnswers } from './jvm.ts';
import { marker } from './kafka.ts';
import { choosePorts } from './ports.ts';
import type { Server } from './state.ts';

// Short: all that it has is in Kafka.
const GRACE_MS = 3_000;
/** How the JVM runs unless told otherwise. */
export const REGISTRY_FLAGS = [
  '-Xmx384m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-XX:+ExitOnOutOfMemoryError',
];

export interface RegistryOptions {
  /** Holds the registry's port and log; the schemas are in Kafka. */
  dataDir: string;
  jars: Pick<Jars, 'registry'>;
  brokers: string[];
  /** Default: the one of last time, else a free one. */
  port?: number;
  /** Default `<dataDir>/registry.log`. */
  log?: string;
  /** Default: the one that findJava finds. */
  java?: Java;
  /** Instead of REGISTRY_FLAGS and the class archive. */
  jvmFlags?: string[];
  dieWithParent?: boolean;
  signal?: AbortSignal;
  /** Called as soon as there is a process, long before it answers. */
  spawned?: (server: Server) => void;
}

export interface Registry extends Running {
  /** Of Confluent's API. */
  url: string;
}

/** Starts a schema registry on loopback and resolves once it answers. Throws EmbeddedError. */
export async function startRegistry(options: RegistryOptions): Promise<Registry> {
  const { jars, brokers, java = findJava(), signal } = options;
  const dataDir = resolve(options.dataDir);
  const { log = join(dataDir, 'registry.log'), jvmFlags = [...REGISTRY_FLAGS, ...archiveFlags(jars.registry, java)] } =
    options;
  mkdirSync(dataDir, { recursive: true });
  const { registry: port } = await choosePorts(join(dataDir, 'ports.json'), { registry: options.port });
  const jvm = spawnJvm({
    java: java.path,
    args: [...jvmFlags, marker(dataDir), '-jar', join(jars.registry, runner(jars.registry))],
    env: settings(brokers, port),
    cwd: dataDir,
    log,
  });
  options.spawned?.({ ...jvm, port });
  const registry = registryAt({ ...jvm, port }, options.dieWithParent);
  await untilAnswers({ name: 'The schema registry', jvm: registry, log, signal }, () => registryAnswers(registry.url));
  return registry;
}

/** A registry that runs already. */
export function registryAt(server: Server, dieWithParent?: boolean): Registry {
  return { ...running(server, GRACE_MS, dieWithParent), url: registryUrl(server.port) };
}

export const registryUrl = (port: number) => `http://127.0.0.1:${port}/apis/ccompat/v7`;

/** Whether it has read all of its journal: it answers before that, as if it knew no schema yet. */
export async function registryAnswers(url: string): Promise<boolean> {
  try {
    const response = await fetch(new URL('/health/ready', url), { signal: AbortSignal.timeout(5_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

/** Apicurio's environment. */
export function settings(brokers: string[], port: number): Record<string, string> {
  return {
    APICURIO_STORAGE_KIND: 'kafkasql',
    APICURIO_KAFKASQL_BOOTSTRAP_SERVERS: brokers.join(','),
    // How long it waits at start for a snapshot that need not come: the journal, kept for ever, holds everything. Default 5 s.
    APICURIO_KAFKASQL_CONSUMER_POLL_TIMEOUT: '500',
    APICURIO_KAFKASQL_SNAPSHOT_EVERY_SECONDS: 'off',
    QUARKUS_HTTP_HOST: '127.0.0.1',
    QUARKUS_HTTP_PORT: String(port),
    QUARKUS_BANNER_ENABLED: 'false',
    QUARKUS_HTTP_ACCESS_LOG_ENABLED: 'false',
    APICURIO_LOGCONFIGJOB_EVERY: 'off',
    QUARKUS_LOG_LEVEL: 'WARN',
  };
}

function runner(dir: string): string {
  const file = readdirSync(dir).find((name) => name.endsWith('-runner.jar'));
  if (!file) throw new Error(`no registry in ${dir}`);
  return file;
}
