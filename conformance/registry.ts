/** What the kit wants of a schema registry: Confluent's REST API. */
import type { RegistryOptions } from '../services/runtime/registry.ts';

export interface Registry {
  /** The id of a schema under a subject; it is registered where it is not. */
  idOf(subject: string, schema: object): Promise<number>;
  /** The schema of an id; undefined where there is none. */
  schemaOf(id: number): Promise<object | undefined>;
  /** Subjects under which an id is registered. */
  subjectsOf(id: number): Promise<string[]>;
}

const TIMEOUT_MS = 30_000;

export const openRegistry = ({ url, username, password }: RegistryOptions): Registry => {
  const basic = Buffer.from(`${username}:${password}`).toString('base64');
  const headers = {
    'content-type': 'application/vnd.schemaregistry.v1+json',
    ...(username === undefined ? {} : { authorization: `Basic ${basic}` }),
  };
  const call = async (path: string, body?: object): Promise<unknown> => {
    const response = await fetch(url.replace(/\/$/, '') + path, {
      headers,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
    });
    if (response.status === 404) return undefined;
    if (!response.ok) throw new Error(`the registry answered ${response.status} to ${path}: ${await response.text()}`);
    return response.json();
  };
  return {
    idOf: async (subject, schema) => {
      const path = `/subjects/${encodeURIComponent(subject)}`;
      const body = { schema: JSON.stringify(schema), schemaType: 'AVRO' };
      const found = (await call(path, body)) ?? (await call(`${path}/versions`, body));
      return (found as { id: number }).id;
    },
    schemaOf: async (id) => {
      const found = (await call(`/schemas/ids/${id}`)) as { schema: string } | undefined;
      return found && (JSON.parse(found.schema) as object);
    },
    // Apicurio does not know /schemas/ids/<id>/subjects.
    subjectsOf: async (id) => {
      const versions = ((await call(`/schemas/ids/${id}/versions`)) ?? []) as { subject: string }[];
      return versions.map(({ subject }) => subject);
    },
  };
};
