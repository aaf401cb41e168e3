import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { archiveFlags } from './class-archive.ts';
import type { Jars } from './install.ts';
import { findJava, type Java } from './java.ts';
import { type Running, runJvm, running, spawnJvm, untilAnswers } from './jvm.ts';
import { kafkaAnswers } from './kafka-answers.ts';
import { choosePorts } from './ports.ts';
import { serverProperties } from './server-properties.ts';
import type { Server } from './state.ts';

const GRACE_MS = 20_000;
/** How the JVM runs unless told otherwise. */
export const KAFKA_FLAGS = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:+ExitOnOutOfMemoryError'];
const LOG_FLAGS = [
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dorg.slf4j.simpleLogger.showDateTime=true',
  "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
];

export interface KafkaOptions {
  /** Holds the broker's data, settings, ports and log. */
  dataDir: string;
  jars: Pick<Jars, 'kafka'>;
  /** Default: the one of last time, else a free one. */
  port?: number;
  /** Of its controller. Default: as for `port`. */
  controllerPort?: number;
  /** For a broker that is one of several: the cluster that its storage is formatted for. Default: a new one. */
  clusterId?: string;
  /** Default `<dataDir>/kafka.log`. */
  log?: string;
  authorizer?: boolean;
  /** Further lines of server.properties. */
  properties?: Record<string, string | number | boolean>;
  /** Default: the one that findJava finds. */
  java?: Java;
  /** Instead of KAFKA_FLAGS and the class archive. */
  jvmFlags?: string[];
  dieWithParent?: boolean;
  signal?: AbortSignal;
  /** Called as soon as there is a process, long before it answers. */
  spawned?: (server: Server) => void;
}

export interface Kafka extends Running {
  brokers: string[];
}

/** Starts a broker on loopback and resolves once it answers. Throws EmbeddedError. */
export async function startKafka(options: KafkaOptions): Promise<Kafka> {
  const { jars, java = findJava(), signal } = options;
  const dataDir = resolve(options.dataDir);
  const { log = join(dataDir, 'kafka.log'), jvmFlags = [...KAFKA_FLAGS, ...archiveFlags(jars.kafka, java)] } = options;
  const settings = join(dataDir, 'server.properties');
  const logDir = join(dataDir, 'data');
  mkdirSync(dataDir, { recursive: true });
  const ports = await choosePorts(join(dataDir, 'ports.json'), {
    kafka: options.port,
    controller: options.controllerPort,
  });
  const { kafka: port, controller: controllerPort } = ports;
  writeFileSync(
    settings,
    serverProperties({
      port,
      controllerPort,
      dataDir: logDir,
      authorizer: options.authorizer,
      properties: options.properties,
    }),
  );

  const run = (flags: string[], ...args: string[]) => [
    ...flags,
    ...LOG_FLAGS,
    marker(dataDir),
    '-cp',
    classPath(jars.kafka),
    ...args,
  ];
  // The formatter writes this file last.
  if (!existsSync(join(logDir, 'meta.properties'))) {
    const id = options.clusterId ?? clusterId();
    const args = run(KAFKA_FLAGS, 'kafka.tools.StorageTool', 'format', '-t', id, '-c', settings);
    await runJvm('Formatting Kafka storage', java.path, args, signal);
  }
  const jvm = spawnJvm({ java: java.path, args: run(jvmFlags, 'kafka.Kafka', settings), cwd: dataDir, log });
  options.spawned?.({ ...jvm, port });
  const kafka = kafkaAt({ ...jvm, port }, options.dieWithParent);
  await untilAnswers({ name: 'Kafka', jvm: kafka, log, signal }, () => kafkaAnswers(port));
  return kafka;
}

/** A broker that runs already. */
export function kafkaAt(server: Server, dieWithParent?: boolean): Kafka {
  return { ...running(server, GRACE_MS, dieWithParent), brokers: [`127.0.0.1:${server.port}`] };
}

/** Says on a JVM's command line whose it is. */
export const marker = (dataDir: string) => `-Dparley.dir=${dataDir}`;

/** In one order always: a class archive holds for one class path. */
function classPath(dir: string): string {
  const jars = readdirSync(dir).filter((file) => file.endsWith('.jar'));
  return jars
    .sort()
    .map((file) => join(dir, file))
    .join(delimiter);
}

/** Kafka's form of a UUID, 22 characters of URL-safe base64; not one that its tool would take for an option. */
export const clusterId = (): string => {
  const id = Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url');
  return id.startsWith('-') ? clusterId() : id;
};
