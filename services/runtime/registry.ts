import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import type avro from 'avsc';
import type { EventType } from '../../topics/index.ts';
import type { SchemaIds } from './codec.ts';
import { RuntimeError } from './errors.ts';

/** How to reach a schema registry that speaks Confluent's API. */
export interface RegistryOptions {
  url: string;
  username?: string | undefined;
  password?: string | undefined;
  /** Put before every subject, as before topics. */
  prefix: string;
}

/** The subject of an event type: its record's full name (record name strategy). */
export const subjectOf = (prefix: string, type: EventType): string => `${prefix}mesh.${type}`;

/** The registry client, which caches what it fetches. */
export const createRegistry = ({ url, username, password }: RegistryOptions): SchemaRegistry =>
  new SchemaRegistry(
    {
      host: url,
      ...(username !== undefined && password !== undefined ? { auth: { username, password } } : {}),
      retry: { retries: 2, initialRetryTimeInSecs: 0.2, maxRetryTimeInSecs: 1 },
    },
    {},
  );

const notFound = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'status' in error && error.status === 404;

const isRegistry = async ({ url, username, password }: RegistryOptions): Promise<boolean> => {
  const basic = Buffer.from(`${username}:${password}`).toString('base64');
  const headers = username === undefined ? {} : { authorization: `Basic ${basic}` };
  const signal = AbortSignal.timeout(5_000);
  return (await fetch(`${url.replace(/\/$/, '')}/schemas/types`, { headers, signal })).ok;
};

/** Ids from a registry. */
export const registrySchemaIds = (options: RegistryOptions): SchemaIds => {
  const registry = createRegistry(options);
  return {
    idOf: async (type, schema) => {
      const subject = subjectOf(options.prefix, type);
      try {
        return await registry.getRegistryIdBySchema(subject, { type: SchemaType.AVRO, schema: JSON.stringify(schema) });
      } catch (error) {
        const message = `the schema of ${subject} is not in the registry ${options.url}: run \`parley topics apply\``;
        throw new RuntimeError('PARLEY_NOT_APPLIED', message, error);
      }
    },
    schemaOf: async (id) => {
      try {
        const type = (await registry.getSchema(id)) as avro.Type;
        return type.schema() as object;
      } catch (error) {
        // A wrong address answers 404 to everything; taken for "no such schema" it would make every event a dead letter.
        if (notFound(error) && (await isRegistry(options))) return undefined;
        throw error;
      }
    },
  };
};
