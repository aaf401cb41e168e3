/**
 * Reads what a client sent: as lenient as OpenAI is, so that what an upstream would take is not refused here. Fields that
 * are not named here pass. Messages and codes are OpenAI's own, as its API answered in 2025.
 */
import type { Problem } from './errors.ts';
import { isObject, type JsonObject } from './json.ts';
import { outlineOf, type Part } from './json-bytes.ts';
import type { Protocol } from './protocol.ts';
import { isRepeatable } from './repeatable.ts';

export interface ReadRequest {
  /** As the client names it. */
  model: string;
  streaming: boolean;
  repeatable: boolean;
  body: JsonObject;
  /** @see Outline.parts */
  parts: readonly Part[];
}

/** Far from what any interface needs, and from what overflows the stack of JSON.stringify. */
const MAX_DEPTH = 256;
const MAX_MODEL_LENGTH = 256;

const refuse = (message: string, param: string | null, code: string | null): Problem => ({
  status: 400,
  message,
  type: 'invalid_request_error',
  param,
  code,
});

const unparsable = (why: string) =>
  refuse(`We could not parse the JSON body of your request: ${why}. The API expects a JSON payload.`, null, null);

const missing = (param: string) =>
  refuse(`Missing required parameter: '${param}'.`, param, 'missing_required_parameter');

const kindOf = (value: unknown): string => {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'an integer' : 'a decimal';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
};

const wrongType = (param: string, expected: string, value: unknown) =>
  refuse(`Invalid type for '${param}': expected ${expected}, but got ${kindOf(value)} instead.`, param, 'invalid_type');

type Check = (value: unknown, param: string) => Problem | undefined;

const ofType =
  (expected: string, test: (value: unknown) => boolean): Check =>
  (value, param) =>
    test(value) ? undefined : wrongType(param, expected, value);

const number =
  (kind: 'integer' | 'decimal', from: number, to = Number.POSITIVE_INFINITY): Check =>
  (value, param) => {
    const article = kind === 'integer' ? 'an' : 'a';
    if (typeof value !== 'number' || (kind === 'integer' && !Number.isInteger(value)))
      return wrongType(param, `${article} ${kind}`, value);
    if (value >= from && value <= to) return undefined;
    const [side, code, bound] =
      value < from ? ['below minimum', 'below_min', `>= ${from}`] : ['above maximum', 'above_max', `<= ${to}`];
    const message = `Invalid value for '${param}': ${kind} ${side} value. Expected a value ${bound}, but got ${value} instead.`;
    return refuse(message, param, `${kind}_${code}_value`);
  };

const nonEmptyArray: Check = (value, param) => {
  if (!Array.isArray(value)) return wrongType(param, 'an array', value);
  if (value.length > 0) return undefined;
  const message = `Invalid '${param}': empty array. Expected an array with minimum length 1, but got an empty array instead.`;
  return refuse(message, param, 'empty_array');
};

const messages: Check = (value, param) => {
  const problem = nonEmptyArray(value, param);
  if (problem) return problem;
  for (const [i, message] of (value as unknown[]).entries()) {
    if (!isObject(message)) return wrongType(`${param}[${i}]`, 'an object', message);
    if (message.role === undefined) return missing(`${param}[${i}].role`);
    if (typeof message.role !== 'string') return wrongType(`${param}[${i}].role`, 'a string', message.role);
  }
  return undefined;
};

const textOrArray: Check = (value, param) => (typeof value === 'string' ? undefined : nonEmptyArray(value, param));
const stringOrList = ofType('a string or an array', (v) => typeof v === 'string' || Array.isArray(v));
const list = ofType('an array', Array.isArray);
const object = ofType('an object', isObject);
const bool = ofType('a boolean', (v) => typeof v === 'boolean');

const sampling = {
  stream: bool,
  stream_options: object,
  temperature: number('decimal', 0, 2),
  top_p: number('decimal', 0, 1),
};

/** Which fields a request needs, and what is certain to be wrong where a field is given. null is as good as left out. */
const fields: Record<Protocol, { needs: string[]; checks: Record<string, Check> }> = {
  'openai.chat': {
    needs: ['messages'],
    checks: {
      messages,
      ...sampling,
      n: number('integer', 1),
      max_tokens: number('integer', 1),
      max_completion_tokens: number('integer', 1),
      tools: list,
      stop: stringOrList,
      response_format: object,
    },
  },
  'openai.responses': {
    needs: [],
    checks: {
      input: stringOrList,
      ...sampling,
      max_output_tokens: number('integer', 1),
      tools: list,
      text: object,
      background: bool,
      store: bool,
    },
  },
  'openai.embeddings': {
    needs: ['input'],
    checks: { input: textOrArray, dimensions: number('integer', 1) },
  },
};

/** What a responses request can answer to; without any of these there is nothing to answer. */
const prompts = ['input', 'prompt', 'previous_response_id', 'conversation'];

const check = (body: JsonObject, protocol: Protocol): Problem | undefined => {
  const given = (field: string) => body[field] !== undefined && body[field] !== null;
  if (!given('model')) return refuse('you must provide a model parameter', 'model', 'missing_required_parameter');
  if (typeof body.model !== 'string') return wrongType('model', 'a string', body.model);
  if (body.model === '') return refuse('you must provide a model parameter', 'model', 'missing_required_parameter');
  if (body.model.length > MAX_MODEL_LENGTH)
    return refuse(
      `Invalid 'model': string too long. Expected a string with maximum length ${MAX_MODEL_LENGTH}.`,
      'model',
      'string_above_max_length',
    );
  const { needs, checks } = fields[protocol];
  for (const field of needs) if (!given(field)) return missing(field);
  if (protocol === 'openai.responses' && !prompts.some(given)) return missing('input');
  for (const [field, test] of Object.entries(checks)) {
    const problem = given(field) ? test(body[field], field) : undefined;
    if (problem) return problem;
  }
  return undefined;
};

const decoder = new TextDecoder('utf-8', { fatal: true });

const parse = (bytes: Buffer): { body: unknown; parts: Part[] } | { problem: Problem } => {
  if (bytes.length === 0) return { problem: unparsable('it is empty') };
  // Before parsing: ten million open brackets are a small body and a large heap.
  const { depth, parts } = outlineOf(bytes, MAX_DEPTH);
  if (depth > MAX_DEPTH) return { problem: unparsable(`it is nested more than ${MAX_DEPTH} levels deep`) };
  try {
    const text = decoder.decode(bytes);
    try {
      return { body: JSON.parse(text), parts };
    } catch {
      return { problem: unparsable('it is not valid JSON') };
    }
  } catch {
    return { problem: unparsable('it is not valid UTF-8') };
  }
};

/** What the bytes ask for, or what is wrong with them, in OpenAI's words. */
export const readRequest = (
  bytes: Buffer,
  protocol: Protocol,
): { request: ReadRequest; problem?: undefined } | { problem: Problem; request?: undefined } => {
  const parsed = parse(bytes);
  if ('problem' in parsed) return parsed;
  const { body, parts } = parsed;
  if (!isObject(body)) return { problem: unparsable(`it is ${kindOf(body)}, not an object`) };
  const problem = check(body, protocol);
  if (problem) return { problem };
  const streaming = body.stream === true && protocol !== 'openai.embeddings';
  const repeatable = isRepeatable(body, protocol);
  return { request: { model: String(body.model), streaming, repeatable, body, parts } };
};
