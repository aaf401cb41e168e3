import { setTimeout as sleep } from 'node:timers/promises';
import type { Message, Task } from '@a2a-js/sdk';
import type * as mesh from '../../../schemas/generated.ts';
import type { AgentClient } from './agent-client.ts';
import { CallFailed } from './call-failed.ts';

/** The server may be about to come back: how often it is asked again, each time after four times as long. */
const AGAIN = 3;

/** Where a message may have arrived: in a task that is known, else in any of the context that was named with it. */
export interface Sent {
  messageId: string;
  contextId: string;
  remote: mesh.RemoteTask | null;
}

const holds = ({ history, status }: Pick<Task, 'history' | 'status'>, messageId: string): boolean =>
  [...history, ...(status?.message ? [status.message] : [])].some(
    (message: Message) => message.messageId === messageId,
  );

const look = async (client: AgentClient, { messageId, contextId, remote }: Sent, signal: AbortSignal) => {
  if (remote) {
    const task = await client.get(remote.taskId, signal);
    return holds(task, messageId) ? task : undefined;
  }
  for (const listed of await client.list(contextId, signal)) {
    // Whether a list holds histories is the agent's to decide.
    const task = holds(listed, messageId) ? listed : await client.get(listed.id, signal);
    if (holds(task, messageId)) return task;
  }
  return undefined;
};

/**
 * Looks for the task that a message of which nothing more was heard has begun, or was added to.
 * @param againMs the first wait before it is asked again.
 * @returns undefined where the agent has none that it shows, or cannot be asked. @throws the signal's reason.
 */
export const findTask = async (
  client: AgentClient,
  sent: Sent,
  signal: AbortSignal,
  againMs: number,
): Promise<Task | undefined> => {
  const waits = [0, ...Array.from({ length: AGAIN }, (_, i) => againMs * 4 ** i)];
  for (const wait of waits) {
    await sleep(wait, undefined, { signal }).catch(() => signal.throwIfAborted());
    try {
      const task = await look(client, sent, signal);
      if (task) return task;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof CallFailed)) throw error;
      // It said what it has to say: it does not list, or knows no such task.
      if (error.reason !== '') return undefined;
    }
  }
  return undefined;
};
