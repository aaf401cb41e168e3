/** Real MCP servers on the loopback, made with the SDK, in both eras; and plain HTTP ones that do as a test says. */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import {
  acceptedContent,
  classifyInboundRequest,
  createMcpHandler,
  fromJsonSchema,
  inputRequired,
  isInitializeRequest,
  McpServer,
  ProtocolError,
  ProtocolErrorCode,
} from '@modelcontextprotocol/server';
import { onTestFinished } from 'vitest';

export interface Received {
  method: string;
  headers: IncomingMessage['headers'];
  // biome-ignore lint/suspicious/noExplicitAny: whatever a test looks at in a JSON-RPC message.
  body: any;
}

export const listen = async (handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> => {
  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
};

export const read = async (request: IncomingMessage): Promise<Received> => {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  const text = Buffer.concat(parts).toString();
  return { method: request.method ?? '', headers: request.headers, body: text ? JSON.parse(text) : undefined };
};

const object = (properties: object = {}) =>
  fromJsonSchema<Record<string, unknown>>({ type: 'object', properties } as never);
const text = (said: string) => ({ content: [{ type: 'text' as const, text: said }] });
const schema = { type: 'object' as const, properties: { name: { type: 'string' as const } }, required: ['name'] };

/**
 * @param era what it says of itself in its answers
 * @param cancelled told of a call of `wait` that was cancelled
 * @param subscribed as `TestServer.subscribed`
 */
const build = (era: string, cancelled: () => void, subscribed: boolean[]): McpServer => {
  const server = new McpServer(
    { name: 'for-tests', version: '1.0.0' },
    {
      capabilities: {
        tools: { listChanged: true },
        resources: { subscribe: true, listChanged: true },
        prompts: { listChanged: true },
        logging: {},
      },
    },
  );
  server.registerTool('echo', { inputSchema: object({ said: { type: 'string' } }) }, async ({ said }, { mcpReq }) => ({
    ...text(`${era}: ${said}`),
    structuredContent: { said, unknownToAnyone: [1, { two: true }] },
    _meta: { 'example.com/kept': 'yes', told: mcpReq._meta ?? null },
  }));
  server.registerTool('long', { inputSchema: object() }, async () => text('x'.repeat(5_000)));
  server.registerTool('fails', { inputSchema: object() }, async () => ({ ...text('no'), isError: true }));
  server.registerTool('progress', { inputSchema: object() }, async (_, { mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken;
    for (const progress of [1, 2])
      if (progressToken !== undefined)
        await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 2 } });
    await mcpReq.notify({ method: 'notifications/message', params: { level: 'warning', data: 'careful' } });
    return text('done');
  });
  server.registerTool('asks', { inputSchema: object() }, async (_, { mcpReq }) => {
    const params = { message: 'Who?', requestedSchema: schema };
    const said = (await mcpReq.send({ method: 'elicitation/create', params })) as { content?: { name?: string } };
    return text(`hello ${said.content?.name}`);
  });
  server.registerTool('withdraws', { inputSchema: object() }, async (_, { mcpReq }) => {
    const params = { message: 'Who?', requestedSchema: schema };
    await mcpReq.send({ method: 'elicitation/create', params }, { signal: AbortSignal.timeout(100) }).catch(() => {});
    return text('never mind');
  });
  /** As the client had them when it was asked last. */
  let roots = Promise.withResolvers<string[]>();
  server.server.setNotificationHandler('notifications/roots/list_changed', async () => {
    const listed = await server.server.listRoots();
    roots.resolve(listed.roots.map(({ uri }) => uri));
  });
  server.registerTool('roots', { inputSchema: object() }, async () => {
    const known = await roots.promise;
    roots = Promise.withResolvers();
    return text(known.join());
  });
  server.registerTool('requires', { inputSchema: object() }, async (_, { mcpReq }) => {
    const name = acceptedContent<{ name: string }>(mcpReq.inputResponses, 'who')?.name;
    if (name !== undefined) return text(`hello ${name}`);
    return inputRequired({
      inputRequests: { who: inputRequired.elicit({ message: 'Who?', requestedSchema: schema }) },
    });
  });
  server.registerTool('wait', { inputSchema: object() }, async (_, { mcpReq }) => {
    await new Promise<void>((resolve) => mcpReq.signal.addEventListener('abort', () => resolve()));
    cancelled();
    return text('late');
  });
  server.registerTool(
    'region',
    { inputSchema: object({ region: { type: 'string', 'x-mcp-header': 'Region' } }) },
    async ({ region }) => text(String(region)),
  );
  server.registerResource('watched', 'test://watched', {}, async () => ({
    contents: [{ uri: 'test://watched', text: '1' }],
  }));
  server.server.setRequestHandler('resources/subscribe', async ({ params }) => {
    if (params.uri === 'test://refused') throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'no');
    subscribed.push(true);
    return {};
  });
  server.server.setRequestHandler('resources/unsubscribe', async () => {
    // Slower than another request takes.
    await sleep(50);
    subscribed.push(false);
    return {};
  });
  return server;
};

