/** What an agent says, made of what its code gives. */
import { type Content, type Message, type Part, partsOf, type StreamResponse, type TaskState } from '../a2a.ts';
import { Rejected } from '../errors.ts';
import type { Saying } from './records.ts';

/** What a handler gives: text or parts to end with, a direct answer without a task, nothing, or what it threw. */
export type Answer = Content | { message: Content } | undefined;
export type Result = { value: Answer } | { error: unknown };

/** The task, as far as its sayings name it. */
export interface Speaker {
  readonly agent: string;
  readonly taskId: string;
  readonly contextId: string;
  now(): number;
  idFor(...parts: readonly (string | number)[]): string;
}

/** Of a record, bytes: the topic takes 16 MiB, of which the envelope needs some. */
const MAX_BYTES = 15 * 1024 * 1024;

const bytesOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

const messageOf = (run: Speaker, about: string | number, parts: Part[]): Message => ({
  messageId: run.idFor(about, 'message'),
  contextId: run.contextId,
  taskId: run.taskId,
  role: 'ROLE_AGENT',
  parts,
});

const report = ({ agent, taskId }: Speaker, update: StreamResponse): Saying => ({
  type: 'AgentReported',
  data: { agent, taskId, update: bytesOf(update) },
});

const status = (run: Speaker, about: string | number, state: TaskState, parts?: Part[]): Saying => {
  const { taskId, contextId } = run;
  const message = parts && { message: messageOf(run, about, parts) };
  const timestamp = new Date(run.now()).toISOString();
  return report(run, { statusUpdate: { taskId, contextId, status: { state, ...message, timestamp } } });
};

export const progress = (run: Speaker, number: number, content: Content | undefined): Saying =>
  status(run, number, 'TASK_STATE_WORKING', content === undefined ? undefined : partsOf(content));

export const question = (run: Speaker, number: number, content: Content): Saying =>
  status(run, number, 'TASK_STATE_INPUT_REQUIRED', partsOf(content));

/** The agent goes on: who looks at the task need not answer any more. */
export const answered = (run: Speaker): Saying => status(run, 'answered', 'TASK_STATE_WORKING');

export interface ArtifactContent {
  /** Default: one that follows from the operation's number. */
  artifactId?: string;
  name?: string;
  description?: string;
  parts: Content;
  metadata?: Record<string, unknown>;
  /** To what was said of the artifact before; otherwise it takes its place. */
  append?: boolean;
  /** Whether nothing more is to be appended. Default: true for what is not appended itself. */
  lastChunk?: boolean;
}

export const artifact = (run: Speaker, number: number, content: ArtifactContent): Saying => {
  const { append = false, lastChunk = !append, parts, ...rest } = content;
  const { taskId, contextId } = run;
  const whole = { artifactId: `a${number}`, ...rest, parts: partsOf(parts) };
  return report(run, { artifactUpdate: { taskId, contextId, artifact: whole, append, lastChunk } });
};

export const failed = (run: Speaker, reason: string): Saying =>
  status(run, 'end', 'TASK_STATE_FAILED', [{ text: reason }]);

const reasonOf = (error: unknown): string => (error instanceof Error && error.message ? error.message : String(error));

const isMessage = (value: Answer): value is { message: Content } =>
  typeof value === 'object' && !Array.isArray(value) && value.message !== undefined;

/** @param said whether anything else was said of the task: a direct answer is none to a task that has begun. */
export const ended = (run: Speaker, result: Result, said: boolean): Saying => {
  if ('error' in result) {
    const { error } = result;
    const state = error instanceof Rejected ? 'TASK_STATE_REJECTED' : 'TASK_STATE_FAILED';
    return status(run, 'end', state, [{ text: reasonOf(error) }]);
  }
  const { value } = result;
  const content = isMessage(value) ? value.message : value;
  const parts = content === undefined ? undefined : partsOf(content);
  if (!isMessage(value) || said) return status(run, 'end', 'TASK_STATE_COMPLETED', parts);
  // The mesh answers with the message alone: there is no task for it to name.
  const { taskId: _, ...message } = messageOf(run, 'end', parts ?? []);
  return report(run, { message });
};

/** What a step gave; undefined is nothing at all in JSON. */
export const step = (run: Speaker, number: number, name: string, result: unknown): Saying => {
  const bytes = Buffer.from(JSON.stringify(result) ?? '');
  if (bytes.length > MAX_BYTES) return stepFailed(run, number, name, `Its result is too large: ${bytes.length} bytes.`);
  const { agent, taskId } = run;
  return { type: 'StepRecorded', data: { agent, taskId, step: number, name, result: bytes, failed: false } };
};

export const stepFailed = ({ agent, taskId }: Speaker, number: number, name: string, reason: unknown): Saying => ({
  type: 'StepRecorded',
  data: { agent, taskId, step: number, name, result: bytesOf(reasonOf(reason).slice(0, 10_000)), failed: true },
});

export const slept = ({ agent, taskId }: Speaker, timerId: string, at: number): Saying => ({
  type: 'AgentSlept',
  data: { agent, taskId, timerId, at },
});

export interface Call {
  action: string;
  resource: { type: string; id: string };
  protocol: string;
  repeatable: boolean;
  message: unknown;
}

export const called = (
  { agent, taskId, deadline }: Speaker & { deadline: number },
  callId: string,
  { message, ...call }: Call,
): Saying => ({ type: 'AgentCalled', data: { agent, taskId, callId, deadline, ...call, message: bytesOf(message) } });

export const sizeOf = ({ type, data }: Saying): number => {
  if (type === 'AgentReported') return data.update.length;
  if (type === 'AgentCalled') return data.message.length;
  return type === 'StepRecorded' ? data.result.length : 0;
};

export const fits = (saying: Saying): boolean => sizeOf(saying) <= MAX_BYTES;
