/**
 * An OpenAI-compatible chat server that costs next to nothing, so that what stands in front of it is measured.
 *   node bench/mock-upstream.ts [--chunk-gap-ms 20]
 * Prints its base URL as JSON on standard output once it listens, and ends with standard input. GET /counts tells what it has answered.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { ANSWER, STREAMED } from './call.ts';

const { values } = parseArgs({ options: { 'chunk-gap-ms': { type: 'string', default: '20' } } });
const gapMs = Number(values['chunk-gap-ms']);

const counts = { whole: 0, streams: 0, refused: 0, abandoned: 0 };
const head = (kind: string) => ({
  id: 'chatcmpl-bench',
  object: kind,
  created: 1_760_000_000,
  model: 'bench-model',
  system_fingerprint: 'fp_bench',
});

const usage = { prompt_tokens: 58, completion_tokens: STREAMED.length, total_tokens: 58 + STREAMED.length };

const whole = Buffer.from(
  JSON.stringify({
    ...head('chat.completion'),
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: ANSWER, refusal: null },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage,
  }),
);

const chunk = (choices: unknown[], more = {}) =>
  `data: ${JSON.stringify({ ...head('chat.completion.chunk'), choices, ...more })}\n\n`;
const delta = (content: object, finish_reason: string | null = null) =>
  chunk([{ index: 0, delta: content, logprobs: null, finish_reason }]);
const chunks = [
  delta({ role: 'assistant', content: '' }),
  ...STREAMED.map((word) => delta({ content: word })),
  delta({}, 'stop'),
];
const usageChunk = chunk([], { usage });
const done = 'data: [DONE]\n\n';

const answerJson = (response: ServerResponse, status: number, body: string | Buffer) => {
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
};

const stream = (response: ServerResponse, withUsage: boolean) => {
  const parts = [...chunks, ...(withUsage ? [usageChunk] : []), done];
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
  let next = 0;
  const write = () => {
    response.write(parts[next]!);
    next += 1;
    if (next < parts.length) return;
    clearInterval(timer);
    response.end();
  };
  const timer = setInterval(write, gapMs);
  response.once('close', () => {
    clearInterval(timer);
    if (next < parts.length) counts.abandoned += 1;
  });
  write();
};

const chat = (response: ServerResponse, text: string) => {
  let body: { messages?: unknown; stream?: boolean; stream_options?: { include_usage?: boolean } };
  try {
    body = JSON.parse(text);
  } catch {
    body = {};
  }
  if (!Array.isArray(body.messages)) {
    counts.refused += 1;
    return answerJson(response, 400, '{"error":{"message":"not a chat","type":"invalid_request_error"}}');
  }
  if (body.stream) {
    counts.streams += 1;
    return stream(response, body.stream_options?.include_usage === true);
  }
  counts.whole += 1;
  answerJson(response, 200, whole);
};

const handle = (request: IncomingMessage, response: ServerResponse) => {
  if (request.url === '/counts') return answerJson(response, 200, JSON.stringify(counts));
  if (request.method !== 'POST' || request.url !== '/v1/chat/completions')
    return answerJson(response, 404, '{"error":{"message":"nothing here","type":"invalid_request_error"}}');
  let text = '';
  request.setEncoding('utf8');
  request.on('data', (part: string) => {
    text += part;
  });
  request.on('end', () => chat(response, text));
};

const server = createServer({ noDelay: true, keepAliveTimeout: 300_000 }, handle);
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  const { port } = server.address() as AddressInfo;
  console.log(JSON.stringify({ url: `http://127.0.0.1:${port}/v1` }));
});
// Whoever started it holds the other end: it cannot outlive that, however that ends.
process.stdin.resume().once('end', () => process.exit(0));
