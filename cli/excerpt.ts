/** What a protocol's own message says, in a line. Knows OpenAI's bodies; others are shown as they are. */
import { isUtf8 } from 'node:buffer';
import {
  arrayOf,
  isObject,
  type JsonObject,
  objectOf,
  parseObject,
  stringOf,
} from '../services/edge-llm/openai/json.ts';
import { many, size } from './figures.ts';
import { plain } from './text.ts';

const MAX = 160;

const quoted = (text: string): string => `“${plain(text, MAX)}”`;

/** The text of a message's content: a string, or parts of which some are text. */
const textOf = (content: unknown): string =>
  stringOf(content) ??
  arrayOf(content)
    .map((part) => {
      const { text, refusal, type } = objectOf(part);
      return stringOf(text) ?? stringOf(refusal) ?? (stringOf(type) ? `[${String(type)}]` : '');
    })
    .filter(Boolean)
    .join(' ');

const called = (call: unknown): string => {
  const { function: made, custom } = objectOf(call);
  const { name, arguments: given, input } = { ...objectOf(call), ...objectOf(made), ...objectOf(custom) };
  return `calls ${stringOf(name) ?? 'a tool'}(${stringOf(given) ?? stringOf(input) ?? ''})`;
};

const lastSaid = (items: readonly unknown[]): string => {
  const last = objectOf(items.at(-1));
  const said = textOf(last.content) || textOf(last.output) || textOf(last.text);
  const role = stringOf(last.role) ?? stringOf(last.type);
  return `${role ? `${role}: ` : ''}${quoted(said)}`;
};

const ofChoice = (choice: unknown): string => {
  const message = objectOf(objectOf(choice).message);
  const said = textOf(message.content) || textOf(message.refusal);
  const calls = arrayOf(message.tool_calls).map(called).join(', ');
  return [said ? quoted(said) : '', plain(calls, MAX)].filter(Boolean).join(', ') || 'nothing';
};

const ofOutput = (item: unknown): string => {
  const { type, content } = objectOf(item);
  const said = textOf(content);
  if (said) return quoted(said);
  return typeof type === 'string' && type.endsWith('_call') ? plain(called(item), MAX) : '';
};

const ofRequest = (body: JsonObject): string | undefined => {
  const { messages, input } = body;
  if (Array.isArray(messages)) return `${many(messages.length, 'message')}, ${lastSaid(messages)}`;
  if (typeof input === 'string') return quoted(input);
  if (!Array.isArray(input)) return undefined;
  return isObject(input.at(-1))
    ? `${many(input.length, 'item')}, ${lastSaid(input)}`
    : `${many(input.length, 'input')}`;
};

const ofAnswer = (body: JsonObject): string | undefined => {
  const { choices, output, data, error } = body;
  if (isObject(error)) return quoted(stringOf(error.message) ?? JSON.stringify(error));
  if (Array.isArray(choices)) return choices.slice(0, 3).map(ofChoice).join(' | ');
  if (Array.isArray(output)) return output.map(ofOutput).filter(Boolean).slice(0, 3).join(' | ') || 'nothing';
  return Array.isArray(data) ? many(data.length, 'item') : undefined;
};

/** A message in a line: what was last said to whom it was for, or what it answered, and how large it is. */
export const excerpt = (protocol: string, message: Buffer): string => {
  const bytes = size(message.length);
  if (message.length === 0) return 'empty';
  if (!isUtf8(message)) return `${bytes} of binary data`;
  const body = protocol.startsWith('openai.') ? parseObject(message.toString()) : undefined;
  const said = body && (ofAnswer(body) ?? ofRequest(body));
  return `${said ?? plain(message.toString('utf8', 0, 4 * MAX), MAX)} (${bytes})`;
};
