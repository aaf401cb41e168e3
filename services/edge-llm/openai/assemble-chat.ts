/**
 * A chat.completion from its chat.completion.chunk events: what the same request would have got without `stream`.
 * A fold: the state is the fold's own, changed in place, and read only through `wholeOf`.
 */
import { arrayOf, isObject, type JsonObject, stringOf } from './json.ts';

interface Choice {
  /** What stands beside the message: finish_reason and whatever the upstream adds. */
  rest: JsonObject;
  message: JsonObject;
  toolCalls: JsonObject[];
  /** Which of toolCalls an upstream's `index` means. */
  byIndex: Map<number, JsonObject>;
  logprobs: JsonObject | null;
}

export interface Assembly {
  top: JsonObject;
  choices: Map<number, Choice>;
}

export const emptyAssembly = (): Assembly => ({ top: {}, choices: new Map() });

/** Fields that name something: said again they replace. Every other text in a delta continues the text before. */
const names = new Set(['role', 'id', 'type', 'name', 'object', 'format', 'status', 'signature', 'call_id']);

/** Sets fields that are not increments: the last one that says something stands. */
const assign = (into: JsonObject, from: JsonObject) => {
  for (const [key, value] of Object.entries(from))
    if (key !== '__proto__' && (value !== null || !(key in into))) into[key] = value;
};

/** Adds an increment: texts and lists grow, list items with an `index` are continued, objects merge, the rest is set. */
const grow = (into: JsonObject, delta: JsonObject) => {
  for (const [key, value] of Object.entries(delta)) {
    const before = into[key];
    if (key === '__proto__') continue;
    if (value === null || value === undefined) into[key] ??= null;
    else if (typeof value === 'string' && typeof before === 'string' && !names.has(key)) into[key] = before + value;
    else if (typeof value === 'string' && names.has(key) && value === '') into[key] ??= value;
    else if (Array.isArray(value)) into[key] = growList(Array.isArray(before) ? before : [], value);
    else if (isObject(value)) {
      const object = isObject(before) ? before : {};
      grow(object, value);
      into[key] = object;
    } else into[key] = value;
  }
};

const growList = (list: unknown[], items: readonly unknown[]): unknown[] => {
  for (const item of items) {
    const same = isObject(item) && item.index !== undefined && list.find((i) => isObject(i) && i.index === item.index);
    if (isObject(same) && isObject(item)) grow(same, item);
    else list.push(item);
  }
  return list;
};

const toolCallOf = (choice: Choice, { index, id }: JsonObject): JsonObject => {
  const last = choice.toolCalls.at(-1);
  // Some upstreams leave the index out: then an id that was not seen yet begins another call.
  const continued =
    typeof index === 'number'
      ? choice.byIndex.get(index)
      : id === undefined || id === null
        ? last
        : choice.toolCalls.find((call) => call.id === id);
  if (continued) return continued;
  const call: JsonObject = {};
  choice.toolCalls.push(call);
  if (typeof index === 'number') choice.byIndex.set(index, call);
  return call;
};

const addLogprobs = (choice: Choice, logprobs: unknown) => {
  if (!isObject(logprobs)) return;
  choice.logprobs ??= {};
  grow(choice.logprobs, logprobs);
};

const addChoice = (assembly: Assembly, part: JsonObject, place: number) => {
  const { index = place, delta, logprobs, ...rest } = part;
  const at = Number(index);
  let choice = assembly.choices.get(at);
  if (!choice) {
    choice = { rest: {}, message: {}, toolCalls: [], byIndex: new Map(), logprobs: null };
    assembly.choices.set(at, choice);
  }
  assign(choice.rest, rest);
  addLogprobs(choice, logprobs);
  if (!isObject(delta)) return;
  const { tool_calls: toolCalls, ...message } = delta;
  grow(choice.message, message);
  for (const call of arrayOf(toolCalls))
    if (isObject(call)) {
      const { index: _, ...increment } = call;
      grow(toolCallOf(choice, call), increment);
    }
};

/** Adds one chunk. */
export const addChunk = (assembly: Assembly, chunk: JsonObject): Assembly => {
  const { choices, ...top } = chunk;
  assign(assembly.top, top);
  arrayOf(choices).forEach((part, place) => {
    if (isObject(part)) addChoice(assembly, part, place);
  });
  return assembly;
};

/** Whether every choice that began has said why it ended. */
export const isFinished = ({ choices }: Assembly): boolean =>
  choices.size > 0 && [...choices.values()].every(({ rest }) => typeof rest.finish_reason === 'string');

/** The chat.completion so far. */
export const wholeOf = ({ top, choices }: Assembly): JsonObject => ({
  ...top,
  object: 'chat.completion',
  choices: [...choices]
    .sort(([a], [b]) => a - b)
    .map(([index, { rest, message, toolCalls, logprobs }]) => ({
      index,
      message: {
        role: 'assistant',
        content: null,
        refusal: null,
        ...message,
        ...(toolCalls.length > 0 ? { tool_calls: toolCalls } : {}),
      },
      logprobs,
      finish_reason: null,
      ...rest,
    })),
});

/** What a chat.completion, or one so far, says in text: what a model was paid for writing. */
export const textOf = (completion: JsonObject): string => {
  const texts: string[] = [];
  const collect = (value: unknown) => {
    const text = stringOf(value);
    if (text) texts.push(text);
  };
  for (const choice of arrayOf(completion.choices)) {
    const message = isObject(choice) && isObject(choice.message) ? choice.message : {};
    for (const key of ['content', 'refusal', 'reasoning_content', 'reasoning']) collect(message[key]);
    for (const call of arrayOf(message.tool_calls)) {
      const { function: called, custom } = isObject(call) ? call : {};
      for (const made of [called, custom, message.function_call])
        if (isObject(made)) for (const key of ['name', 'arguments', 'input']) collect(made[key]);
    }
  }
  return texts.join('\n');
};
