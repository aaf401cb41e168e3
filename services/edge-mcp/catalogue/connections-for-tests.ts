/** Real servers of the SDK, asked by its real client, as the catalogue asks by. */
import { Client, InMemoryTransport, ProtocolError, type Transport } from '@modelcontextprotocol/client';
import { Server } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { AnsweredError, type Connections, type Peer } from '../outbound/connections.ts';

/** What a server lists. */
export interface Lists {
  tools?: unknown[];
  prompts?: unknown[];
  resources?: unknown[];
  resourceTemplates?: unknown[];
}

/** A server that lists what `lists` says at that moment, in pages. */
export const listingServer = (lists: () => Lists, { page = 1_000, instructions = '' } = {}): Server => {
  const server = new Server(
    { name: 'lister', version: '1.0.0' },
    { capabilities: { tools: { listChanged: true }, prompts: {}, resources: {} }, instructions },
  );
  const paged = (of: keyof Lists) => (request: { params?: { cursor?: string | undefined } | undefined }) => {
    const from = Number(request.params?.cursor ?? 0);
    const all = lists()[of] ?? [];
    const more = all.length > from + page;
    return { [of]: all.slice(from, from + page), ...(more ? { nextCursor: String(from + page) } : {}) } as never;
  };
  server.setRequestHandler('tools/list', paged('tools'));
  server.setRequestHandler('prompts/list', paged('prompts'));
  server.setRequestHandler('resources/list', paged('resources'));
  server.setRequestHandler('resources/templates/list', paged('resourceTemplates'));
  return server;
};

const anything = z.looseObject({});

export const peerOf = (client: Client): Peer => ({
  protocolVersions: [client.getNegotiatedProtocolVersion()!],
  capabilities: client.getServerCapabilities() as Record<string, unknown>,
  info: client.getServerVersion() as unknown as Record<string, unknown>,
  instructions: client.getInstructions() ?? '',
  request: async (method, params) => {
    try {
      return await client.request({ method, params: params ?? {} }, anything);
    } catch (error) {
      throw error instanceof ProtocolError ? new AnsweredError(error.code, error.message) : error;
    }
  },
});

export const connected = async (transport: Transport): Promise<Client> => {
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(transport);
  return client;
};

/** @param open connects to a server of that name. @throws what reaching it would throw. @param secrets of all of them */
export const connectionsTo = (open: (server: string) => Server, secrets: readonly string[] = []) => {
  const listeners = new Map<string, Set<() => void>>();
  const connections: Pick<Connections, 'withConnection' | 'onListChanged' | 'secretsOf'> = {
    secretsOf: () => secrets,
    withConnection: async (server, { signal }, use) => {
      const [ours, theirs] = InMemoryTransport.createLinkedPair();
      await open(server).connect(theirs);
      const client = await connected(ours);
      signal.addEventListener('abort', () => void client.close());
      try {
        return await use(peerOf(client));
      } finally {
        await client.close();
      }
    },
    onListChanged: (server, listener) => {
      const all = listeners.get(server) ?? new Set();
      listeners.set(server, all.add(listener));
      return () => all.delete(listener);
    },
  };
  return {
    connections,
    listChanged: (server: string) => {
      for (const listener of listeners.get(server) ?? []) listener();
    },
    listeners: (server: string) => listeners.get(server)?.size ?? 0,
  };
};
