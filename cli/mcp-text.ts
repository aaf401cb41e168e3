/** What MCP's messages say, in a line: what is called with what, what a server says and asks on the way, what it answers. */
import { arrayOf, type JsonObject, objectOf, parseObject, stringOf } from '../services/edge-llm/openai/json.ts';
import { excerpt } from './excerpt.ts';
import { size } from './figures.ts';
import { plain } from './text.ts';

const MAX = 160;

const quoted = (text: string): string => `“${plain(text, MAX)}”`;

const json = (value: unknown): string => plain(JSON.stringify(value) ?? '', MAX);

const block = (content: unknown): string => {
  const { type, text, uri, resource, mimeType } = objectOf(content);
  const named = stringOf(text) ?? stringOf(objectOf(resource).text);
  return named ?? `[${[type, uri ?? objectOf(resource).uri, mimeType].filter(Boolean).join(' ')}]`;
};

/** One, or several. */
const blocks = (content: unknown): string =>
  quoted((Array.isArray(content) ? content : [content]).map(block).join(' '));

const ofResult = (result: JsonObject): string => {
  const { action, content, structuredContent, contents, messages, isError, inputRequests, task, taskId } = result;
  if (typeof action === 'string') return `${action} ${content === undefined ? '' : json(content)}`.trim();
  const begun = stringOf(objectOf(task).taskId) ?? stringOf(taskId);
  if (begun) return `task ${plain(begun, 60)}`;
  if (inputRequests !== undefined) return `asks ${Object.values(objectOf(inputRequests)).map(ofMessage).join(', ')}`;
  const failed = isError === true ? 'an error: ' : '';
  if (content !== undefined && !(Array.isArray(content) && content.length === 0)) return failed + blocks(content);
  if (structuredContent !== undefined) return failed + json(structuredContent);
  if (Array.isArray(contents)) return blocks(contents);
  if (Array.isArray(messages)) return blocks(messages.flatMap((one) => objectOf(one).content));
  return failed + json(result);
};

/** A request, a notification or a question. */
const ofMessage = (message: unknown): string => {
  const { method, params } = objectOf(message);
  const { _meta, ...given } = objectOf(params);
  switch (method) {
    case 'tools/call':
    case 'prompts/get':
      return `${plain(String(given.name), 128)}(${json(given.arguments ?? {})})`;
    case 'resources/read':
    case 'resources/subscribe':
    case 'resources/unsubscribe':
      return `${method} ${plain(String(given.uri), MAX)}`;
    case 'notifications/progress': {
      const of = given.total === undefined ? '' : ` of ${given.total}`;
      return `progress ${given.progress}${of}${given.message ? `: ${quoted(String(given.message))}` : ''}`;
    }
    case 'notifications/message':
      return `${given.level}: ${typeof given.data === 'string' ? quoted(given.data) : json(given.data)}`;
    case 'elicitation/create':
      return quoted(String(given.message));
    case 'sampling/createMessage':
      return `a model: ${blocks(arrayOf(given.messages).flatMap((one) => objectOf(one).content))}`;
    default:
      return `${method} ${Object.keys(given).length > 0 ? json(given) : ''}`.trim();
  }
};

const said = (message: JsonObject): string | undefined => {
  const { result, error, method, id } = message;
  if (error !== undefined) {
    const { code, message: text } = objectOf(error);
    return `error ${code}: ${quoted(String(text))}`;
  }
  if (result !== undefined) return ofResult(objectOf(result));
  if (method === undefined) return undefined;
  return id === undefined ? ofMessage(message) : `asks ${ofMessage(message)}`;
};

/** Of a request, a part of its answer, an answer to a question or the outcome: what it says, and how large it is. */
export const mcpExcerpt = (message: Buffer): string => {
  const body = parseObject(message.toString());
  const text = body && said(body);
  return text === undefined ? excerpt('', message) : `${text} (${size(message.length)})`;
};

/** A part of an answer that is worth a line of its own; undefined: it is progress. */
export const mcpSays = (part: Buffer): string | undefined => {
  const { method } = parseObject(part.toString()) ?? {};
  return method === 'notifications/progress' ? undefined : mcpExcerpt(part);
};
