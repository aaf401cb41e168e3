/**
 * What a call used, by meter, in whole tokens:
 * - `input_tokens`: everything the model read, what came from its cache included;
 * - `output_tokens`: everything it wrote, reasoning included;
 * - `cached_input_tokens`, `reasoning_output_tokens`: the part of the above that came from a cache, that was reasoning.
 *   Parts of another meter, not additions to it; left out where there were none.
 */
import { textOf } from './assemble-chat.ts';
import { arrayOf, isObject, type JsonObject, objectOf, stringOf } from './json.ts';
import type { Protocol } from './protocol.ts';

export type Meters = Record<string, number>;

const count = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 && value <= Number.MAX_SAFE_INTEGER
    ? Math.trunc(value)
    : undefined;

/**
 * The meters of an upstream's `usage`, as chat completions, responses or embeddings write it; undefined where it has none.
 */
export const metersOf = (usage: unknown): Meters | undefined => {
  if (!isObject(usage)) return undefined;
  const input = count(usage.input_tokens) ?? count(usage.prompt_tokens);
  const output = count(usage.output_tokens) ?? count(usage.completion_tokens);
  if (input === undefined && output === undefined) return undefined;
  const { cached_tokens: cached } = objectOf(usage.input_tokens_details ?? usage.prompt_tokens_details);
  const { reasoning_tokens: reasoning } = objectOf(usage.output_tokens_details ?? usage.completion_tokens_details);
  const parts = { cached_input_tokens: count(cached) ?? 0, reasoning_output_tokens: count(reasoning) ?? 0 };
  const used = Object.entries(parts).filter(([, tokens]) => tokens > 0);
  return { input_tokens: input ?? 0, output_tokens: output ?? 0, ...Object.fromEntries(used) };
};

type CountTokens = (text: string) => number;

/** The tokenizer takes quadratic time on a run without spaces, e.g. Chinese: it is fed slices, and so much text at most. */
const SLICE = 512;
const MAX_COUNTED = 128 * SLICE;

let loading: Promise<CountTokens> | undefined;

const loadTokenizer = async (): Promise<CountTokens> => {
  // Its tables take 150 ms and 30 MB: only for an upstream that does not count.
  const { countTokens } = await import('gpt-tokenizer/encoding/o200k_base');
  // Text of a client may look like a special token; it is text all the same.
  const options = { disallowedSpecial: new Set<string>() };
  return (text) => {
    const counted = text.slice(0, MAX_COUNTED);
    let tokens = 0;
    for (let at = 0; at < counted.length; at += SLICE) tokens += countTokens(counted.slice(at, at + SLICE), options);
    return counted.length === 0 ? 0 : Math.ceil((tokens * text.length) / counted.length);
  };
};

/** OpenAI's own allowances: for what frames a message, and for an image of low detail. */
const TOKENS_PER_MESSAGE = 4;
const TOKENS_PER_IMAGE = 85;

interface Read {
  texts: string[];
  /** Tokens that are not text. */
  more: number;
}

const readContent = (content: unknown, into: Read) => {
  if (typeof content === 'string') into.texts.push(content);
  for (const part of arrayOf(content)) {
    const { text, refusal, type } = objectOf(part);
    for (const said of [text, refusal]) if (typeof said === 'string') into.texts.push(said);
    if (type === 'image_url' || type === 'input_image') into.more += TOKENS_PER_IMAGE;
  }
};

const readItem = (item: unknown, into: Read) => {
  const message = objectOf(item);
  into.more += TOKENS_PER_MESSAGE;
  readContent(message.content, into);
  readContent(message.output, into);
  for (const key of ['arguments', 'input', 'name']) if (typeof message[key] === 'string') into.texts.push(message[key]);
  if (message.tool_calls !== undefined) into.texts.push(JSON.stringify(message.tool_calls));
};

const readEmbedded = (input: unknown, into: Read) => {
  if (typeof input === 'string') into.texts.push(input);
  for (const item of arrayOf(input)) {
    if (typeof item === 'number') into.more += 1;
    else readEmbedded(item, into);
  }
};

/** What a model reads of a request. */
const inputOf = (body: JsonObject, protocol: Protocol): Read => {
  const into: Read = { texts: [], more: 0 };
  if (protocol === 'openai.embeddings') {
    readEmbedded(body.input, into);
    return into;
  }
  if (body.tools !== undefined) into.texts.push(JSON.stringify(body.tools));
  readContent(body.instructions, into);
  if (typeof body.input === 'string') readContent(body.input, into);
  for (const item of [...arrayOf(body.messages), ...arrayOf(body.input)]) readItem(item, into);
  return into;
};

/** What a response object says in text. */
const textOfResponse = (response: JsonObject): string =>
  arrayOf(response.output)
    .flatMap((item) => {
      const { content, arguments: called, input, name } = objectOf(item);
      const parts = arrayOf(content).map(objectOf);
      return [...parts.flatMap((p) => [p.text, p.refusal]), name, called, input];
    })
    .map(stringOf)
    .filter((text) => text !== undefined)
    .join('\n');

/** What a whole answer says in text, that of a failed or unfinished one too. */
export const textOfAnswer = (answer: JsonObject): string =>
  Array.isArray(answer.output) ? textOfResponse(answer) : textOf(answer);

/** Counts what a request and the text of its answer come to. An estimate: every model has its own tokens. */
export const estimateMeters = async (body: JsonObject, protocol: Protocol, answer: string): Promise<Meters> => {
  loading ??= loadTokenizer();
  const countTokens = await loading;
  const { texts, more } = inputOf(body, protocol);
  return { input_tokens: countTokens(texts.join('\n')) + more, output_tokens: countTokens(answer) };
};
