import type { Task } from '@a2a-js/sdk';
import type { TaskSnapshot } from '../../schemas/generated.ts';
import { applyUpdate } from '../../services/runtime/a2a/apply-update.ts';
import { readUpdate } from '../../services/runtime/a2a/json.ts';
import type { AnyRecorded, Log } from '../../services/runtime/log.ts';
import { madeAt } from '../since.ts';

/** Clocks of services differ. */
const CLOCKS_APART_MS = 3_600_000;

/** Every update of a task in its order, each once. */
export const readUpdates = async (
  log: Log,
  { taskId, contextId }: TaskSnapshot,
): Promise<AnyRecorded<'TaskUpdated'>[]> => {
  const updates = new Map<number, AnyRecorded<'TaskUpdated'>>();
  const made = madeAt(taskId);
  const tail = await log.tail(
    ['mesh.task-updates'],
    (record) => {
      if (record.type === 'TaskUpdated' && record.key === contextId && record.data.taskId === taskId)
        updates.set(record.data.sequence, record);
    },
    {
      from: made === undefined ? 'beginning' : { time: made - CLOCKS_APART_MS },
      partitions: [log.partitionOf(contextId)],
      types: ['TaskUpdated'],
    },
  );
  await tail.caughtUp;
  await tail.close();
  return [...updates.values()].sort((a, b) => a.data.sequence - b.data.sequence);
};

/** The task that its updates make; undefined where the first is no longer in the log. */
export const taskOf = (updates: readonly AnyRecorded<'TaskUpdated'>[]): Task | undefined =>
  updates.reduce<Task | undefined>((task, { data }) => applyUpdate(task, readUpdate(data.update)), undefined);
