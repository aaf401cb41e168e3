import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Call {
  path: string;
  body: Record<string, unknown>;
}
export type Answer = (call: Call, response: ServerResponse) => void | Promise<void>;

/** A model server that answers, or fails, as a test says, and keeps a log of its own of what reached it. */
export interface Upstream {
  url: string;
  calls: Call[];
  answer: Answer;
  close(): Promise<void>;
}

/** What a chat completion looks like. */
export const completion = (content: string, more: object = {}): object => ({
  id: 'chatcmpl-test',
  object: 'chat.completion',
  created: 1_700_000_000,
  model: 'served-model',
  choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop', logprobs: null }],
  usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
  ...more,
});

export const json = (response: ServerResponse, body: object, status = 200, headers: Record<string, string> = {}) => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
};

const chunk = (delta: object, more: object = {}) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'served-model', choices: [{ index: 0, delta, finish_reason: null }], ...more })}\n\n`;

/** Streams words as a provider does, with usage where it was asked for. */
export const stream = async (call: Call, response: ServerResponse, words: readonly string[], gapMs = 0) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(chunk({ role: 'assistant', content: '' }));
  for (const word of words) {
    if (gapMs > 0) await new Promise((resolve) => setTimeout(resolve, gapMs));
    response.write(chunk({ content: word }));
  }
  response.write(chunk({}, { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }));
  const { include_usage } = (call.body.stream_options ?? {}) as { include_usage?: boolean };
  if (include_usage)
    response.write(
      chunk(
        {},
        { choices: [], usage: { prompt_tokens: 10, completion_tokens: words.length, total_tokens: 10 + words.length } },
      ),
    );
  response.end('data: [DONE]\n\n');
};

export const startUpstream = async (
  answer: Answer = (call, response) =>
    call.body.stream ? stream(call, response, ['one ', 'two ', 'three']) : json(response, completion('hello')),
): Promise<Upstream> => {
  const upstream: Upstream = { url: '', calls: [], answer, close: async () => {} };
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const call = { path: request.url ?? '', body: JSON.parse(Buffer.concat(parts).toString() || '{}') };
    upstream.calls.push(call);
    await upstream.answer(call, response);
  };
  const server = createServer((request, response) => void handle(request, response).catch(() => response.destroy()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  upstream.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  upstream.close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return upstream;
};
