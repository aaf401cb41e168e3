/**
 * A2A 1.0 as bytes: ProtoJSON (A2A 1.0, 5.5), as the SDK's `toJSON` writes it. What is read may come from anyone: whatever
 * the bytes are, the end is a value that can be written again, or a MalformedError.
 */
import { SendMessageRequest, StreamResponse, Task } from '@a2a-js/sdk';
import type { z } from 'zod';
import { sendMessageShape, taskShape, updateShape } from './shapes.ts';

/** @property message what is wrong and where, for the person who wrote it. */
export class MalformedError extends Error {
  override readonly name = 'MalformedError';
}

/** One of the four things that an A2A stream can say. */
export type Update = NonNullable<StreamResponse['payload']>;

// Whoever writes or compares what was read goes down into it by recursion.
const MAX_DEPTH = 100;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Where the string ends that begins at `start`; the length where it does not. */
const endOfString = (bytes: Buffer, start: number): number => {
  for (let end = bytes.indexOf(QUOTE, start + 1); end >= 0; end = bytes.indexOf(QUOTE, end + 1)) {
    let escapes = 0;
    while (bytes[end - 1 - escapes] === BACKSLASH) escapes += 1;
    if (escapes % 2 === 0) return end;
  }
  return bytes.length;
};

/** Told from the bytes, before anything is made of them. */
const isTooDeep = (bytes: Buffer): boolean => {
  let depth = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) i = endOfString(bytes, i);
    else if (byte === 0x5b || byte === 0x7b) depth += 1;
    else if (byte === 0x5d || byte === 0x7d) depth -= 1;
    if (depth > MAX_DEPTH) return true;
  }
  return false;
};

const parse = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new MalformedError('it is not JSON in UTF-8');
  }
};

/** Reads with the SDK what has the shape. @throws MalformedError */
const read = <T>(bytes: Uint8Array, what: string, shape: z.ZodType, fromJson: (json: unknown) => T): T => {
  if (isTooDeep(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)))
    throw new MalformedError(`it is nested deeper than ${MAX_DEPTH} levels`);
  const json = parse(bytes);
  const checked = shape.safeParse(json);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    const where = issue?.path.join('.') || 'it';
    throw new MalformedError(`it is no ${what}: ${where}: ${issue?.message}`);
  }
  try {
    return fromJson(json);
  } catch (error) {
    throw new MalformedError(`it is no ${what}: ${(error as Error).message}`);
  }
};

const write = (json: unknown): Buffer => Buffer.from(JSON.stringify(json));

/** What an update can't do without: A2A 1.0, 4.1.2, 4.1.7, 4.2. */
const missing = (update: Update | undefined): string | undefined => {
  switch (update?.$case) {
    case 'task':
      return update.value.status?.state ? undefined : 'the state of the task';
    case 'statusUpdate':
      return update.value.status?.state ? undefined : 'the state';
    case 'artifactUpdate':
      return update.value.artifact?.artifactId ? undefined : 'the id of the artifact';
    case 'message':
      return undefined;
    case undefined:
      return 'any of task, message, statusUpdate and artifactUpdate';
  }
};

/** A StreamResponse's payload. @throws MalformedError */
export const readUpdate = (bytes: Uint8Array): Update => {
  const { payload } = read(bytes, 'StreamResponse', updateShape, StreamResponse.fromJSON);
  const lacks = missing(payload);
  if (lacks !== undefined) throw new MalformedError(`it is no StreamResponse: it lacks ${lacks}`);
  return payload!;
};

/** As a StreamResponse. */
export const writeUpdate = (payload: Update): Buffer => write(StreamResponse.toJSON({ payload }));

/** @throws MalformedError */
export const readTask = (bytes: Uint8Array): Task => read(bytes, 'Task', taskShape, Task.fromJSON);

export const writeTask = (task: Task): Buffer => write(Task.toJSON(task));

/** @throws MalformedError also where there is no message in it. */
export const readSendMessage = (bytes: Uint8Array): SendMessageRequest => {
  const request = read(bytes, 'SendMessageRequest', sendMessageShape, SendMessageRequest.fromJSON);
  if (!request.message) throw new MalformedError('it is no SendMessageRequest: it lacks the message');
  return request;
};

export const writeSendMessage = (request: SendMessageRequest): Buffer => write(SendMessageRequest.toJSON(request));

const CASES = ['task', 'message', 'statusUpdate', 'artifactUpdate'] as const;

/** Which of the four an update is that `writeUpdate` wrote, without reading it; undefined for other bytes. */
export const caseOf = (bytes: Buffer): Update['$case'] | undefined => {
  const start = bytes.toString('latin1', 0, 20);
  return CASES.find((name) => start.startsWith(`{"${name}":`));
};
