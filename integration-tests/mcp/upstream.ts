/** An MCP server for tests, made with the SDK alone. It knows nothing of the mesh. */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { NodeStreamableHTTPServerTransport, toNodeHandler, toWebRequest } from '@modelcontextprotocol/node';
import { createMcpHandler, isInitializeRequest, isLegacyRequest, type McpServer } from '@modelcontextprotocol/server';
import { buildServer, type Offered } from './offered.ts';
import { ownTools } from './own-tools.ts';
import type { House } from './tools.ts';

export interface McpUpstream {
  url: string;
  /** Calls that reached each tool, every round of one. */
  calls: Record<string, number>;
  /** Tools whose calls were given up while they were at work. */
  cancelled: string[];
  /** Lets all calls end that are held, now and later. */
  release(): void;
  /** Gives a tool another description, and says so to who listens. */
  describe(tool: string, description: string): void;
  close(): Promise<void>;
}

export interface UpstreamOptions {
  /** Revisions that it speaks: with sessions, without, or both. */
  eras?: 'both' | 'legacy' | 'modern';
  /** 0: any free one. */
  port?: number;
}

interface Session {
  transport: NodeStreamableHTTPServerTransport;
  server: McpServer;
  describe(tool: string, description: string): void;
  subscribed: Set<string>;
}

const bodyOf = async (request: IncomingMessage): Promise<unknown> => {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return parts.length > 0 ? JSON.parse(Buffer.concat(parts).toString()) : undefined;
};

const refuse = (response: ServerResponse, status: number, message: string) => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32_000, message } }));
};

export const startMcpUpstream = async ({ eras = 'both', port = 0 }: UpstreamOptions = {}): Promise<McpUpstream> => {
  const released = Promise.withResolvers<void>();
  const calls: Record<string, number> = {};
  const cancelled: string[] = [];
  const sessions = new Map<string, Session>();
  const house: House = {
    released: released.promise,
    changed: (list) => {
      if (list === 'tools') modern.notify.toolsChanged();
      else if (list === 'prompts') modern.notify.promptsChanged();
      else modern.notify.resourcesChanged();
      for (const { server } of sessions.values()) {
        if (list === 'tools') server.sendToolListChanged();
        else if (list === 'prompts') server.sendPromptListChanged();
        else server.sendResourceListChanged();
      }
    },
    updated: (uri) => {
      modern.notify.resourceUpdated(uri);
      for (const { server, subscribed } of sessions.values())
        if (subscribed.has(uri)) void server.server.sendResourceUpdated({ uri });
    },
  };
  const offered: Offered = {
    descriptions: {},
    own: ownTools((tool) => void cancelled.push(tool)),
    house,
    called: (tool) => {
      calls[tool] = (calls[tool] ?? 0) + 1;
    },
  };
  const modern = createMcpHandler(() => buildServer(offered).server, {
    legacy: 'reject',
    keepAliveMs: 0,
  });
  const handleModern = toNodeHandler(modern);

  const begin = async (): Promise<Session> => {
    const transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, session),
    });
    const { server, describe, subscribed } = buildServer(offered);
    const session = { transport, server, describe, subscribed };
    transport.onclose = () => void sessions.delete(transport.sessionId ?? '');
    await server.connect(transport);
    return session;
  };

  const handleLegacy = async (request: IncomingMessage, response: ServerResponse, body: unknown) => {
    const id = request.headers['mcp-session-id'];
    if (id === undefined && !isInitializeRequest(body)) return refuse(response, 400, 'there is no session id');
    const session = id === undefined ? await begin() : sessions.get(String(id));
    if (!session) return refuse(response, 404, 'there is no such session');
    await session.transport.handleRequest(request, response, body);
  };

  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await bodyOf(request);
    const legacy = eras === 'both' ? await isLegacyRequest(await toWebRequest(request, body), body) : eras === 'legacy';
    await (legacy ? handleLegacy(request, response, body) : handleModern(request, response, body));
  };

  const server = createServer((request, response) => void handle(request, response).catch(() => response.destroy()));
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    calls,
    cancelled,
    release: released.resolve,
    describe: (tool, description) => {
      offered.descriptions[tool] = description;
      modern.notify.toolsChanged();
      for (const session of sessions.values()) session.describe(tool, description);
    },
    close: async () => {
      released.resolve();
      await modern.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
