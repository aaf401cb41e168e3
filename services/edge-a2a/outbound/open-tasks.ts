import type { Logger } from 'pino';
import type * as mesh from '../../../schemas/generated.ts';
import { isTerminal, stateOfName } from '../../runtime/a2a/states.ts';
import type { Log } from '../../runtime/log.ts';

/** A task as `mesh.tasks` has it, less what only grows with its contents. */
export type OpenTask = Pick<
  mesh.TaskSnapshot,
  'taskId' | 'contextId' | 'agent' | 'subject' | 'state' | 'status' | 'parentTaskId' | 'turn' | 'remote' | 'sequence'
> & { partition: number };

/** A task as its agent names it, and whose it is. */
export type RemoteOf = { agent: string; subject: mesh.Subject; remote: mesh.RemoteTask };

export interface OpenTasks {
  /** A task that has not ended. */
  of(taskId: string): OpenTask | undefined;
  all(): readonly OpenTask[];
  /** Which agent has, or had, a task of whom, and how it names it; of ended ones only the last few thousand are known. */
  remoteOf(taskId: string): RemoteOf | undefined;
  /** Whether it is known to have ended; of ended ones as `remoteOf`. */
  hasEnded(taskId: string): boolean;
  close(): Promise<void>;
}

const MAX_ENDED = 10_000;

/** Follows all tasks. Resolves once those in the log are known. @param changed told of each task as it is another one. */
export const followOpenTasks = async (
  log: Log,
  logger: Logger,
  changed: (task: OpenTask, isOpen: boolean) => void,
): Promise<OpenTasks> => {
  const open = new Map<string, OpenTask>();
  const ended = new Map<string, RemoteOf>();
  let isCaughtUp = false;
  const tail = await log.tail(
    ['mesh.tasks'],
    (record) => {
      try {
        if (record.type !== 'TaskSnapshot') return;
        const { taskId, contextId, agent, subject, state, status, parentTaskId, turn, remote, sequence } = record.data;
        // One that lands late, of an instance that was given up, leads back.
        if (ended.has(taskId) || sequence < (open.get(taskId)?.sequence ?? 0)) return;
        const task = {
          taskId,
          contextId,
          agent,
          subject,
          state,
          status,
          parentTaskId,
          turn,
          remote,
          sequence,
          partition: record.partition,
        };
        const isOpen = !isTerminal(stateOfName(state));
        if (isOpen) open.set(taskId, task);
        else {
          open.delete(taskId);
          if (remote) ended.set(taskId, { agent, subject, remote });
          // A Map keeps the order in which they came.
          if (ended.size > MAX_ENDED) ended.delete(ended.keys().next().value ?? '');
        }
        if (isCaughtUp) changed(task, isOpen);
      } catch (error) {
        logger.error({ err: error, topic: record.topic, offset: record.offset }, 'a task was passed over');
      }
    },
    { from: 'beginning', types: ['TaskSnapshot'] },
  );
  await tail.caughtUp;
  isCaughtUp = true;
  return {
    of: (taskId) => open.get(taskId),
    all: () => [...open.values()],
    remoteOf: (taskId) => {
      const task = open.get(taskId);
      return task?.remote ? { agent: task.agent, subject: task.subject, remote: task.remote } : ended.get(taskId);
    },
    hasEnded: (taskId) => ended.has(taskId),
    close: () => tail.close(),
  };
};
