#!/usr/bin/env node
/**
 * A small OpenAI-compatible model server, so that the example mesh runs without a provider's key. It is no model: it
 * answers with text that follows from the request alone, and says so. Chat completions, responses, embeddings, models.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const usageText = `Parley's example model server: OpenAI-compatible, deterministic, and no model at all.

  node examples/model-server.ts [--port 4100] [--host 127.0.0.1] [--key KEY] [--word-ms 0]

  --port     (EXAMPLE_MODEL_PORT)     0 takes a free one
  --host     (EXAMPLE_MODEL_HOST)     the loopback unless told otherwise
  --key      (EXAMPLE_MODEL_KEY)      asked of clients as a bearer token; none by default
  --word-ms  (EXAMPLE_MODEL_WORD_MS)  pause between the words of a stream, milliseconds

POST /v1/chat/completions  whole, stream, n, stop, max_tokens, response_format, tools
POST /v1/responses         whole, stream, text.format, tools
POST /v1/embeddings        float and base64, dimensions
GET  /v1/models  /stats  /healthz

A tool is called when tool_choice says so, or when the prompt has a word of the tool's name.`;

export interface ModelServerOptions {
  /** 0: a free one. */
  port?: number;
  host?: string;
  /** The bearer token to ask for; undefined: none. */
  key?: string | undefined;
  /** Pause between the words of a stream, milliseconds. */
  wordMs?: number;
}

type Json = Record<string, unknown>;

const MODELS = ['example-small', 'example-large', 'example-embedding'];
const CREATED = 1_735_689_600;
const MAX_BODY_BYTES = 32 * 1024 * 1024;
const MAX_DEPTH = 24;

const objectOf = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
const arrayOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const digestOf = (text: string) => createHash('sha256').update(text).digest();
const wordsOf = (text: string): string[] => text.match(/\s*\S+/g) ?? [];

class Refusal extends Error {
  readonly status: number;
  readonly param: string | null;
  readonly code: string | null;
  constructor(status: number, message: string, param: string | null = null, code: string | null = null) {
    super(message);
    this.status = status;
    this.param = param;
    this.code = code;
  }
}

/** The smallest value that a JSON schema allows, its texts taken from `word`. */
const instanceOf = (given: unknown, word: string, root: Json, depth = 0): unknown => {
  const schema = objectOf(given);
  const inner = (part: unknown) => instanceOf(part, word, root, depth + 1);
  if (depth > MAX_DEPTH) return null;
  if (typeof schema.$ref === 'string') {
    const path = schema.$ref.split('/').slice(1);
    return inner(path.reduce<unknown>((at, name) => objectOf(at)[name], root));
  }
  if ('const' in schema) return schema.const;
  if (Array.isArray(schema.enum)) return schema.enum[0];
  const [either] = [...arrayOf(schema.anyOf), ...arrayOf(schema.oneOf)];
  if (either) return inner(either);
  if (schema.allOf) return Object.assign({}, ...arrayOf(schema.allOf).map(inner));
  const type = Array.isArray(schema.type) ? schema.type[0] : (schema.type ?? (schema.properties ? 'object' : 'string'));
  const atLeast = Number(
    schema.minimum ?? (schema.exclusiveMinimum === undefined ? 0 : Number(schema.exclusiveMinimum) + 1),
  );
  switch (type) {
    case 'object': {
      const properties = objectOf(schema.properties);
      return Object.fromEntries(arrayOf(schema.required).map((name) => [name, inner(properties[String(name)])]));
    }
    case 'array':
      return Array.from({ length: Number(schema.minItems ?? 0) }, () => inner(schema.items));
    case 'number':
    case 'integer':
      return Math.min(atLeast, Number(schema.maximum ?? atLeast));
    case 'boolean':
      return false;
    case 'null':
      return null;
    default: {
      const formats: Record<string, string> = {
        date: '2025-01-01',
        'date-time': '2025-01-01T00:00:00Z',
        email: 'a@example.com',
        uri: 'https://example.com',
        uuid: '00000000-0000-4000-8000-000000000000',
      };
      const text = formats[String(schema.format)] ?? word;
      return text.padEnd(Number(schema.minLength ?? 0), '.').slice(0, Number(schema.maxLength ?? text.length + 100));
    }
  }
};

