/** Whole HTTP requests, as bytes on a connection, against the inbound edge. */
import { connect } from 'node:net';
import { chatAnswer, chatChunk, createWorld, KEY } from '../../services/edge-llm/inbound/harness.ts';
import { Broken, holds, type Target } from '../target.ts';
import { isErrorBody } from './openai-error.ts';

/** Of the edge, so that what never comes whole is given up soon. */
const ARRIVAL_MS = 400;
const PATIENCE_MS = 5_000;
const ERROR_LEVEL = 50;

const world = await createWorld({ deadlineMs: 1_000, maxDeadlineMs: 1_000 });
world.behave(async (mesh) => {
  await mesh.permit();
  if (mesh.request.streaming) await mesh.chunk(0, chatChunk('Hi'));
  await mesh.complete(chatAnswer('Hi'), { chunks: mesh.request.streaming ? 1 : 0 });
});
const edge = await world.edge({ http: { headersMs: ARRIVAL_MS, requestMs: ARRIVAL_MS } });
const port = Number(new URL(edge.url).port);

/** Sends the bytes, says that there are no more, and waits for the end of what comes back. */
const answersTo = (bytes: Buffer): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Broken('a connection comes to its end', Buffer.concat(parts).toString('latin1')));
    }, PATIENCE_MS);
    socket.on('data', (part) => parts.push(part));
    // The edge may end the connection in the middle of what is sent.
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(Buffer.concat(parts));
    });
    socket.on('end', () => socket.destroy());
    socket.end(bytes);
  });

interface Answer {
  status: number;
  /** Undefined where there is none by the rules of HTTP. */
  body: string | undefined;
}

/** The body from `at` on, and where it ends; undefined where it is cut off. */
const bodyAt = (text: string, at: number, head: string): { body: string; end: number } | undefined => {
  if (/^transfer-encoding: *chunked/im.test(head)) {
    const parts: string[] = [];
    for (let from = at; ; ) {
      const size = /^([0-9a-f]+)\r\n/i.exec(text.slice(from, from + 20));
      if (!size) return undefined;
      const start = from + size[0].length;
      const length = Number.parseInt(size[1]!, 16);
      parts.push(text.slice(start, start + length));
      from = start + length + 2;
      if (length === 0) return { body: parts.join(''), end: from };
    }
  }
  const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
  return { body: text.slice(at, at + length), end: at + length };
};

/** @param mayBeHead whether an answer may be to a HEAD, which has the length of a body and no body. */
const parse = (bytes: Buffer, mayBeHead: boolean): Answer[] => {
  const text = bytes.toString('latin1');
  const answers: Answer[] = [];
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\r\n\r\n', at);
    const head = text.slice(at, end);
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
    holds(end > 0 && status, 'what comes back is HTTP', () => text.slice(at));
    const next = text.slice(end + 4, end + 9);
    const isBare = status < 200 || status === 204 || (mayBeHead && (next === '' || next === 'HTTP/'));
    const found = isBare ? { body: undefined, end: end + 4 } : bodyAt(text, end + 4, head);
    if (!found) return answers;
    const body = found.body === undefined ? undefined : Buffer.from(found.body, 'latin1').toString();
    answers.push({ status, body });
    at = found.end;
  }
  return answers;
};

const checkAnswer = ({ status, body }: Answer) => {
  if (status < 400) return;
  holds(
    status < 500 || status === 503 || status === 504,
    'no input is an error of the edge itself',
    () => `${status} ${body}`,
  );
  if (body === undefined) return;
  const isPlain = /^\{"error":\{"message":"[^"]+"\}\}$/.test(body) || body.startsWith('{"status":');
  holds(isPlain || isErrorBody(body), `a refusal has its form (${status})`, () => `${status} ${body}`);
};

/** Only where the key is in one place, its own header: what a client says elsewhere may be told back to it. */
const bearsItsKeyOnce = (text: string) => {
  const [head = ''] = text.split('\r\n\r\n');
  return (
    text.split(KEY).length === 2 && new RegExp(`^authorization: Bearer ${KEY}$`, 'im').test(head.replaceAll('\r', ''))
  );
};

const checkServes = async () => {
  const answer = await fetch(`${edge.url}/healthz`);
  holds(answer.status === 200 && (await answer.text()) === '{"status":"alive"}', 'the edge goes on serving');
};

const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\n`;

export const target: Target = {
  name: 'http',
  batch: 64,
  dictionary: [
    ...[
      '\r\n',
      '\r\n\r\n',
      'POST ',
      'GET ',
      'HEAD ',
      ' HTTP/1.1\r\n',
      ' HTTP/1.0\r\n',
      '/v1/chat/completions',
      '/v1/responses',
      '/v1/embeddings',
      '/v1/models',
    ],
    ...[
      'content-length: 2\r\n',
      'content-length: ',
      'transfer-encoding: chunked\r\n',
      '0\r\n\r\n',
      'expect: 100-continue\r\n',
      'connection: close\r\n',
    ],
    ...[
      head,
      'content-type: application/json\r\n',
      'x-conversation-id: a\r\n',
      'idempotency-key: a\r\n',
      'x-request-timeout-ms: 1\r\n',
      'traceparent: ',
    ],
    ...[
      '{"model":"small","messages":[{"role":"user","content":"hi"}]}',
      '"stream":true',
      'upgrade: websocket\r\n',
      'content-encoding: gzip\r\n',
      '%2f',
      '..',
      '?a=b',
    ],
  ],
  run: async (bytes) => {
    edge.logged.length = 0;
    const came = await answersTo(bytes);
    const text = bytes.toString('latin1');
    for (const answer of parse(came, /HEAD /i.test(text))) checkAnswer(answer);
    const lines = edge.logged.map((line) => JSON.stringify(line)).join('\n');
    if (bearsItsKeyOnce(text))
      holds(!lines.includes(KEY) && !came.includes(KEY), 'no key is logged, or comes back', () => lines);
    holds(
      edge.logged.every(({ level }) => Number(level) < ERROR_LEVEL),
      'no input is logged as an error',
      () => lines,
    );
    await checkServes();
  },
  close: () => world.close(),
};