export interface TestServer {
  url: string;
  received: Received[];
  /** Requests of a method, in the order in which they came. */
  of(method: string): Received[];
  /** How many calls of `wait` it heard to be cancelled. */
  cancelled(): number;
  sessions: Map<string, NodeStreamableHTTPServerTransport>;
  /** What sessions were subscribed to, and (false) no longer, in the order in which that was done. */
  subscribed: readonly boolean[];
  /** As if it were started anew: of sessions nothing is known, and streams are cut off. */
  lose(): void;
  /** Says to every session, and to every subscription, what changed. */
  say(what: 'tools' | { uri: string }): void;
}

/** Answers what is not let in itself. */
export type Door = (request: IncomingMessage, response: ServerResponse) => boolean;

/** @param eras which it speaks @param door of a server that does not let everybody in */
export const startServer = async (
  eras: readonly ('modern' | 'legacy')[],
  door: Door = () => true,
): Promise<TestServer> => {
  const received: Received[] = [];
  const sessions = new Map<string, NodeStreamableHTTPServerTransport>();
  const servers = new Map<string, McpServer>();
  const subscribed: boolean[] = [];
  let cancelled = 0;
  const count = () => {
    cancelled += 1;
  };
  const modern = createMcpHandler(() => build('modern', count, subscribed), { legacy: 'reject' });
  const serveModern = toNodeHandler(modern);
  const refuse = (response: ServerResponse, status: number, message: string) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32_001, message } }));
  };
  const open = new Set<ServerResponse>();
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    open.add(response.once('close', () => open.delete(response)));
    const got = await read(request);
    received.push(got);
    const id = request.headers['mcp-session-id'];
    const kind = classifyInboundRequest({
      httpMethod: got.method,
      protocolVersionHeader: request.headers['mcp-protocol-version'] as string,
      mcpMethodHeader: request.headers['mcp-method'] as string,
      body: got.body,
    }).kind;
    if (got.method === 'POST' && (kind !== 'legacy' || !eras.includes('legacy'))) {
      if (eras.includes('modern')) return serveModern(request, response, got.body);
      return refuse(response, 400, 'Bad Request: Session ID required');
    }
    if (typeof id === 'string') {
      const session = sessions.get(id);
      return session ? session.handleRequest(request, response, got.body) : refuse(response, 404, 'Session not found');
    }
    if (!isInitializeRequest(got.body)) return refuse(response, 400, 'Session ID required');
    const transport: NodeStreamableHTTPServerTransport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (session) => void sessions.set(session, transport),
    });
    const server = build('legacy', count, subscribed);
    await server.connect(transport);
    await transport.handleRequest(request, response, got.body);
    servers.set(transport.sessionId ?? '', server);
  };
  const url = await listen((request, response) => {
    if (door(request, response)) void serve(request, response).catch(() => response.destroy());
  });
  onTestFinished(async () => {
    await modern.close();
    for (const session of sessions.values()) await session.close();
  });
  return {
    url,
    received,
    of: (method) => received.filter(({ body }) => body?.method === method),
    cancelled: () => cancelled,
    sessions,
    subscribed,
    lose: () => {
      sessions.clear();
      servers.clear();
      for (const response of open) response.destroy();
    },
    say: (what) => {
      if (what === 'tools') modern.notify.toolsChanged();
      else modern.notify.resourceUpdated(what.uri);
      for (const server of servers.values()) {
        if (what === 'tools') void server.server.sendToolListChanged().catch(() => {});
        else void server.server.sendResourceUpdated(what).catch(() => {});
      }
    },
  };
};
