/** What a process is told by its environment: where Kafka and the registry are, and where to listen. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { RuntimeError } from './errors.ts';
import type { KafkaOptions } from './kafka/connection.ts';
import type { RegistryOptions } from './registry.ts';

const flag = z.enum(['true', 'false', '1', '0', '']).transform((text) => text === 'true' || text === '1');
const port = z.coerce.number().int().min(0).max(65_535);

const variables = z
  .object({
    KAFKA_BROKERS: z.string().min(1, 'host:port, several separated by commas').optional(),
    KAFKA_CLIENT_ID: z.string().default('parley'),
    KAFKA_SSL: flag.default(false),
    KAFKA_SSL_CA_FILE: z.string().optional(),
    KAFKA_SSL_CERT_FILE: z.string().optional(),
    KAFKA_SSL_KEY_FILE: z.string().optional(),
    KAFKA_SASL_MECHANISM: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).optional(),
    KAFKA_SASL_USERNAME: z.string().optional(),
    KAFKA_SASL_PASSWORD: z.string().optional(),
    SCHEMA_REGISTRY_URL: z.url('e.g. http://127.0.0.1:8081').optional(),
    SCHEMA_REGISTRY_USERNAME: z.string().optional(),
    SCHEMA_REGISTRY_PASSWORD: z.string().optional(),
    PARLEY_TOPIC_PREFIX: z
      .string()
      .regex(/^[a-zA-Z0-9._-]*$/, 'letters, digits, dot, hyphen and underscore')
      .default(''),
    PARLEY_PARTITIONS: z.coerce.number().int().min(1).max(1_000).optional(),
    PARLEY_HOST: z.string().default('127.0.0.1'),
    PARLEY_PORT: port.default(4000),
    PARLEY_GRPC_PORT: port.default(4001),
    PARLEY_DATA_DIR: z.string().optional(),
    LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  })
  .refine((v) => !v.KAFKA_SASL_MECHANISM || (v.KAFKA_SASL_USERNAME && v.KAFKA_SASL_PASSWORD), {
    message: 'goes with KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD',
    path: ['KAFKA_SASL_MECHANISM'],
  })
  .refine((v) => (v.KAFKA_BROKERS === undefined) === (v.SCHEMA_REGISTRY_URL === undefined), {
    message: 'KAFKA_BROKERS and SCHEMA_REGISTRY_URL go together',
    path: ['KAFKA_BROKERS'],
  });

export interface Environment {
  /** A cluster that exists; undefined: the embedded one. */
  cluster: { kafka: KafkaOptions; registry: RegistryOptions } | undefined;
  clientId: string;
  topicPrefix: string;
  /** Of each topic that is shared out among instances, where the topics are made; undefined: it is left to their files. */
  partitions: number | undefined;
  host: string;
  port: number;
  grpcPort: number;
  /** Where views of the log may be kept; undefined: in memory. */
  dataDir: string | undefined;
  logLevel: string;
}

type Variables = z.infer<typeof variables>;

const kafkaOf = (v: Variables, brokers: string): KafkaOptions => {
  const read = (file: string | undefined) => (file === undefined ? undefined : readFileSync(file, 'utf8'));
  const files = { ca: v.KAFKA_SSL_CA_FILE, cert: v.KAFKA_SSL_CERT_FILE, key: v.KAFKA_SSL_KEY_FILE };
  const given = Object.entries(files).flatMap(([name, file]) => (file === undefined ? [] : [[name, read(file)]]));
  return {
    brokers: brokers.split(',').map((broker) => broker.trim()),
    clientId: v.KAFKA_CLIENT_ID,
    tls: v.KAFKA_SSL || given.length > 0 ? Object.fromEntries(given) : undefined,
    sasl: v.KAFKA_SASL_MECHANISM && {
      mechanism: v.KAFKA_SASL_MECHANISM,
      username: v.KAFKA_SASL_USERNAME!,
      password: v.KAFKA_SASL_PASSWORD!,
    },
  };
};

/** @throws RuntimeError PARLEY_ENVIRONMENT naming every variable that is wrong and what it should be. */
export const readEnvironment = (env: NodeJS.ProcessEnv): Environment => {
  // An empty variable is an unset one, as compose files and shells make them.
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = variables.safeParse(set);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new RuntimeError('PARLEY_ENVIRONMENT', `the environment is not right:\n  ${problems.join('\n  ')}`);
  }
  const v = parsed.data;
  const cluster = v.KAFKA_BROKERS &&
    v.SCHEMA_REGISTRY_URL && {
      kafka: kafkaOf(v, v.KAFKA_BROKERS),
      registry: {
        url: v.SCHEMA_REGISTRY_URL,
        username: v.SCHEMA_REGISTRY_USERNAME,
        password: v.SCHEMA_REGISTRY_PASSWORD,
        prefix: v.PARLEY_TOPIC_PREFIX,
      },
    };
  return {
    cluster: cluster || undefined,
    clientId: v.KAFKA_CLIENT_ID,
    topicPrefix: v.PARLEY_TOPIC_PREFIX,
    partitions: v.PARLEY_PARTITIONS,
    host: v.PARLEY_HOST,
    port: v.PARLEY_PORT,
    grpcPort: v.PARLEY_GRPC_PORT,
    dataDir: v.PARLEY_DATA_DIR,
    logLevel: v.LOG_LEVEL,
  };
};
