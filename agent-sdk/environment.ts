/** Where Kafka and the registry are: the variables that every part of Parley reads. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';

const variables = z
  .object({
    KAFKA_BROKERS: z.string('host:port, several separated by commas'),
    KAFKA_SSL: z.enum(['true', 'false', '1', '0']).default('false'),
    KAFKA_SSL_CA_FILE: z.string().optional(),
    KAFKA_SSL_CERT_FILE: z.string().optional(),
    KAFKA_SSL_KEY_FILE: z.string().optional(),
    KAFKA_SASL_MECHANISM: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).optional(),
    KAFKA_SASL_USERNAME: z.string().optional(),
    KAFKA_SASL_PASSWORD: z.string().optional(),
    SCHEMA_REGISTRY_URL: z.url('e.g. http://127.0.0.1:8081'),
    SCHEMA_REGISTRY_USERNAME: z.string().optional(),
    SCHEMA_REGISTRY_PASSWORD: z.string().optional(),
    PARLEY_TOPIC_PREFIX: z.string().default(''),
    LOG_LEVEL: z.string().default('info'),
  })
  .refine((v) => !v.KAFKA_SASL_MECHANISM || (v.KAFKA_SASL_USERNAME && v.KAFKA_SASL_PASSWORD), {
    message: 'goes with KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD',
    path: ['KAFKA_SASL_MECHANISM'],
  });

export interface Credentials {
  username: string;
  password: string;
}

export interface Environment {
  brokers: string[];
  ssl: { ca?: string; cert?: string; key?: string } | undefined;
  sasl: ({ mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512' } & Credentials) | undefined;
  registryUrl: string;
  registryAuth: Credentials | undefined;
  /** Before topics, subjects and groups. */
  prefix: string;
  logLevel: string;
}

/** @throws Error naming every variable that is wrong and what it should be. */
export const readEnvironment = (env: NodeJS.ProcessEnv): Environment => {
  // An empty variable is an unset one, as compose files and shells make them.
  const parsed = variables.safeParse(Object.fromEntries(Object.entries(env).filter(([, value]) => value !== '')));
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `  ${path.join('.')}: ${message}`);
    throw new Error(
      `the environment is not right:\n${problems.join('\n')}\n\`parley dev\` sets it for the mesh that \`npm start\` runs.`,
    );
  }
  const v = parsed.data;
  const files = { ca: v.KAFKA_SSL_CA_FILE, cert: v.KAFKA_SSL_CERT_FILE, key: v.KAFKA_SSL_KEY_FILE };
  const given = Object.entries(files).flatMap(([name, file]) => (file ? [[name, readFileSync(file, 'utf8')]] : []));
  const credentials = (username = '', password = ''): Credentials => ({ username, password });
  return {
    brokers: v.KAFKA_BROKERS.split(',').map((broker) => broker.trim()),
    ssl: ['true', '1'].includes(v.KAFKA_SSL) || given.length > 0 ? Object.fromEntries(given) : undefined,
    sasl: v.KAFKA_SASL_MECHANISM && {
      mechanism: v.KAFKA_SASL_MECHANISM,
      ...credentials(v.KAFKA_SASL_USERNAME, v.KAFKA_SASL_PASSWORD),
    },
    registryUrl: v.SCHEMA_REGISTRY_URL,
    registryAuth: v.SCHEMA_REGISTRY_USERNAME
      ? credentials(v.SCHEMA_REGISTRY_USERNAME, v.SCHEMA_REGISTRY_PASSWORD)
      : undefined,
    prefix: v.PARLEY_TOPIC_PREFIX,
    logLevel: v.LOG_LEVEL,
  };
};
