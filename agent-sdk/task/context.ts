import type { Subject } from '../../schemas/generated.ts';
import { type Content, type Message, partsOf, type StreamResponse, type Task } from '../a2a.ts';
import { milliseconds } from '../duration.ts';
import { StepFailed } from '../errors.ts';
import { type ToolResult, toolResult } from '../mcp.ts';
import type { ChatCompletion, ChatRequest } from '../openai.ts';
import { isRepeatable } from '../openai.ts';
import type { Incoming } from './hearing.ts';
import { nameOf, type Operation } from './operations.ts';
import type { Saying } from './records.ts';
import type { TaskRun } from './run.ts';
import {
  type ArtifactContent,
  artifact,
  type Call,
  called,
  progress,
  question,
  slept,
  step,
  stepFailed,
} from './sayings.ts';

export type Fields = Record<string, unknown>;
/** One line each, as JSON with the task's id; nothing of what was logged when the journal was made is logged again. */
export type TaskLog = Record<'debug' | 'info' | 'warn' | 'error', (message: string, fields?: Fields) => void>;

export interface OtherAgent {
  /**
   * Sends a message. Resolves when the agent's turn ends, with the task, which may wait for an answer
   * (`status.state`), or with the message of an agent that answered without a task.
   * @param options.taskId the task to go on with, of an earlier answer.
   * @throws CallFailed
   */
  send(
    content: Content | Pick<Message, 'parts' | 'metadata'>,
    options?: { taskId?: string },
  ): Promise<Task | { message: Message }>;
}

/**
 * What an agent does in a task. Every operation is in the task's journal: after a crash, or a long wait, the handler
 * runs again and gets what it got before. So between operations it must do the same each time: time, chance and all that
 * comes from outside belong into `step`.
 */
export interface Context {
  readonly taskId: string;
  /** The conversation. */
  readonly contextId: string;
  /** Who asks (`agent`), who is accountable (`person`), and the agents between them (`actors`). */
  readonly subject: Subject;
  /** Aborted when the task is cancelled or the agent is no longer heard. */
  readonly signal: AbortSignal;
  /** The person's messages up to the last answer to a question; among them those that nobody had asked for. */
  readonly messages: readonly Incoming[];
  readonly log: TaskLog;
  /** Calls a model. @throws CallFailed */
  llm(request: ChatRequest): Promise<ChatCompletion>;
  /**
   * Calls a tool of an MCP server. @param name server/tool, as in mesh.yaml
   * @throws CallFailed also where the server answers with an error; what the tool itself failed at is in the result (isError).
   */
  tool(name: string, args?: Record<string, unknown>): Promise<ToolResult>;
  agent(name: string): OtherAgent;
  /** Asks the person (A2A: input required) and waits for the next message. Of several questions the first takes it. */
  ask(content: Content): Promise<Incoming>;
  /** @param duration milliseconds, or e.g. '90s', '3d'. Nothing of the task is in memory meanwhile. */
  sleep(duration: string | number): Promise<void>;
  /**
   * Does something of the agent's own, once: what came of it is in the journal. Where the agent is killed between the
   * deed and its record it is done again.
   * @returns the result as JSON has it. @throws StepFailed when `work` threw.
   */
  step<T>(name: string, work: (signal: AbortSignal) => T | Promise<T>): Promise<T>;
  /** Says that the agent is at work. */
  progress(content?: Content): Promise<void>;
  artifact(content: ArtifactContent): Promise<void>;
  /** Milliseconds since the epoch, the same in every run. */
  now(): Promise<number>;
  /** From 0 to 1, the same in every run. */
  random(): Promise<number>;
}

const nothing = () => undefined;
const json = (bytes: Buffer): unknown => JSON.parse(bytes.toString());

const readStep = (name: string) => (saying: Saying) => () => {
  if (saying.type !== 'StepRecorded') return undefined;
  const { result, failed } = saying.data;
  const value = result.length === 0 ? undefined : json(result);
  if (failed) throw new StepFailed(name, String(value));
  return value;
};

export const createContext = (run: TaskRun, log: TaskLog): Context => {
  const call = <T>(make: (number: number) => Call, answer: NonNullable<Operation['answer']>): Promise<T> =>
    run.begin((number) => ({
      kind: 'call',
      saying: called(run, nameOf({ kind: 'call', number }), make(number)),
      answer,
    }));

  const stepOf = <T>(name: string, work: () => T | Promise<T>): Promise<T> =>
    run.begin((number) => ({
      kind: 'step',
      step: name,
      work: async () => {
        try {
          return step(run, number, name, await work());
        } catch (error) {
          return stepFailed(run, number, name, error);
        }
      },
      read: readStep(name),
    }));

  const say = (kind: 'progress' | 'artifact', make: (number: number) => Saying): Promise<void> =>
    run.begin((number) => ({ kind, saying: make(number), read: () => nothing }));

  return {
    taskId: run.taskId,
    contextId: run.contextId,
    signal: run.signal,
    messages: run.messages,
    log,
    get subject() {
      return run.subject;
    },
    llm: async (request) => {
      if (request.stream) throw new TypeError('ctx.llm answers whole: leave out stream');
      const resource = { type: 'model', id: request.model };
      const made = { action: 'model.chat', resource, protocol: 'openai.chat', message: request };
      const completion = (message: Buffer) => {
        const body = json(message) as ChatCompletion;
        return { ...body, text: body.choices?.[0]?.message?.content ?? '' };
      };
      return await call(() => ({ ...made, repeatable: isRepeatable(request) }), completion);
    },
    tool: (name, args = {}) => {
      const message = { arguments: args };
      const resource = { type: 'tool', id: name };
      return call(
        () => ({ action: 'tool.call', resource, protocol: 'mcp', repeatable: false, message }),
        (bytes) => toolResult(name, bytes),
      );
    },
    agent: (name) => ({
      send: (content, { taskId } = {}) => {
        const whole = typeof content === 'string' || Array.isArray(content) ? { parts: partsOf(content) } : content;
        const { contextId } = run;
        const make = (number: number): Call => {
          const messageId = run.idFor(number, 'message');
          const message = { messageId, contextId, ...(taskId ? { taskId } : {}), role: 'ROLE_USER', ...whole };
          const resource = { type: 'agent', id: name };
          return { action: 'agent.send', resource, protocol: 'a2a', repeatable: false, message: { message } };
        };
        return call(make, (bytes) => {
          const { task, message } = json(bytes) as StreamResponse;
          return task ?? { message };
        });
      },
    }),
    ask: (content) => run.begin((number) => ({ kind: 'ask', saying: question(run, number, content) })),
    sleep: async (duration) => {
      const at = run.now() + milliseconds(duration);
      await run.begin((number) => ({ kind: 'sleep', saying: slept(run, nameOf({ kind: 'sleep', number }), at) }));
    },
    step: (name, work) => stepOf(name, () => work(run.signal)),
    progress: (content) => say('progress', (number) => progress(run, number, content)),
    artifact: (content) => say('artifact', (number) => artifact(run, number, content)),
    now: () => stepOf('now', () => run.now()),
    random: () => stepOf('random', () => Math.random()),
  };
};