/** A request of either interface in the terms that an answer is made of. */
interface Ask {
  prompt: string;
  /** Everything that was said, to be counted. */
  said: string;
  toolResult: string | undefined;
  images: number;
  tools: { name: string; parameters: Json }[];
  choice: string;
  /** The schema that the answer is to meet; {} for any object. */
  schema: Json | undefined;
  maxTokens: number;
  stops: string[];
}

interface Answer {
  text: string;
  calls: { name: string; arguments: string }[];
  finish: 'stop' | 'length' | 'tool_calls';
  tokens: number;
}

const textOf = (content: unknown): string =>
  typeof content === 'string'
    ? content
    : arrayOf(content)
        .map((part) => objectOf(part).text ?? '')
        .join(' ')
        .trim();

const imagesIn = (items: readonly Json[]): number =>
  items.flatMap((m) => arrayOf(m.content)).filter((p) => /image/.test(String(objectOf(p).type))).length;

const choiceOf = (choice: unknown): string => {
  const named = objectOf(choice);
  return String(objectOf(named.function).name ?? named.name ?? (typeof choice === 'string' ? choice : 'auto'));
};

const limitOf = (...limits: unknown[]): number =>
  limits.find((limit): limit is number => typeof limit === 'number') ?? Number.POSITIVE_INFINITY;

const askOf = (
  items: Json[],
  more: Omit<Ask, 'prompt' | 'said' | 'toolResult' | 'images' | 'tools'> & { tools: unknown },
): Ask => {
  const last = items.at(-1) ?? {};
  const isResult = last.role === 'tool' || last.type === 'function_call_output';
  const users = items.filter((m) => m.role === 'user' || m.role === undefined);
  return {
    ...more,
    prompt: textOf(users.findLast((m) => m.content !== undefined)?.content),
    said: items.map((m) => textOf(m.content ?? m.output)).join(' '),
    toolResult: isResult ? textOf(last.content ?? last.output) : undefined,
    images: imagesIn(items),
    tools: arrayOf(more.tools).flatMap((tool) => {
      const { name, parameters } = objectOf(objectOf(tool).function ?? tool);
      return objectOf(tool).type === 'function' ? [{ name: String(name), parameters: objectOf(parameters) }] : [];
    }),
  };
};

const askOfChat = (body: Json): Ask => {
  if (!Array.isArray(body.messages) || body.messages.length === 0)
    throw new Refusal(400, "Missing required parameter: 'messages'.", 'messages', 'missing_required_parameter');
  const format = objectOf(body.response_format);
  return askOf(body.messages.map(objectOf), {
    tools: body.tools,
    choice: choiceOf(body.tool_choice),
    schema: schemaOf(format.type, objectOf(format.json_schema).schema),
    maxTokens: limitOf(body.max_completion_tokens, body.max_tokens),
    stops: (Array.isArray(body.stop) ? body.stop : [body.stop]).filter((s) => typeof s === 'string' && s !== ''),
  });
};

const askOfResponse = (body: Json): Ask => {
  const items =
    typeof body.input === 'string' ? [{ role: 'user', content: body.input }] : arrayOf(body.input).map(objectOf);
  if (items.length === 0)
    throw new Refusal(400, "Missing required parameter: 'input'.", 'input', 'missing_required_parameter');
  const format = objectOf(objectOf(body.text).format);
  return askOf(
    typeof body.instructions === 'string' ? [{ role: 'system', content: body.instructions }, ...items] : items,
    {
      tools: body.tools,
      choice: choiceOf(body.tool_choice),
      schema: schemaOf(format.type, format.schema),
      maxTokens: limitOf(body.max_output_tokens),
      stops: [],
    },
  );
};

const schemaOf = (type: unknown, schema: unknown): Json | undefined =>
  type === 'json_schema' ? objectOf(schema) : type === 'json_object' ? { type: 'object' } : undefined;

const toolsToCall = ({ tools, choice, prompt, toolResult }: Ask) => {
  if (toolResult !== undefined || choice === 'none') return [];
  const named = tools.filter((tool) => tool.name === choice);
  if (named.length > 0) return named;
  const words = new Set(prompt.toLowerCase().match(/[a-z0-9]+/g));
  const mentioned = tools.filter(({ name }) =>
    [name.toLowerCase(), ...(name.toLowerCase().match(/[a-z0-9]{4,}/g) ?? [])].some((word) => words.has(word)),
  );
  return mentioned.length === 0 && choice === 'required' ? tools.slice(0, 1) : mentioned;
};

