/** A real HTTP server on the loopback that answers, or fails, as a test says; and the calls that go to it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent } from 'undici';
import { onTestFinished } from 'vitest';
import type * as mesh from '../../../schemas/generated.ts';
import type { Connection } from '../../runtime/configuration.ts';
import { requestForTests } from '../../runtime/request-for-tests.ts';
import type { Call, Performed } from './performed.ts';
import { perform } from './upstream.ts';

export interface Received {
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

export type Answer = (request: Received, response: ServerResponse) => void | Promise<void>;

export const listen = async (handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> => {
  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

export const startUpstream = async (answer: Answer): Promise<{ url: string; received: Received[] }> => {
  const received: Received[] = [];
  const read = async (request: IncomingMessage, response: ServerResponse) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    const got = { url: request.url ?? '', headers: request.headers, body: Buffer.concat(parts).toString() };
    received.push(got);
    await answer(got, response);
  };
  const url = await listen((request, response) => void read(request, response));
  return { url: `${url}/v1`, received };
};

export const json = (
  response: ServerResponse,
  body: unknown,
  status = 200,
  headers: Record<string, string> = {},
): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
};

/** Writes each text as it is: whole events, parts of them, or what is no event at all. */
export const stream = (response: ServerResponse, texts: readonly (string | Buffer)[], end = true): void => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const text of texts) response.write(text);
  if (end) response.end();
};

export const data = (value: unknown): string =>
  `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`;

export const completion = (content: string, more: object = {}): object => ({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1_700_000_000,
  model: 'upstream-model',
  choices: [
    { index: 0, message: { role: 'assistant', content, refusal: null }, logprobs: null, finish_reason: 'stop' },
  ],
  usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 },
  ...more,
});

export const chunk = (delta: object, finish_reason: string | null = null, more: object = {}): object => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1_700_000_000,
  model: 'upstream-model',
  choices: [{ index: 0, delta, logprobs: null, finish_reason }],
  ...more,
});

export const connectionTo = (url: string, more: Partial<Connection> = {}): Connection => ({
  id: 'local',
  protocol: 'openai',
  url,
  credential: null,
  headers: {},
  interfaces: ['chat', 'embeddings'],
  connectTimeoutMs: 1_000,
  firstByteTimeoutMs: 2_000,
  idleTimeoutMs: 2_000,
  maxResponseBytes: 1_000_000,
  process: null,
  oauth: null,
  ...more,
});

export const target: mesh.Target = { id: 'local/upstream-model', connection: 'local', name: 'upstream-model' };

export const requestOf = (body: object | string, more: Partial<mesh.Request> = {}): mesh.Request => {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const { stream: streaming = false } = typeof body === 'string' ? {} : (body as { stream?: boolean });
  return requestForTests({
    id: '01890000-0000-7000-8000-000000000001',
    contextId: 'context-1',
    resource: { type: 'model', id: 'fast' },
    repeatable: true,
    streaming,
    message: Buffer.from(text),
    ...more,
  });
};

/** A chat that is neither streamed nor about anything. */
export const chat = { model: 'fast', messages: [{ role: 'user', content: 'hello' }] };

/** A call of an upstream, of `chat` unless `call` has another request. */
export const callTo = (url: string, call: Partial<Call> = {}): Call => {
  const connection = call.connection ?? connectionTo(url);
  const dispatcher = new Agent({ connect: { timeout: connection.connectTimeoutMs } });
  onTestFinished(() => dispatcher.destroy());
  return {
    request: requestOf(chat),
    target,
    connection,
    secret: null,
    headers: {},
    signal: new AbortController().signal,
    dispatcher,
    dispatchId: 'dispatch-1',
    now: Date.now,
    ...call,
  };
};

/** All that is said of a call. */
export const all = async (call: Call): Promise<Performed[]> => {
  const performed: Performed[] = [];
  for await (const p of perform(call)) performed.push(p);
  return performed;
};

/** As a configuration refers to a variable of the environment. */
export const reference = (name: string): string => `$\{${name}}`;
