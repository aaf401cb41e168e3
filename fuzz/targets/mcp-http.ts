/** HTTP requests of clients of MCP, headers and bodies, against the inbound edge; and what comes of them in the log. */
import { request } from 'undici';
import { createWorld, KEY, text } from '../../services/edge-mcp/inbound/harness.ts';
import { clientOf } from '../../services/runtime/mcp/message.ts';
import { holds, type Target } from '../target.ts';
import { headerLines } from './header-lines.ts';

/** Of what stays open so much is read. */
const OPEN_MS = 250;
const ERROR_LEVEL = 50;

const world = await createWorld();
const { limits } = world.configuration.current!;
world.configuration.current!.limits = { ...limits, deadlineMs: 1_000, maxDeadlineMs: 1_000 };
let unreadable: unknown;
world.behave(async (mesh) => {
  try {
    clientOf(mesh.message);
  } catch (error) {
    unreadable = error;
  }
  await mesh.chunk({ method: 'notifications/progress', params: { progress: 1, message: 'half' } });
  await mesh.complete(text('done'));
});
await world.observe('files', { tools: {}, prompts: {}, resources: { subscribe: true } });
await world.offer('files', 'TOOL', 'read', { name: 'read', inputSchema: { type: 'object' } });
await world.offer('files', 'RESOURCE', 'test://one', { uri: 'test://one', name: 'one' });
const edge = await world.edge({ sessionMs: 20 });

const opened = await request(`${edge.url}/mcp/files`, {
  method: 'POST',
  headers: {
    authorization: `Bearer ${KEY}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  },
  body: JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'fuzz', version: '1' } },
  }),
});
await opened.body.text();
const session = String(opened.headers['mcp-session-id']);

const paths = ['/mcp/files', '/mcp', '/mcp/nowhere'];
const methods = ['POST', 'POST', 'POST', 'GET'] as const;

/** `@` stands for the session. @returns undefined where no such request can be made */
const answerTo = async (input: Buffer): Promise<{ status: number; type: string; body: string } | undefined> => {
  const rest = input.subarray(1);
  const parted = rest.indexOf('\n\n');
  const head = parted < 0 ? '' : rest.subarray(0, parted).toString('latin1');
  const body = parted < 0 ? rest : rest.subarray(parted + 2);
  const given = headerLines(head).filter(
    ([name]) => !/^(content-length|transfer-encoding|expect|host|connection|upgrade|keep-alive)$/.test(name),
  );
  const headers = {
    authorization: `Bearer ${KEY}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    ...Object.fromEntries(given.map(([name, value]) => [name, value === '@' ? session : value])),
  };
  const which = input[0] ?? 0;
  const method = methods[which % methods.length]!;
  let read = '';
  const url = edge.url + paths[(which >> 2) % paths.length]!;
  const answer = await request(url, { method, headers, ...(method === 'POST' ? { body } : {}) }).catch(
    (error: Error) => {
      // It is none that a client can send, or none that it sends to an end.
      if (/^UND_ERR_(INVALID_ARG|SOCKET|NOT_SUPPORTED)$/.test((error as { code?: string }).code ?? ''))
        return undefined;
      throw error;
    },
  );
  if (!answer) return undefined;
  const closing = setTimeout(() => answer.body.destroy(), OPEN_MS);
  try {
    for await (const part of answer.body) read += part;
  } catch {
    // It is one that stays open.
  }
  clearTimeout(closing);
  return { status: answer.statusCode, type: String(answer.headers['content-type'] ?? ''), body: read };
};

const isMessage = (json: string): boolean => {
  const said = JSON.parse(json) as {
    jsonrpc?: unknown;
    method?: unknown;
    result?: unknown;
    error?: { code?: unknown; message?: unknown };
  };
  const isError = typeof said.error?.code === 'number' && typeof said.error.message === 'string';
  return said.jsonrpc === '2.0' && (isError || said.result !== undefined || typeof said.method === 'string');
};

const checkAnswer = ({ status, type, body }: { status: number; type: string; body: string }) => {
  holds(
    status < 500 || status === 503 || status === 504,
    'no input is an error of the edge itself',
    () => `${status} ${body}`,
  );
  if (body === '') return;
  if (type.startsWith('text/event-stream')) {
    const whole = body.slice(0, body.lastIndexOf('\n\n') + 1);
    for (const [, data] of whole.matchAll(/^data: ?(.+)$/gm))
      holds(isMessage(data!), 'what comes on a stream is JSON-RPC', () => body);
    return;
  }
  const isPlain = /^\{"error":\{"message":"[^"]+"\}\}$/.test(body);
  holds(isPlain || isMessage(body), 'what comes back is JSON-RPC', () => `${status} ${body}`);
};

/** The first byte says by which method and where; headers are parted from the body by an empty line. */
export const target: Target = {
  name: 'mcp-http',
  batch: 64,
  dictionary: [
    ...['mcp-protocol-version: 2026-07-28\n', 'mcp-protocol-version: 2025-11-25\n', 'mcp-session-id: @\n', '\n\n'],
    ...['mcp-method: tools/call\n', 'mcp-name: read\n', 'last-event-id: 1\n', 'origin: http://evil\n', 'accept: */*\n'],
    ...['x-conversation-id: a\n', 'x-request-timeout-ms: 1\n', 'x-parley-actor: a\n', 'content-type: text/plain\n'],
    ...['{"jsonrpc":"2.0","id":1,"method":"', 'tools/call","params":{', 'tools/list","params":{', '"name":"read"'],
    ...['"arguments":{}', '"_meta":{', '"io.modelcontextprotocol/protocolVersion":"2026-07-28"', '"progressToken":1'],
    ...[
      '"io.modelcontextprotocol/clientInfo":{"name":"a","version":"1"}',
      '"io.modelcontextprotocol/clientCapabilities":{}',
    ],
    ...[
      '"io.modelcontextprotocol/logLevel":"debug"',
      '"requestState":"',
      '"inputResponses":{',
      '"cursor":"',
      '"ttl":1',
    ],
    ...[
      'initialize',
      'ping',
      'server/discover',
      'subscriptions/listen',
      'resources/subscribe',
      'resources/read',
      'logging/setLevel',
    ],
    ...[
      'notifications/cancelled',
      'tasks/get',
      'tasks/cancel',
      'tasks/update',
      '"taskId":"',
      '"uri":"test://one"',
      '"result":{}',
    ],
    ...['"id":"00000000-0000-0000-0000-000000000000/1-1"', '"__proto__":{', '[[[[[[[[[[[[', '"id":null', '"task":{'],
  ],
  run: async (input) => {
    edge.logged.length = 0;
    unreadable = undefined;
    const answer = await answerTo(input);
    if (answer) checkAnswer(answer);
    const lines = edge.logged.filter(({ level }) => Number(level) >= ERROR_LEVEL).map((line) => JSON.stringify(line));
    holds(lines.length === 0, 'no input is logged as an error', () => lines.join('\n'));
    holds(unreadable === undefined, 'what a request says of its client can be read where it is performed', () =>
      String(unreadable),
    );
  },
  close: () => world.close(),
};
