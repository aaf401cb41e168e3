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

/** @param path what it is asked for. @returns whether it has that. @throws when it does not answer. */
const has = async ({ url, username, password }: RegistryOptions, path: string): Promise<boolean> => {
  const basic = Buffer.from(`${username}:${password}`).toString('base64');
  const headers = username === undefined ? {} : { authorization: `Basic ${basic}` };
  const response = await fetch(url.replace(/\/$/, '') + path, { headers, signal: AbortSignal.timeout(5_000) });
  await response.body?.cancel();
  return response.ok;
};

/** Ids from a registry. */
export const registrySchemaIds = (options: RegistryOptions): SchemaIds => {
  const registry = createRegistry(options);
  /** The newest id that it ever knew. */
  let newest = -1;
  // A wrong address answers 404 to everything, and a registry that has just been started does too, until it has read its
  // journal. Taken for "no such schema" that would make every event a dead letter.
  const isWhole = () => has(options, newest < 0 ? '/schemas/types' : `/schemas/ids/${newest}`);
  return {
    idOf: async (type, schema) => {
      const subject = subjectOf(options.prefix, type);
      try {
        const asked = { type: SchemaType.AVRO, schema: JSON.stringify(schema) } as const;
        const id = await registry.getRegistryIdBySchema(subject, asked);
        newest = Math.max(newest, id);
        return id;
      } catch (error) {
        const message = `the schema of ${subject} is not in the registry ${options.url}: run \`parley topics apply\``;
        throw new RuntimeError('PARLEY_NOT_APPLIED', message, error);
      }
    },
    schemaOf: async (id) => {
      // Asked twice: it may have become whole in between.
      for (let sure = false; ; sure = true)
        try {
          const type = (await registry.getSchema(id)) as avro.Type;
          newest = Math.max(newest, id);
          return type.schema() as object;
        } catch (error) {
          if (!notFound(error) || !(await isWhole())) throw error;
          if (sure) return undefined;
        }
    },
  };
};
