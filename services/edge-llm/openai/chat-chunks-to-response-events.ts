/**
 * A chat completions stream as a responses stream: the whole sequence of events, each with its sequence_number, as
 * OpenAI's own has it. A fold; its state is its own.
 */
import { arrayOf, isObject, type JsonObject, objectOf, stringOf } from './json.ts';
import { annotationsOf, beginResponse, endOf, responseUsage } from './response-object.ts';

type PartType = 'output_text' | 'refusal' | 'reasoning_text';

/** A message or a reasoning that is being written. */
interface Writing {
  item: JsonObject;
  place: number;
  part: JsonObject & { type: PartType };
  partPlace: number;
}

interface Call {
  item: JsonObject;
  place: number;
}

export interface ResponseEvents {
  /** The events that one chat.completion.chunk comes to. Only its first choice is looked at: responses have one. */
  add(chunk: JsonObject): JsonObject[];
  /** The events that end the stream. @param now seconds since the epoch. */
  end(now: number): JsonObject[];
  /** The response so far; whole after `end`. */
  response(): JsonObject;
}

const textField = { output_text: 'text', refusal: 'refusal', reasoning_text: 'text' } as const;
const contents = (item: JsonObject) => item.content as JsonObject[];

/**
 * @param request the responses request.
 * @param base what the ids of the response and its items are made from.
 * @param now seconds since the epoch, where the upstream does not say when it began.
 */
