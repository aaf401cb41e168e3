/** Where the cluster is, and the log on it. */
import net from 'node:net';
import { resolve } from 'node:path';
import pino from 'pino';
import { isAlive } from '../embedded/processes.ts';
import { registryUrl } from '../embedded/registry.ts';
import { readState } from '../embedded/state.ts';
import { readEnvironment } from '../services/runtime/environment.ts';
import type { GovernanceOptions } from '../services/runtime/governance/index.ts';
import { createKafka } from '../services/runtime/kafka/connection.ts';
import { createKafkaLog } from '../services/runtime/kafka-log.ts';
import type { Log } from '../services/runtime/log.ts';
import { registrySchemaIds } from '../services/runtime/registry.ts';
import type { EventType } from '../topics/index.ts';
import { NOT_APPLIED } from './failure.ts';

const EMBEDDED_STATE = resolve('.parley', 'embedded.json');
const ANSWER_MS = 3_000;

const NOWHERE =
  'there is no cluster to look at: start one with `npm start`, or set KAFKA_BROKERS and SCHEMA_REGISTRY_URL';

const answers = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = net.connect({ host, port, timeout: ANSWER_MS });
    const settle = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.once('connect', () => settle(true));
    socket.once('timeout', () => settle(false));
    socket.once('error', () => settle(false));
  });

const brokerAnswers = (broker: string): Promise<boolean> => {
  const { hostname, port } = new URL(`kafka://${broker}`);
  return answers(hostname.replace(/^\[|\]$/g, ''), Number(port || 9092));
};

const registryAnswers = (text: string): Promise<boolean> => {
  const { hostname, port, protocol } = new URL(text);
  return answers(hostname.replace(/^\[|\]$/g, ''), Number(port || (protocol === 'https:' ? 443 : 80)));
};

/** The embedded cluster of this directory, while it runs. */
const embedded = (clientId: string, prefix: string): Pick<GovernanceOptions, 'kafka' | 'registry'> | undefined => {
  const { owner, kafka, registry } = readState(EMBEDDED_STATE) ?? {};
  if (!owner || !kafka || !registry || !isAlive(kafka)) return undefined;
  return {
    kafka: { brokers: [`127.0.0.1:${kafka.port}`], clientId },
    registry: { url: registryUrl(registry.port), prefix },
  };
};

/**
 * The cluster that KAFKA_BROKERS and SCHEMA_REGISTRY_URL name, or else the embedded one that runs from `.parley/`.
 * @throws Error in a line that says what to do, when there is none or it does not answer.
 */
export const findCluster = async (env: NodeJS.ProcessEnv = process.env): Promise<GovernanceOptions> => {
  const { cluster, clientId, topicPrefix, partitions } = readEnvironment(env);
  const found = cluster ?? embedded(clientId, topicPrefix);
  if (!found) throw new Error(NOWHERE);
  const { brokers } = found.kafka;
  if (!(await Promise.any(brokers.map(async (b) => (await brokerAnswers(b)) || Promise.reject())).catch(() => false)))
    throw new Error(`Kafka does not answer at ${brokers.join(', ')}: is it running, and is KAFKA_BROKERS right?`);
  if (!(await registryAnswers(found.registry.url)))
    throw new Error(`the schema registry does not answer at ${found.registry.url}: is SCHEMA_REGISTRY_URL right?`);
  const logger = pino({ level: env.DEBUG ? 'debug' : 'silent' }, pino.destination({ dest: 2, sync: true }));
  return { ...found, topicPrefix, partitions, logger };
};

/** kafkajs would ask for a topic again and again before it says that there is none. */
const hasTopics = async ({ kafka, topicPrefix, logger }: GovernanceOptions): Promise<boolean> => {
  const admin = createKafka(kafka, logger).admin();
  await admin.connect();
  try {
    return (await admin.listTopics()).includes(`${topicPrefix}mesh.requests`);
  } finally {
    await admin.disconnect();
  }
};

const openLog = async (writes: readonly EventType[]): Promise<Log> => {
  const cluster = await findCluster();
  if (!(await hasTopics(cluster))) throw new Error(NOT_APPLIED);
  const { kafka, registry, topicPrefix, logger } = cluster;
  return await createKafkaLog({ ...kafka, topicPrefix, schemaIds: registrySchemaIds(registry), writes, logger });
};

/** Opens the log, uses it and closes it. @param writes what is going to be appended. */
export const withLog = async <T>(use: (log: Log) => Promise<T>, writes: readonly EventType[] = []): Promise<T> => {
  const log = await openLog(writes);
  try {
    return await use(log);
  } finally {
    await log.close();
  }
};
