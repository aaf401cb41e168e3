/** Clients of the official SDKs: version 2 in both eras, and version 1. */
import { Client, type ClientCapabilities, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { onTestFinished } from 'vitest';
import { keys } from './mesh.ts';

export type Era = 'modern' | 'legacy';

export interface ClientOptions {
  key?: string;
  era?: Era;
  capabilities?: ClientCapabilities;
  fetch?: typeof fetch;
}

const identity = { name: 'test-client', version: '1.0.0' };
const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });

/** One that answers every question: forms with `answer`, sampling with a sentence. Closed when the test is over. */
export const clientOf = async (
  url: string,
  { key = keys.desk, era = 'modern', capabilities = {}, fetch: fetching }: ClientOptions = {},
  prepare: (client: Client) => void = () => {},
): Promise<Client> => {
  const versionNegotiation = { mode: era === 'modern' ? { pin: '2026-07-28' } : 'legacy' } as const;
  const client = new Client(identity, { versionNegotiation, capabilities });
  prepare(client);
  await client.connect(
    new StreamableHTTPClientTransport(new URL(url), {
      requestInit: bearer(key),
      ...(fetching && { fetch: fetching }),
    }),
  );
  onTestFinished(() => client.close());
  return client;
};

/** As `clientOf`, of version 1 of the SDK, which knows sessions only. */
export const clientV1Of = async (url: string, key = keys.desk): Promise<ClientV1> => {
  const client = new ClientV1(identity);
  await client.connect(new TransportV1(new URL(url), { requestInit: bearer(key) }) as never);
  onTestFinished(() => client.close());
  return client;
};

/** The texts of a result's content. */
export const textOf = (result: object): string => {
  const { content = [] } = result as { content?: { type: string; text?: string }[] };
  return content.map(({ text = '' }) => text).join('');
};

/** A fetch that sends every request to any of several replicas, as a load balancer without affinity does. */
export const anyOf =
  (urls: readonly string[]): typeof fetch =>
  (input, init) => {
    const { pathname, search } = new URL(String(input));
    const replica = urls[Math.floor(Math.random() * urls.length)]!;
    return fetch(`${replica}${pathname}${search}`, init);
  };