export const createResponseEvents = (request: JsonObject, base: string, now: number): ResponseEvents => {
  let sequence = 0;
  let response: JsonObject | undefined;
  let writing: Writing | undefined;
  let finishReason: unknown = null;
  const output: JsonObject[] = [];
  const calls = new Map<unknown, Call>();
  let lastCall: Call | undefined;
  let events: JsonObject[] = [];

  // Copied: what is stated must not change with the items that go on growing.
  const emit = (type: string, fields: JsonObject) => {
    events.push({ type, ...structuredClone(fields), sequence_number: sequence++ });
  };
  const whole = () => ({ ...response, output });

  const begin = (chunk: JsonObject) => {
    const created = typeof chunk.created === 'number' && chunk.created > 0 ? chunk.created : now;
    response = beginResponse(request, `resp_${base}`, chunk.model, created);
    emit('response.created', { response: whole() });
    emit('response.in_progress', { response: whole() });
  };

  const addItem = (prefix: string, fields: JsonObject): Call => {
    const place = output.length;
    const item: JsonObject = { id: `${prefix}_${base}_${place}`, ...fields };
    output.push(item);
    emit('response.output_item.added', { output_index: place, item });
    return { item, place };
  };

  const where = ({ item, place, partPlace }: Writing) => ({
    item_id: item.id,
    output_index: place,
    content_index: partPlace,
  });

  const openPart = (item: JsonObject, place: number, type: PartType): Writing => {
    const part =
      type === 'output_text' ? { type, annotations: [], logprobs: [], text: '' } : { type, [textField[type]]: '' };
    contents(item).push(part);
    const opened = { item, place, part, partPlace: contents(item).length - 1 };
    emit('response.content_part.added', { ...where(opened), part });
    return opened;
  };

  const closePart = (open: Writing) => {
    const { part } = open;
    const field = textField[part.type];
    const logprobs = part.type === 'output_text' ? { logprobs: part.logprobs } : {};
    emit(`response.${part.type}.done`, { ...where(open), [field]: part[field], ...logprobs });
    emit('response.content_part.done', { ...where(open), part });
  };

  const closeItem = ({ item, place }: Call, status: string) => {
    if (item.type !== 'custom_tool_call') item.status = status;
    emit('response.output_item.done', { output_index: place, item });
  };

  const closeWriting = (status: string) => {
    if (!writing) return;
    closePart(writing);
    closeItem(writing, status);
    writing = undefined;
  };

  const open = (type: PartType): Writing => {
    if (writing?.part.type === type) return writing;
    const reasoning = type === 'reasoning_text';
    if (writing && !reasoning && writing.item.type === 'message') {
      closePart(writing);
      return openPart(writing.item, writing.place, type);
    }
    closeWriting('completed');
    const { item, place } = reasoning
      ? addItem('rs', { type: 'reasoning', summary: [], content: [], status: 'in_progress' })
      : addItem('msg', { type: 'message', role: 'assistant', content: [], status: 'in_progress' });
    return openPart(item, place, type);
  };

  const write = (type: PartType, text: unknown, logprobs: readonly unknown[] = []) => {
    if (typeof text !== 'string' || text === '') return;
    writing = open(type);
    const { part } = writing;
    const field = textField[type];
    part[field] = `${part[field]}${text}`;
    if (type === 'output_text') (part.logprobs as unknown[]).push(...logprobs);
    emit(`response.${type}.delta`, { ...where(writing), delta: text, ...(type === 'output_text' ? { logprobs } : {}) });
  };

  const annotate = (annotations: unknown) => {
    for (const annotation of annotationsOf(annotations)) {
      writing = open('output_text');
      const all = writing.part.annotations as unknown[];
      all.push(annotation);
      emit('response.output_text.annotation.added', {
        ...where(writing),
        annotation_index: all.length - 1,
        annotation,
      });
    }
  };

  const callOf = ({ index, id, type, custom, function: called }: JsonObject): Call => {
    // Some upstreams leave the index out: then an id begins a call, and what has neither goes on with the last.
    const key = index ?? id ?? undefined;
    const known = key === undefined ? lastCall : calls.get(key);
    if (known) return known;
    closeWriting('completed');
    const call_id = stringOf(id) || `call_${base}_${output.length}`;
    const name = stringOf(objectOf(called ?? custom).name) ?? '';
    const call =
      type === 'custom' || isObject(custom)
        ? addItem('ctc', { type: 'custom_tool_call', call_id, name, input: '' })
        : addItem('fc', { type: 'function_call', call_id, name, arguments: '', status: 'in_progress' });
    calls.set(key, call);
    return call;
  };

  const increment = (delta: JsonObject) => {
    lastCall = callOf(delta);
    const { item, place } = lastCall;
    const made = objectOf(delta.function ?? delta.custom);
    item.name = stringOf(made.name) || item.name;
    const [field, event] =
      item.type === 'custom_tool_call' ? ['input', 'custom_tool_call_input'] : ['arguments', 'function_call_arguments'];
    const text = stringOf(made[field]);
    if (!text) return;
    item[field] = `${item[field]}${text}`;
    emit(`response.${event}.delta`, { item_id: item.id, output_index: place, delta: text });
  };

  const closeCall = ({ item, place }: Call, status: string) => {
    const at = { item_id: item.id, output_index: place };
    if (item.type === 'custom_tool_call') emit('response.custom_tool_call_input.done', { ...at, input: item.input });
    else emit('response.function_call_arguments.done', { ...at, name: item.name, arguments: item.arguments });
    closeItem({ item, place }, status);
  };

  const take = () => {
    const taken = events;
    events = [];
    return taken;
  };

  return {
    add: (chunk) => {
      if (!response) begin(chunk);
      if (isObject(chunk.usage)) response = { ...response, usage: responseUsage(chunk.usage) };
      if (chunk.service_tier) response = { ...response, service_tier: chunk.service_tier };
      const choice = arrayOf(chunk.choices).find((c) => isObject(c) && (c.index ?? 0) === 0);
      const { delta, finish_reason, logprobs } = objectOf(choice);
      const said = objectOf(delta);
      write('reasoning_text', said.reasoning_content ?? said.reasoning);
      write('output_text', said.content, arrayOf(objectOf(logprobs).content));
      write('refusal', said.refusal);
      annotate(said.annotations);
      for (const call of arrayOf(said.tool_calls)) if (isObject(call)) increment(call);
      finishReason = finish_reason ?? finishReason;
      return take();
    },
    end: (at) => {
      if (!response) begin({});
      const end = endOf(finishReason);
      closeWriting(end.status);
      for (const call of calls.values()) closeCall(call, end.status);
      response = { ...response, ...end, completed_at: end.status === 'completed' ? at : null };
      emit(`response.${end.status}`, { response: whole() });
      return take();
    },
    response: whole,
  };
};
