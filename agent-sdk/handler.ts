import { type Context, createContext, type Fields } from './task/context.ts';
import type { Incoming } from './task/hearing.ts';
import type { TaskRun } from './task/run.ts';
import type { Answer, Result } from './task/sayings.ts';

/**
 * An agent's code.
 * @returns what the task ends with, text or parts; `{ message }` for an answer without a task, where nothing else was said.
 * What it throws ends the task as failed, with the error's message; Rejected as rejected.
 */
export type Handler = (message: Incoming, ctx: Context) => Promise<Answer> | Answer;

export type Level = 'debug' | 'info' | 'warn' | 'error';
export type WriteLog = (level: Level, fields: Fields, message: string) => void;

/** A handler as a run calls it. */
export const handle =
  (handler: Handler, write: WriteLog) =>
  async (run: TaskRun): Promise<Result> => {
    const { taskId, contextId } = run;
    const at =
      (level: Level) =>
      (message: string, fields: Fields = {}) => {
        if (!run.replaying) write(level, { ...fields, taskId, contextId }, message);
      };
    const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
    return { value: await handler(run.messages[0]!, createContext(run, log)) };
  };