const sentence = ({ prompt, toolResult, images }: Ask): string => {
  const seen = images > 0 ? ` It came with ${images} ${images === 1 ? 'image' : 'images'}, which I cannot see.` : '';
  const heard = toolResult === undefined ? `You said: "${prompt}".` : `The tool answered: "${toolResult}".`;
  return `I am Parley's example model, which is no model: I only repeat. ${heard}${seen}`;
};

const answerTo = (ask: Ask, choice = 0): Answer => {
  const word = ask.prompt.match(/[\p{L}\p{N}]+/gu)?.at(-1) ?? 'example';
  const calls = toolsToCall(ask).map(({ name, parameters }) => ({
    name,
    arguments: JSON.stringify(instanceOf({ type: 'object', ...parameters }, word, parameters)),
  }));
  if (calls.length > 0) return { text: '', calls, finish: 'tool_calls', tokens: calls.length * 8 };
  const whole = ask.schema
    ? JSON.stringify(instanceOf(ask.schema, word, ask.schema))
    : (choice > 0 ? `(${choice + 1}) ` : '') + sentence(ask);
  const stop = Math.min(...ask.stops.map((s) => whole.indexOf(s)).filter((at) => at >= 0), whole.length);
  const words = wordsOf(whole.slice(0, stop));
  const kept = words.slice(0, ask.maxTokens);
  return {
    text: kept.join(''),
    calls: [],
    finish: kept.length < words.length ? 'length' : 'stop',
    tokens: kept.length,
  };
};

/** From what was asked, streamed or not. */
const idOf = (prefix: string, { stream: _, stream_options: __, ...asked }: Json, index = 0) => {
  const digest = digestOf(JSON.stringify(asked) + index).toString('hex');
  return `${prefix}_${digest.slice(0, 24)}`;
};

const event = (data: unknown, name?: string) => `${name ? `event: ${name}\n` : ''}data: ${JSON.stringify(data)}\n\n`;

const callsOf = ({ calls }: Answer, body: Json) =>
  calls.map((call, i) => ({ id: idOf('call', body, i), type: 'function', function: call }));

/** A whole chat completion, or the events of its stream. */
const chat = (body: Json): Json | string[] => {
  const ask = askOfChat(body);
  const answers = Array.from({ length: Math.min(Number(body.n ?? 1), 16) }, (_, i) => answerTo(ask, i));
  const input = wordsOf(ask.said).length;
  const output = answers.reduce((sum, { tokens }) => sum + tokens, 0);
  const usage = { prompt_tokens: input, completion_tokens: output, total_tokens: input + output };
  const top = { id: idOf('chatcmpl', body), created: CREATED, model: body.model, system_fingerprint: 'parley-example' };
  if (body.stream !== true) {
    const choices = answers.map((answer, index) => {
      const calls =
        answer.calls.length > 0 ? { content: null, tool_calls: callsOf(answer, body) } : { content: answer.text };
      return {
        index,
        message: { role: 'assistant', refusal: null, ...calls },
        logprobs: null,
        finish_reason: answer.finish,
      };
    });
    return { ...top, object: 'chat.completion', choices, usage };
  }
  const counting = objectOf(body.stream_options).include_usage === true;
  const chunk = (choices: Json[], more: Json = counting ? { usage: null } : {}) =>
    event({ ...top, object: 'chat.completion.chunk', choices, ...more });
  const part = (index: number, delta: Json, finish_reason: string | null = null) =>
    chunk([{ index, delta, logprobs: null, finish_reason }]);
  return [
    ...answers.flatMap((answer, index) => [
      part(index, { role: 'assistant', content: answer.calls.length > 0 ? null : '', refusal: null }),
      ...wordsOf(answer.text).map((content) => part(index, { content })),
      ...callsOf(answer, body).flatMap((call, i) => [
        part(index, { tool_calls: [{ index: i, ...call, function: { name: call.function.name, arguments: '' } }] }),
        part(index, { tool_calls: [{ index: i, function: { arguments: call.function.arguments } }] }),
      ]),
      part(index, {}, answer.finish),
    ]),
    ...(counting ? [chunk([], { usage })] : []),
    'data: [DONE]\n\n',
  ];
};

