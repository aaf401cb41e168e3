/** What an upstream answers, whole or as a stream, read in its own interface and handed on in the client's. */

import { Stop } from '../../runtime/outbound/faults.ts';
import { type Assembly, addChunk, emptyAssembly, isFinished, wholeOf } from '../openai/assemble-chat.ts';
import { createResponseEvents } from '../openai/chat-chunks-to-response-events.ts';
import { toResponse } from '../openai/chat-to-response.ts';
import { isObject, type JsonObject, parseObject } from '../openai/json.ts';
import { withMembers } from '../openai/json-bytes.ts';
import type { InterfaceName, Protocol } from '../openai/protocol.ts';
import { type SseEvent, serializeEvent } from '../openai/sse.ts';

/** How an answer is read. */
export interface Reading {
  protocol: Protocol;
  spoken: InterfaceName;
  addedUsage: boolean;
  /** The client's request, parsed. */
  request(): JsonObject;
  /** What ids that the mesh makes are made from. */
  base: string;
  /** Seconds since the epoch. */
  now(): number;
}

/** A whole answer: the bytes in the client's protocol, and what the upstream said, parsed. */
export interface Whole {
  message: Buffer;
  said: JsonObject;
}

const isTranslated = ({ protocol, spoken }: Reading) => protocol === 'openai.responses' && spoken === 'chat';

const carries: Record<InterfaceName, string> = { chat: 'choices', responses: 'output', embeddings: 'data' };

/** An upstream's error that came with a good status. @throws Stop */
const refuseError = (said: JsonObject, text: string, field?: string) => {
  const error = said.error ?? (said.type === 'error' ? said : null);
  if (error !== null && error !== undefined && (field === undefined || !Array.isArray(said[field])))
    throw new Stop('UPSTREAM_ERROR', "The model's server reported an error in its answer.", Buffer.from(text));
};

/** Reads a whole answer. @throws Stop where it is none. */
export const readWhole = (bytes: Buffer, reading: Reading): Whole => {
  const text = bytes.toString();
  const said = parseObject(text);
  if (!said) throw new Stop('BAD_RESPONSE', "The model's server answered with something other than a JSON object.");
  refuseError(said, text, carries[reading.spoken]);
  if (!Array.isArray(said[carries[reading.spoken]]))
    throw new Stop('BAD_RESPONSE', `The model's server answered without \`${carries[reading.spoken]}\`.`);
  if (!isTranslated(reading)) return { message: bytes, said };
  const response = toResponse(said, reading.request(), reading.base, reading.now());
  return { message: Buffer.from(JSON.stringify(response)), said };
};

export interface StreamedAnswer {
  /** The bytes that an event comes to for the client, perhaps none. @throws Stop */
  add(event: SseEvent): Buffer;
  /** Whether nothing more will come. */
  isOver(): boolean;
  /** What is left to be written once nothing more comes. @throws Stop where the stream broke off. */
  end(): Buffer;
  /** The answer so far; whole after `end`. */
  whole(): Whole;
}

const nothing = Buffer.alloc(0);

const parse = ({ data, event }: SseEvent): JsonObject => {
  const said = parseObject(data);
  if (!said) throw new Stop('BAD_RESPONSE', "The model's server sent an event that is not a JSON object.");
  if (event === 'error') refuseError({ error: said.error ?? said }, data);
  refuseError(said, data, 'choices');
  return said;
};

const brokenOff = () => new Stop('CONNECTION_LOST', "The answer of the model's server broke off before its end.");

const whole = (said: JsonObject): Whole => ({ message: Buffer.from(JSON.stringify(said)), said });

/** `[DONE]` or the reasons why it ended: one of them says that nothing is missing. */
const isWhole = (assembly: Assembly, done: boolean) => assembly.choices.size > 0 && (done || isFinished(assembly));

const streamedChat = (addedUsage: boolean): StreamedAnswer => {
  const assembly = emptyAssembly();
  let over = false;
  /** The event as the client would have got it, had the mesh not asked for usage (OpenAI: stream_options.include_usage). */
  const asAsked = (event: SseEvent, chunk: JsonObject): Buffer => {
    if (!addedUsage || !('usage' in chunk)) return serializeEvent(event);
    if (isObject(chunk.usage))
      return Array.isArray(chunk.choices) && chunk.choices.length === 0 ? nothing : serializeEvent(event);
    return serializeEvent({ ...event, data: withMembers(Buffer.from(event.data), { usage: null }).toString() });
  };
  return {
    add: (event) => {
      if (event.data === '[DONE]') over = true;
      if (over) return nothing;
      const chunk = parse(event);
      addChunk(assembly, chunk);
      return asAsked(event, chunk);
    },
    isOver: () => over,
    end: () => {
      if (!isWhole(assembly, over)) throw brokenOff();
      return nothing;
    },
    whole: () => whole(wholeOf(assembly)),
  };
};

const endings = new Set(['response.completed', 'response.incomplete', 'response.failed']);

const streamedResponse = (): StreamedAnswer => {
  let response: JsonObject | undefined;
  let over = false;
  const texts: string[] = [];
  return {
    add: (event) => {
      const said = event.data === '[DONE]' ? {} : parse(event);
      if (isObject(said.response)) response = said.response;
      if (typeof said.delta === 'string') texts.push(said.delta);
      over = endings.has(String(said.type));
      return event.data === '[DONE]' ? nothing : serializeEvent(event);
    },
    isOver: () => over,
    end: () => {
      if (!over) throw brokenOff();
      return nothing;
    },
    // Broken off, it is what was written so far: all that metering can go by.
    whole: () =>
      whole(
        over && response
          ? response
          : { ...response, output: [{ type: 'message', content: [{ text: texts.join('') }] }] },
      ),
  };
};

const streamedTranslation = ({ request, base, now }: Reading): StreamedAnswer => {
  const assembly = emptyAssembly();
  const events = createResponseEvents(request(), base, now());
  let over = false;
  const write = (stated: readonly JsonObject[]) =>
    Buffer.concat(stated.map((e) => serializeEvent({ event: String(e.type), data: JSON.stringify(e) })));
  return {
    add: (event) => {
      if (event.data === '[DONE]') over = true;
      if (over) return nothing;
      const chunk = parse(event);
      addChunk(assembly, chunk);
      return write(events.add(chunk));
    },
    isOver: () => over,
    end: () => {
      if (!isWhole(assembly, over)) throw brokenOff();
      return write(events.end(now()));
    },
    whole: () => ({ said: wholeOf(assembly), message: Buffer.from(JSON.stringify(events.response())) }),
  };
};

/** Reads a stream. */
export const readStream = (reading: Reading): StreamedAnswer => {
  if (isTranslated(reading)) return streamedTranslation(reading);
  return reading.spoken === 'responses' ? streamedResponse() : streamedChat(reading.addedUsage);
};
