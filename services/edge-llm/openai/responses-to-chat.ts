/**
 * A responses request as a chat completions request, for a target that has only those. What chat has no words for is
 * refused by name; what only asks for extras (a summary of the reasoning, obfuscation, storage) is left out.
 * Field by field after OpenAI's reference of both interfaces (openai-node 6).
 */
import type { Problem } from './errors.ts';
import { arrayOf, isObject, type JsonObject, objectOf } from './json.ts';

class Untranslatable extends Error {
  readonly param: string;
  constructor(message: string, param: string) {
    super(message);
    this.param = param;
  }
}

const cannot = (what: string, param: string): never => {
  throw new Untranslatable(`${what} not supported by this model's server, which serves chat completions only.`, param);
};

/** Absent, null or of no effect. */
const unset = (value: unknown) => value === undefined || value === null;

const defined = (object: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

/** Needs something that lives at a provider of responses, or a check that would silently not be made. */
const refused = ['previous_response_id', 'conversation', 'prompt', 'moderation', 'context_management'];

/** Has another name in chat, or none. Every other field means the same in both, or neither knows it: it passes as it is. */
const responsesOnly = new Set([
  ...refused,
  'background',
  'include',
  'input',
  'instructions',
  'max_output_tokens',
  'max_tool_calls',
  'metadata',
  'reasoning',
  'store',
  'stream_options',
  'text',
  'tool_choice',
  'tools',
  'top_logprobs',
  'truncation',
]);

const partOf = (part: unknown, param: string): JsonObject => {
  const { type, ...rest } = objectOf(part);
  switch (type) {
    case 'input_text':
    case 'output_text':
    case 'text':
      return { type: 'text', text: rest.text };
    case 'refusal':
      return { type: 'refusal', refusal: rest.refusal };
    case 'input_image':
      if (unset(rest.image_url)) return cannot('An image by `file_id` is', `${param}.file_id`);
      return { type: 'image_url', image_url: defined({ url: rest.image_url, detail: rest.detail ?? undefined }) };
    case 'input_file': {
      if (!unset(rest.file_url)) return cannot('A file by `file_url` is', `${param}.file_url`);
      const { file_data, file_id, filename } = rest;
      return { type: 'file', file: defined({ file_data, file_id: file_id ?? undefined, filename }) };
    }
    case 'input_audio':
      return { type: 'input_audio', input_audio: rest.input_audio };
    default:
      return cannot(`Content of type '${String(type)}' is`, `${param}.type`);
  }
};

/** One text alone is written as text: the simplest servers read nothing else. */
const contentOf = (content: unknown, param: string): unknown => {
  if (!Array.isArray(content)) return content;
  const parts = content.map((part, i) => partOf(part, `${param}[${i}]`));
  return parts.length === 1 && parts[0]?.type === 'text' ? parts[0].text : parts;
};

const outputOf = (output: unknown, param: string): unknown => {
  const content = contentOf(output, param);
  for (const [i, part] of arrayOf(content).entries())
    if (objectOf(part).type !== 'text') cannot("A tool's output other than text is", `${param}[${i}]`);
  return content;
};

const messageOf = (item: JsonObject, param: string): JsonObject => {
  // Of the two words for the same, `system` is the one that every server knows.
  const role = item.role === 'developer' ? 'system' : item.role;
  return { role, content: contentOf(item.content, `${param}.content`) };
};

const toolCallOf = (item: JsonObject): JsonObject =>
  item.type === 'custom_tool_call'
    ? { id: item.call_id, type: 'custom', custom: { name: item.name, input: item.input } }
    : { id: item.call_id, type: 'function', function: { name: item.name, arguments: item.arguments } };

const addItem = (messages: JsonObject[], value: unknown, param: string) => {
  const item = objectOf(value);
  switch (item.type ?? 'message') {
    case 'message':
      messages.push(messageOf(item, param));
      return;
    case 'function_call':
    case 'custom_tool_call': {
      // In chat, what the assistant says and the calls it makes with that are one message.
      const last = messages.at(-1);
      const into = last?.role === 'assistant' ? last : { role: 'assistant', content: null };
      if (into !== last) messages.push(into);
      into.tool_calls = [...arrayOf(into.tool_calls), toolCallOf(item)];
      return;
    }
    case 'function_call_output':
    case 'custom_tool_call_output':
      messages.push({ role: 'tool', tool_call_id: item.call_id, content: outputOf(item.output, `${param}.output`) });
      return;
    case 'reasoning':
      // A model's notes to itself: chat has no place for them, and every model does without.
      return;
    default:
      cannot(`An input item of type '${String(item.type)}' is`, `${param}.type`);
  }
};

const messagesOf = ({ instructions, input }: JsonObject): JsonObject[] => {
  const messages: JsonObject[] = [];
  if (!unset(instructions)) {
    if (Array.isArray(instructions))
      instructions.forEach((item, i) => void addItem(messages, item, `instructions[${i}]`));
    else messages.push({ role: 'system', content: instructions });
  }
  if (typeof input === 'string') messages.push({ role: 'user', content: input });
  arrayOf(input).forEach((item, i) => void addItem(messages, item, `input[${i}]`));
  return messages;
};

const customFormat = (format: unknown): unknown => {
  const { type, ...grammar } = objectOf(format);
  return type === 'grammar' ? { type, grammar } : format;
};

const toolOf = (value: unknown, param: string): JsonObject => {
  const { type, name, description, parameters, strict, format } = objectOf(value);
  // In responses a schema is strict unless it says otherwise, in chat it is not; only what is said is passed on.
  if (type === 'function')
    return {
      type,
      function: defined({
        name,
        description: description ?? undefined,
        parameters: parameters ?? undefined,
        strict: strict ?? undefined,
      }),
    };
  if (type === 'custom') return { type, custom: defined({ name, description, format: customFormat(format) }) };
  return cannot(`The hosted tool '${String(type)}' is`, `${param}.type`);
};

const named = (value: unknown, param: string): JsonObject => {
  const { type, name } = objectOf(value);
  if (type === 'function' || type === 'custom') return { type, [type]: { name } };
  return cannot(`A tool choice of type '${String(type)}' is`, `${param}.type`);
};

const toolChoiceOf = (choice: unknown): unknown => {
  if (!isObject(choice)) return choice ?? undefined;
  if (choice.type !== 'allowed_tools') return named(choice, 'tool_choice');
  const tools = arrayOf(choice.tools).map((tool, i) => named(tool, `tool_choice.tools[${i}]`));
  return { type: 'allowed_tools', allowed_tools: { mode: choice.mode, tools } };
};

const responseFormatOf = (format: unknown): unknown => {
  const { type, name, schema, strict, description } = objectOf(format);
  if (type !== 'json_schema') return type === 'text' ? undefined : (format ?? undefined);
  return { type, json_schema: defined({ name, schema, strict: strict ?? undefined, description }) };
};

const logprobsOf = ({ top_logprobs: top, include }: JsonObject): JsonObject => {
  if (!unset(top)) return { logprobs: true, top_logprobs: top };
  return arrayOf(include).includes('message.output_text.logprobs') ? { logprobs: true } : {};
};

const translate = (body: JsonObject): JsonObject => {
  for (const field of refused) if (!unset(body[field])) cannot(`'${field}' is`, field);
  if (body.background === true) cannot("'background' is", 'background');
  const text = objectOf(body.text);
  const tools = arrayOf(body.tools).map((tool, i) => toolOf(tool, `tools[${i}]`));
  return defined({
    ...Object.fromEntries(Object.entries(body).filter(([field, v]) => !responsesOnly.has(field) && v !== null)),
    messages: messagesOf(body),
    ...(tools.length > 0
      ? { tools, tool_choice: toolChoiceOf(body.tool_choice) }
      : // Without tools there is nothing to run in parallel, and servers refuse the word.
        { parallel_tool_calls: undefined }),
    max_completion_tokens: body.max_output_tokens ?? undefined,
    reasoning_effort: objectOf(body.reasoning).effort ?? undefined,
    response_format: responseFormatOf(text.format),
    verbosity: text.verbosity ?? undefined,
    ...logprobsOf(body),
  });
};

/**
 * @param body a responses request.
 * @returns the chat completions request that asks the same, or what in it can't be asked there: a 400 that names the field.
 */
export const toChatRequest = (
  body: JsonObject,
): { chat: JsonObject; problem?: undefined } | { problem: Problem; chat?: undefined } => {
  try {
    return { chat: translate(body) };
  } catch (error) {
    if (!(error instanceof Untranslatable)) throw error;
    const { message, param } = error;
    return { problem: { status: 400, message, type: 'invalid_request_error', param, code: 'unsupported_parameter' } };
  }
};