/** A whole response, or the events of its stream. */
const respond = (body: Json): Json | string[] => {
  const ask = askOfResponse(body);
  const answer = answerTo(ask);
  const input = wordsOf(ask.said).length;
  const status = answer.finish === 'length' ? 'incomplete' : 'completed';
  const part = (text: string) => ({ type: 'output_text', text, annotations: [], logprobs: [] });
  const output: Json[] =
    answer.calls.length > 0
      ? answer.calls.map((call, i) => ({
          id: idOf('fc', body, i),
          type: 'function_call',
          status,
          call_id: idOf('call', body, i),
          ...call,
        }))
      : [{ id: idOf('msg', body), type: 'message', role: 'assistant', status, content: [part(answer.text)] }];
  const begun = {
    id: idOf('resp', body),
    object: 'response',
    created_at: CREATED,
    model: body.model,
    status: 'in_progress',
    error: null,
    incomplete_details: null,
    instructions: body.instructions ?? null,
    metadata: body.metadata ?? {},
    output: [] as Json[],
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    temperature: body.temperature ?? 1,
    top_p: body.top_p ?? 1,
    tool_choice: body.tool_choice ?? 'auto',
    tools: body.tools ?? [],
    text: body.text ?? { format: { type: 'text' } },
    usage: null as Json | null,
  };
  const details = { input_tokens_details: { cached_tokens: 0 }, output_tokens_details: { reasoning_tokens: 0 } };
  const usage = { input_tokens: input, output_tokens: answer.tokens, total_tokens: input + answer.tokens, ...details };
  const incomplete_details = status === 'incomplete' ? { reason: 'max_output_tokens' } : null;
  const response = { ...begun, status, incomplete_details, output, usage };
  if (body.stream !== true) return response;
  const events: Json[] = [
    { type: 'response.created', response: begun },
    { type: 'response.in_progress', response: begun },
    ...output.flatMap((item, output_index): Json[] => {
      const at = { item_id: item.id, output_index };
      const added = { type: 'response.output_item.added', output_index };
      const done = { type: 'response.output_item.done', output_index, item };
      if (item.type === 'function_call') {
        const of = 'response.function_call_arguments';
        return [
          { ...added, item: { ...item, arguments: '', status: 'in_progress' } },
          { type: `${of}.delta`, ...at, delta: item.arguments },
          { type: `${of}.done`, ...at, name: item.name, arguments: item.arguments },
          done,
        ];
      }
      const content = { ...at, content_index: 0 };
      return [
        { ...added, item: { ...item, content: [], status: 'in_progress' } },
        { type: 'response.content_part.added', ...content, part: part('') },
        ...wordsOf(answer.text).map((delta) => ({
          type: 'response.output_text.delta',
          ...content,
          delta,
          logprobs: [],
        })),
        { type: 'response.output_text.done', ...content, text: answer.text, logprobs: [] },
        { type: 'response.content_part.done', ...content, part: part(answer.text) },
        done,
      ];
    }),
    { type: `response.${status}`, response },
  ];
  return events.map((e, sequence_number) => event({ ...e, sequence_number }, String(e.type)));
};

/** Each word adds to or takes from a few places: texts that share words lie close together. */
const vectorOf = (text: string, dimensions: number): number[] => {
  const vector = new Array<number>(dimensions).fill(0);
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? ['']) {
    const digest = digestOf(word);
    for (let i = 0; i < 16; i += 4) {
      const place = digest.readUInt16LE(i) % dimensions;
      vector[place] = (vector[place] ?? 0) + (digest[i + 2]! % 2 === 0 ? 1 : -1);
    }
  }
  const length = Math.hypot(...vector) || 1;
  return vector.map((v) => Math.fround(v / length));
};

const embed = (body: Json): Json => {
  const { input, encoding_format: encoding, dimensions = 64 } = body;
  const inputs = Array.isArray(input) && typeof input[0] !== 'number' ? input : [input];
  if (input === undefined || input === null || inputs.length === 0)
    throw new Refusal(400, "Missing required parameter: 'input'.", 'input', 'missing_required_parameter');
  if (typeof dimensions !== 'number' || !Number.isInteger(dimensions) || dimensions < 1 || dimensions > 4_096)
    throw new Refusal(400, "Invalid value for 'dimensions': expected 1 to 4096.", 'dimensions');
  const texts = inputs.map((one) => (Array.isArray(one) ? one.join(' ') : String(one)));
  const data = texts.map((text, index) => {
    const vector = vectorOf(text, dimensions);
    const embedding = encoding === 'base64' ? Buffer.from(new Float32Array(vector).buffer).toString('base64') : vector;
    return { object: 'embedding', index, embedding };
  });
  const tokens = texts.reduce((sum, text) => sum + wordsOf(text).length, 0);
  return { object: 'list', data, model: body.model, usage: { prompt_tokens: tokens, total_tokens: tokens } };
};

