/** A Kafka and a registry of their own in a directory, and meshes on it that are told apart by a prefix. */
import { join } from 'node:path';
import pino from 'pino';
import { provisionAgents } from '../../cli/provision-agents.ts';
import { quiet } from '../../embedded/progress.ts';
import { type Embedded, startEmbedded } from '../../embedded/start.ts';
import { applyConfiguration } from '../../services/configuration/apply.ts';
import type { Configuration } from '../../services/runtime/configuration.ts';
import { applyTopics, type GovernanceOptions } from '../../services/runtime/governance/index.ts';
import { createKafka } from '../../services/runtime/kafka/connection.ts';
import { createKafkaLog } from '../../services/runtime/kafka-log.ts';
import type { Log } from '../../services/runtime/log.ts';
import { registrySchemaIds } from '../../services/runtime/registry.ts';
import { type EventType, topicOf } from '../../topics/index.ts';

const MESH = join(import.meta.dirname, '..', 'mesh.yaml');
const logger = pino({ level: 'silent' });

export interface Cluster extends Embedded {
  directory: string;
}

/** @param directory of an earlier one: its log again. */
export const startCluster = async (directory: string, signal: AbortSignal): Promise<Cluster> => ({
  ...(await startEmbedded({ dir: directory, dieWithParent: true, progress: quiet, signal })),
  directory,
});

export interface Mesh extends GovernanceOptions {
  /** Of the configuration in force. */
  version: string;
  /** What its processes are told. */
  environment: NodeJS.ProcessEnv;
}

/** Without what this shell says of another cluster or another mesh. */
export const ownEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(KAFKA|SCHEMA_REGISTRY|PARLEY|OTEL)_/.test(name)),
  );

type On = Pick<Cluster, 'brokers' | 'registryUrl'>;

const governance = ({ brokers, registryUrl }: On, topicPrefix: string): GovernanceOptions => ({
  kafka: { brokers, clientId: 'bench' },
  registry: { url: registryUrl, prefix: topicPrefix },
  topicPrefix,
  logger,
});

/** Makes topics and schemas under a prefix, and puts bench/mesh.yaml or another in force; what is so already stays. */
export const prepareMesh = async (
  cluster: On,
  topicPrefix: string,
  upstreamUrl: string,
  path = MESH,
): Promise<Mesh> => {
  const options = governance(cluster, topicPrefix);
  const left = await applyTopics(options);
  if (left.length > 0) throw new Error(`topics could not be made: ${left.map(({ what }) => what).join(', ')}`);
  const environment = {
    ...ownEnvironment(),
    KAFKA_BROKERS: cluster.brokers.join(','),
    SCHEMA_REGISTRY_URL: cluster.registryUrl,
    PARLEY_TOPIC_PREFIX: topicPrefix,
    // Several may run side by side.
    PARLEY_GRPC_PORT: '0',
    BENCH_UPSTREAM_URL: upstreamUrl,
  };
  return await withLog(options, async (log) => {
    const provision = (agents: Configuration['agents']) => provisionAgents(options, agents);
    const { version } = await applyConfiguration({ log, path, env: environment, provision, now: Date.now });
    return { ...options, version, environment };
  });
};

/** Opens a log that writes everything, uses it and closes it. */
export const withLog = async <T>(options: GovernanceOptions, use: (log: Log) => Promise<T>): Promise<T> => {
  const log = await createKafkaLog({
    ...options.kafka,
    topicPrefix: options.topicPrefix,
    schemaIds: registrySchemaIds(options.registry),
    writes: Object.keys(topicOf) as EventType[],
    logger,
  });
  try {
    return await use(log);
  } finally {
    await log.close();
  }
};

type Admin = ReturnType<ReturnType<typeof createKafka>['admin']>;

export const withAdmin = async <T>(options: GovernanceOptions, use: (admin: Admin) => Promise<T>): Promise<T> => {
  const admin = createKafka(options.kafka, logger).admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
};
