/** A model server that is slow, fails and breaks off by a seed, and writes down each call that reaches it. */
import { appendFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { between, type Random } from './random.ts';

/** A line of the access log, JSON. `status`: 0 where the connection was cut before an answer began. */
export interface AccessLogEntry {
  time: string;
  x_client_request_id: string;
  path: string;
  status: number;
}

export interface Upstream {
  /** Base URL, with the version. */
  url: string;
  close(): Promise<void>;
}

interface Behaviour {
  /** 0: it breaks off before it answers. */
  status: number;
  /** Before it answers, milliseconds. */
  delayMs: number;
  /** Between two words of a stream, milliseconds. */
  gapMs: number;
  /** Breaks off in the middle of its answer. */
  breaksOff: boolean;
}

const behaviour = (random: Random): Behaviour => {
  const draw = random();
  const delayMs = random() < 0.7 ? between(random, 0, 100) : between(random, 100, 2_000);
  const gapMs = between(random, 1, 80);
  const answers = { status: 200, delayMs, gapMs, breaksOff: false };
  if (draw < 0.03) return { ...answers, status: 500 };
  if (draw < 0.06) return { ...answers, status: 429 };
  if (draw < 0.09) return { ...answers, status: 0 };
  if (draw < 0.11) return { ...answers, breaksOff: true };
  // Longer than the mesh waits.
  if (draw < 0.115) return { ...answers, delayMs: 8_000 };
  return answers;
};

interface ChatBody {
  stream?: boolean;
  stream_options?: { include_usage?: boolean };
  messages?: { content: string }[];
}

const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };

const whole = (response: ServerResponse, content: string, { breaksOff }: Behaviour) => {
  const message = { role: 'assistant', content };
  const choices = [{ index: 0, message, finish_reason: 'stop', logprobs: null }];
  const body = JSON.stringify({
    id: 'chatcmpl-chaos',
    object: 'chat.completion',
    created: 1,
    model: 'small',
    choices,
    usage,
  });
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  if (!breaksOff) return response.end(body);
  response.write(body.slice(0, body.length / 2), () => response.destroy());
};

const chunk = (choices: object[], more = {}) =>
  `data: ${JSON.stringify({ id: 'chatcmpl-chaos', object: 'chat.completion.chunk', created: 1, model: 'small', choices, ...more })}\n\n`;

const stream = async (response: ServerResponse, content: string, body: ChatBody, { gapMs, breaksOff }: Behaviour) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const words = [...content.split(/(?= )/), ...Array.from({ length: 12 }, () => ' and')];
  for (const [i, word] of words.entries()) {
    if (response.destroyed) return;
    if (breaksOff && i === 5) return response.destroy();
    response.write(chunk([{ index: 0, delta: { role: 'assistant', content: word }, finish_reason: null }]));
    await sleep(gapMs);
  }
  response.write(chunk([{ index: 0, delta: {}, finish_reason: 'stop' }]));
  if (body.stream_options?.include_usage) response.write(chunk([], { usage }));
  response.end('data: [DONE]\n\n');
};

/** Answers `answer <n> to <last message>`, n counted up: two calls never have one answer. */
export const startUpstream = async (accessLog: string, random: Random): Promise<Upstream> => {
  let answered = 0;
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const body: ChatBody = JSON.parse(Buffer.concat(parts).toString() || '{}');
    const behaves = behaviour(random);
    const entry: AccessLogEntry = {
      time: new Date().toISOString(),
      x_client_request_id: String(request.headers['x-client-request-id'] ?? ''),
      path: request.url ?? '',
      status: behaves.status,
    };
    // Before anything else: what is not on this list was not performed.
    appendFileSync(accessLog, `${JSON.stringify(entry)}\n`);
    answered += 1;
    const content = `answer ${answered} to ${body.messages?.at(-1)?.content}`;
    await sleep(behaves.delayMs);
    if (behaves.status === 0) response.destroy();
    else if (behaves.status !== 200) {
      response.writeHead(behaves.status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: { message: 'chaos', type: 'server_error', param: null, code: null } }));
    } else if (body.stream) await stream(response, content, body, behaves);
    else whole(response, content, behaves);
  };
  const server = createServer((request, response) => void handle(request, response).catch(() => response.destroy()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
