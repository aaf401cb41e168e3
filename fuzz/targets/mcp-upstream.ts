/** What MCP servers answer over HTTP: one message or a stream of them, of either era. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent } from 'undici';
import { openHttpLine } from '../../services/edge-mcp/outbound/http-line.ts';
import type { Channel } from '../../services/edge-mcp/outbound/upstream.ts';
import type { Target } from '../target.ts';
import { callDictionary, callOnce, MAX_BYTES, MOST_SAID } from './mcp-call.ts';

/** Of what is left open nothing more comes. */
const PATIENCE_MS = 150;
const statuses = [200, 200, 200, 200, 202, 204, 301, 400, 401, 404, 429, 500] as const;
const types = ['application/json', 'text/event-stream', 'text/html', 'text/event-stream; charset=utf-8'] as const;

let answer = Buffer.alloc(0);
let how = 0;
let kind = 0;

const server = createServer(async (request, response) => {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  if (request.method !== 'POST') return void response.writeHead(405).end();
  const said = JSON.parse(Buffer.concat(parts).toString());
  if (said.method !== 'tools/call') return void response.writeHead(202).end();
  const status = statuses[how % statuses.length]!;
  response.writeHead(status, {
    'content-type': types[kind % types.length]!,
    ...(status === 301 ? { location: '/elsewhere' } : {}),
  });
  const body = Buffer.from(answer.toString('latin1').replaceAll('@', said.id).slice(0, MOST_SAID), 'latin1');
  // Half of them are cut off.
  if (kind & 4) response.write(body, () => setImmediate(() => response.destroy()));
  else response.end(body);
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);
const dispatcher = new Agent();

const channel = (isModern: boolean): Channel => ({
  protocolVersion: isModern ? '2026-07-28' : '2025-11-25',
  isModern,
  closesToCancel: isModern,
  open: (listener) =>
    openHttpLine(
      { url, headers: {}, dispatcher, maxBytes: MAX_BYTES },
      isModern ? null : { sessionId: 's', protocolVersion: '2025-11-25' },
      listener,
    ),
  release: () => {},
});

/** The first byte says with which status and in which era, the second as what and whether cut off; the rest is said. */
export const target: Target = {
  name: 'mcp-upstream',
  batch: 64,
  libraries: ['eventsource-parser'],
  dictionary: [
    ...callDictionary,
    'data: ',
    'event: message\n',
    'id: 1\n',
    'retry: 1\n',
    '\n\n',
    '\r\n',
    ': ',
    'data:\n',
  ],
  run: async (input) => {
    how = (input[0] ?? 0) >> 1;
    kind = input[1] ?? 0;
    answer = Buffer.from(input.subarray(2));
    await callOnce(channel(((input[0] ?? 0) & 1) === 0), { name: 'a' }, PATIENCE_MS);
  },
  close: async () => {
    await dispatcher.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  },
};