const endpoints: Record<string, (body: Json) => Json | string[]> = {
  '/v1/chat/completions': chat,
  '/v1/responses': respond,
  '/v1/embeddings': embed,
};

const bodyOf = async (request: IncomingMessage): Promise<Json> => {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > MAX_BODY_BYTES) throw new Refusal(413, 'The request body is too large.');
    parts.push(part);
  }
  let body: unknown;
  try {
    body = JSON.parse(Buffer.concat(parts).toString());
  } catch {
    throw new Refusal(400, 'We could not parse the JSON body of your request.');
  }
  if (typeof objectOf(body).model !== 'string') throw new Refusal(400, 'you must provide a model parameter', 'model');
  return objectOf(body);
};

const isKey = (header: string | undefined, key: string) =>
  timingSafeEqual(digestOf(header ?? ''), digestOf(`Bearer ${key}`));

const send = (response: ServerResponse, status: number, body: unknown) => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
};

/** Starts the server. @returns where it is, without `/v1`. @throws when the port is taken. */
export const startModelServer = async ({
  port = 0,
  host = '127.0.0.1',
  key,
  wordMs = 0,
}: ModelServerOptions = {}): Promise<{ url: string; close(): Promise<void> }> => {
  const stats = { requests: 0, streams: 0, errors: 0 };

  const get = (path: string): Json | undefined => {
    if (path === '/healthz') return { ok: true };
    if (path === '/stats') return stats;
    const model = (id: string) => ({ id, object: 'model', created: CREATED, owned_by: 'parley-example' });
    return path === '/v1/models' ? { object: 'list', data: MODELS.map(model) } : undefined;
  };

  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const path = (request.url ?? '').split('?', 1)[0]!;
    const isOpen = path === '/healthz' || path === '/stats';
    if (key && !isOpen && !isKey(request.headers.authorization, key))
      throw new Refusal(401, 'Incorrect API key provided.', null, 'invalid_api_key');
    const found = request.method === 'GET' ? get(path) : undefined;
    if (found) return send(response, 200, found);
    const endpoint = request.method === 'POST' ? endpoints[path] : undefined;
    if (!endpoint) throw new Refusal(404, `Unknown request URL: ${request.method} ${path}.`, null, 'unknown_url');
    stats.requests += 1;
    const answer = endpoint(await bodyOf(request));
    if (!Array.isArray(answer)) return send(response, 200, answer);
    stats.streams += 1;
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
    for (const text of answer) {
      if (response.destroyed) return;
      response.write(text);
      if (wordMs > 0) await sleep(wordMs);
    }
    response.end();
  };

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      stats.errors += 1;
      const refusal = error instanceof Refusal ? error : new Refusal(500, 'The example model server failed.');
      const { status, message, param, code } = refusal;
      const type = status < 500 ? 'invalid_request_error' : 'server_error';
      if (response.headersSent) response.destroy();
      else send(response, status, { error: { message, type, param, code } });
    });
  });
  server.on('connection', (socket) => socket.setNoDelay(true));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

const main = async () => {
  const string = { type: 'string' } as const;
  const { values } = parseArgs({
    options: { port: string, host: string, key: string, 'word-ms': string, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) return console.log(usageText);
  const { env } = process;
  const server = await startModelServer({
    port: Number(values.port ?? env.EXAMPLE_MODEL_PORT ?? 4100),
    host: values.host ?? env.EXAMPLE_MODEL_HOST ?? '127.0.0.1',
    key: values.key ?? env.EXAMPLE_MODEL_KEY,
    wordMs: Number(values['word-ms'] ?? env.EXAMPLE_MODEL_WORD_MS ?? 0),
  });
  console.log(`Parley's example model server, which is no model, on ${server.url}/v1`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void server.close());
};

if (import.meta.main) await main();
