/** In front of the reader: an agent on the log is killed in the middle of its work, started again, and goes on where it was. */
import { type ChildProcess, spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EXAMPLE_KEY } from './first-call.ts';

const AGENT = join(import.meta.dirname, '..', '..', 'examples', 'agents', 'surveyor', 'agent.ts');
const NAME = 'surveyor';
const WITHIN_MS = 90_000;
const LOOK_MS = 100;
/** Two of the five model calls that the agent makes. */
const KILL_AFTER_CALLS = 2;

interface Task {
  id: string;
  contextId: string;
  status: { state: string; message?: { parts: { text?: string }[] } };
}

export interface Survived {
  contextId: string;
  taskId: string;
  /** The processes that worked on it, in order. */
  pids: number[];
  answer: string;
}

const rpc = async <T>(url: string, method: string, params: object): Promise<T> => {
  const response = await fetch(`${url}/a2a/${NAME}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${EXAMPLE_KEY}`, 'content-type': 'application/json', 'a2a-version': '1.0' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: AbortSignal.timeout(30_000),
  });
  const { result, error } = (await response.json()) as { result?: T; error?: { message: string } };
  if (!result) throw new Error(`the agent ${NAME} could not be asked: ${error?.message ?? `HTTP ${response.status}`}`);
  return result;
};

/**
 * @param environment says where the cluster is.
 * @param logFile what the agent's processes say goes here.
 * @param calls how many model calls of the conversation have been answered so far.
 * @throws where it does not end as it should.
 */
export const agentSurvives = async (
  url: string,
  environment: NodeJS.ProcessEnv,
  logFile: string,
  calls: (contextId: string) => Promise<number>,
): Promise<Survived> => {
  const log = openSync(logFile, 'a');
  const pids: number[] = [];
  let child: ChildProcess | undefined;
  const start = () => {
    child = spawn(process.execPath, [AGENT], { env: environment, stdio: ['ignore', log, log] });
    pids.push(child.pid!);
  };
  const until = async (done: () => Promise<boolean>, what: string) => {
    for (const end = Date.now() + WITHIN_MS; !(await done()); await sleep(LOOK_MS))
      if (Date.now() > end) throw new Error(`${what} did not happen within ${WITHIN_MS / 1000} s: see ${logFile}`);
  };
  try {
    start();
    const message = { messageId: crypto.randomUUID(), role: 'ROLE_USER', parts: [{ text: 'Survey the town.' }] };
    const { task } = await rpc<{ task: Task }>(url, 'SendMessage', {
      message,
      configuration: { returnImmediately: true },
    });
    await until(async () => (await calls(task.contextId)) >= KILL_AFTER_CALLS, "the agent's second model call");
    child?.kill('SIGKILL');
    start();
    let now = task;
    await until(async () => {
      now = await rpc<Task>(url, 'GetTask', { id: task.id });
      return now.status.state === 'TASK_STATE_COMPLETED';
    }, "the end of the agent's task");
    const answer = now.status.message?.parts.map(({ text }) => text).join('') ?? '';
    return { contextId: task.contextId, taskId: task.id, pids, answer };
  } finally {
    child?.kill('SIGTERM');
  }
};
