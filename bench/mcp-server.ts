/**
 * An MCP server over HTTP, made with the SDK alone, for clients with sessions and without: `echo` answers at once, `progress`
 * tells of five steps first, also at once.
 *   node bench/mcp-server.ts [TOOLS]
 * TOOLS is how many it lists, with those two. Prints its URL as JSON on standard output once it listens, and ends with standard input.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, isInitializeRequest, Server } from '@modelcontextprotocol/server';
import { STEPS } from './mcp-call.ts';

const total = Number(process.argv[2] ?? 2);
const inputSchema = {
  type: 'object' as const,
  properties: { message: { type: 'string', description: 'What to say.' } },
  required: ['message'],
};
const described = (name: string) => ({ name, description: `Says again what it is told, as ${name}.`, inputSchema });
const names = ['echo', 'progress', ...Array.from({ length: total }, (_, i) => `tool-${String(i).padStart(5, '0')}`)];
const tools = names.slice(0, total).map(described);

const build = (): Server => {
  const server = new Server({ name: 'bench', version: '1.0.0' }, { capabilities: { tools: {} } });
  server.setRequestHandler('tools/list', async () => ({ tools }));
  server.setRequestHandler('tools/call', async ({ params }, { mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken;
    if (params.name === 'progress' && progressToken !== undefined)
      for (let progress = 1; progress <= STEPS; progress += 1)
        await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: STEPS } });
    return { content: [{ type: 'text', text: `Echo: ${params.arguments?.message}` }] };
  });
  return server;
};

const bodyOf = async (request: IncomingMessage): Promise<unknown> => {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return parts.length > 0 ? JSON.parse(Buffer.concat(parts).toString()) : undefined;
};

const sessions = new Map<string, NodeStreamableHTTPServerTransport>();
const serveModern = toNodeHandler(createMcpHandler(build, { legacy: 'reject' }));

const begin = async (): Promise<NodeStreamableHTTPServerTransport> => {
  const transport: NodeStreamableHTTPServerTransport = new NodeStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => void sessions.set(id, transport),
    onsessionclosed: (id) => void sessions.delete(id),
  });
  await build().connect(transport);
  return transport;
};

const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const body = await bodyOf(request);
  const id = request.headers['mcp-session-id'];
  if (id === undefined && !isInitializeRequest(body)) return serveModern(request, response, body);
  const session = id === undefined ? await begin() : sessions.get(String(id));
  if (session) return session.handleRequest(request, response, body);
  response.writeHead(404).end();
};

const server = createServer({ noDelay: true, keepAliveTimeout: 300_000 }, (request, response) => {
  serve(request, response).catch((error: unknown) => {
    console.error(error);
    response.destroy();
  });
});
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp` }));
});
// Whoever started it holds the other end: it cannot outlive that, however that ends.
process.stdin.resume().once('end', () => process.exit(0));
