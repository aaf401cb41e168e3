/**
 * An MCP server that is slow, fails and breaks off by a seed, and writes down each call that reaches it. A process of its own:
 *   node chaos/mcp/upstream.ts <access log> <seed>
 * It says its URL on a line, and ends when its standard input does.
 */
import { appendFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, fromJsonSchema, McpServer } from '@modelcontextprotocol/server';
import { between, seeded } from '../random.ts';
import { STEPS, type ToolEntry, toolNames } from './access-log.ts';

const [accessLog = '', seed = '0'] = process.argv.slice(2);
const random = seeded(Number(seed));
let performed = 0;

interface Behaviour {
  /** 0: it breaks off before it answers. */
  status: number;
  /** Before it does anything, milliseconds. */
  delayMs: number;
  /** Breaks off so long after it began, milliseconds; infinite: never. */
  breaksOffMs: number;
}

const behaviour = (): Behaviour => {
  const draw = random();
  const delayMs = random() < 0.8 ? between(random, 0, 50) : between(random, 50, 1_000);
  const answers = { status: 200, delayMs, breaksOffMs: Number.POSITIVE_INFINITY };
  if (draw < 0.03) return { ...answers, status: 500 };
  if (draw < 0.06) return { ...answers, status: 429 };
  if (draw < 0.09) return { ...answers, status: 0 };
  if (draw < 0.11) return { ...answers, breaksOffMs: between(random, 1, 300) };
  // Longer than the mesh waits.
  if (draw < 0.115) return { ...answers, delayMs: 8_000 };
  return answers;
};

const inputSchema = fromJsonSchema<{ call: string }>({
  type: 'object',
  properties: { call: { type: 'string' } },
  required: ['call'],
});
const said = (call: string) => {
  performed += 1;
  return { content: [{ type: 'text' as const, text: `answer ${performed} to ${call}` }] };
};

const build = (): McpServer => {
  const server = new McpServer({ name: 'chaos', version: '1.0.0' });
  server.registerTool(
    toolNames[0],
    { description: 'Looks at a number.', inputSchema, annotations: { readOnlyHint: true } },
    async ({ call }) => said(call),
  );
  server.registerTool(toolNames[1], { description: 'Adds one to a number.', inputSchema }, async ({ call }) =>
    said(call),
  );
  server.registerTool(
    toolNames[2],
    { description: 'Adds one to a number, slowly.', inputSchema },
    async ({ call }, { mcpReq }) => {
      const progressToken = mcpReq._meta?.progressToken;
      const gapMs = between(random, 10, 200);
      for (let progress = 1; progress <= STEPS; progress++) {
        await sleep(gapMs);
        if (progressToken === undefined) continue;
        const params = { progressToken, progress, total: STEPS, message: `step ${progress}` };
        await mcpReq.notify({ method: 'notifications/progress', params });
      }
      return said(call);
    },
  );
  return server;
};

const serve = toNodeHandler(createMcpHandler(build));

const handle = async (request: IncomingMessage, response: ServerResponse) => {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString();
  const body = text === '' ? undefined : JSON.parse(text);
  if (body?.method === 'tools/call') {
    const { status, delayMs, breaksOffMs } = behaviour();
    const { name: tool, arguments: given } = body.params;
    const entry: ToolEntry = { time: new Date().toISOString(), call: String(given?.call ?? ''), tool, status };
    // Before anything else: what is not on this list was not performed.
    appendFileSync(accessLog, `${JSON.stringify(entry)}\n`);
    await sleep(delayMs);
    if (status === 0) return void response.destroy();
    if (status !== 200) return void response.writeHead(status).end();
    if (Number.isFinite(breaksOffMs)) setTimeout(() => response.destroy(), breaksOffMs);
  }
  await serve(request, response, body);
};

const server = createServer((request, response) => void handle(request, response).catch(() => response.destroy()));
server.listen(0, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);
});
process.stdin.resume().once('end', () => process.exit());
