import type { TaskSnapshot } from '../../schemas/generated.ts';
import type { Log } from '../../services/runtime/log.ts';
import { progressBar } from '../progress.ts';

/** Takes in a snapshot, in the order of the log. */
export const keepLatest = (snapshots: Map<string, TaskSnapshot>, snapshot: TaskSnapshot): void => {
  const known = snapshots.get(snapshot.taskId);
  // An instance that lost its partition may have written after the one that has it now.
  if (!known || known.sequence <= snapshot.sequence) snapshots.set(snapshot.taskId, snapshot);
};

/** Where nobody was told of a task, and it has ended, the agent answered with a message: there was none. */
export const isTask = ({ sequence, pending }: TaskSnapshot): boolean => sequence > 0 || pending !== null;

/** Where every task stands, as the log has it now. */
export const readSnapshots = async (log: Log): Promise<TaskSnapshot[]> => {
  const snapshots = new Map<string, TaskSnapshot>();
  const bar = progressBar();
  const tail = await log.tail(
    ['mesh.tasks'],
    (record) => {
      if (record.type === 'TaskSnapshot') keepLatest(snapshots, record.data);
    },
    { from: 'beginning', progress: (done, total) => bar.report('Reading tasks', done, total) },
  );
  await tail.caughtUp.finally(bar.end);
  await tail.close();
  return [...snapshots.values()].filter(isTask);
};

/** @param id a task's id, or the beginning or end of one that no other has. @throws where there is none, or several. */
export const taskOfId = (all: readonly TaskSnapshot[], id: string): TaskSnapshot => {
  const exact = all.find(({ taskId }) => taskId === id);
  if (exact) return exact;
  const alike = all.filter(({ taskId }) => taskId.startsWith(id) || taskId.endsWith(id));
  if (alike.length === 1) return alike[0]!;
  throw new Error(
    alike.length === 0
      ? `there is no task ${id}: \`parley tasks list\` shows which there are`
      : `${alike.length} tasks have an id like ${id}: write more of it`,
  );
};

/** @throws as `taskOfId`. */
export const findTask = async (log: Log, id: string): Promise<TaskSnapshot> => taskOfId(await readSnapshots(log), id);
