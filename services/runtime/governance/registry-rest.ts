/** The parts of Confluent's registry API that @kafkajs/confluent-schema-registry leaves out. */
import type { RegistryOptions } from '../registry.ts';

export interface RegistryRest {
  /** The newest schema of a subject; undefined when there is none. */
  latest(subject: string): Promise<object | undefined>;
  /** A subject's own compatibility level; undefined when it has none. */
  compatibility(subject: string): Promise<string | undefined>;
  setCompatibility(subject: string, level: string): Promise<void>;
  /** Registers a schema as the newest. @throws when it would break a reader. */
  register(subject: string, schema: object): Promise<void>;
}

const TIMEOUT_MS = 20_000;

export const registryRest = ({ url, username, password }: RegistryOptions): RegistryRest => {
  const authorization =
    username === undefined
      ? {}
      : { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
  const call = async (method: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(`${url.replace(/\/$/, '')}${path}`, {
      method,
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json', ...authorization },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    if (response.status === 404) return undefined;
    if (!response.ok)
      throw new Error(`the registry refused ${method} ${path}: ${response.status} ${text.slice(0, 500)}`);
    return JSON.parse(text);
  };
  const of = (subject: string) => encodeURIComponent(subject);
  return {
    latest: async (subject) => {
      const found = (await call('GET', `/subjects/${of(subject)}/versions/latest`)) as { schema: string } | undefined;
      return found && (JSON.parse(found.schema) as object);
    },
    compatibility: async (subject) => {
      const found = (await call('GET', `/config/${of(subject)}`)) as { compatibilityLevel?: string } | undefined;
      return found?.compatibilityLevel;
    },
    setCompatibility: async (subject, level) => {
      await call('PUT', `/config/${of(subject)}`, { compatibility: level });
    },
    register: async (subject, schema) => {
      await call('POST', `/subjects/${of(subject)}/versions`, { schema: JSON.stringify(schema), schemaType: 'AVRO' });
    },
  };
};
