import { Task, TaskState } from '@a2a-js/sdk';
import { applyUpdate } from '../../runtime/a2a/apply-update.ts';
import { readUpdate } from '../../runtime/a2a/json.ts';
import { stateOfName } from '../../runtime/a2a/states.ts';
import type { Recorded } from '../../runtime/log.ts';
import type { TaskChange } from './changes.ts';
import type { KnownTask } from './tasks.ts';

/** Of a task whose beginning is no longer in the log, what an update still tells. */
const rest = (record: Recorded<'TaskUpdated'>): Task => ({
  ...Task.fromJSON({ id: record.data.taskId, contextId: record.key }),
  status: { state: stateOfName(record.data.state), message: undefined, timestamp: undefined },
});

const timeOfStatus = ({ status }: Task, otherwise: number): number => {
  const time = Date.parse(status?.timestamp ?? '');
  return Number.isNaN(time) ? otherwise : time;
};

/**
 * A task after a TaskUpdated; undefined where it is known already. Pure.
 * @param before as the view knows it. @throws MalformedError
 */
export const takeIn = (before: KnownTask | undefined, record: Recorded<'TaskUpdated'>): TaskChange | undefined => {
  const { agent, subject, requestId, sequence, state, update: bytes } = record.data;
  if (before && sequence <= before.sequence) return undefined;
  const update = readUpdate(bytes);
  const base = before?.task ?? (update.$case === 'task' ? undefined : rest(record));
  const task = applyUpdate(base, update);
  if (!task || task.status?.state === TaskState.UNRECOGNIZED) return undefined;
  const saysStatus = update.$case === 'task' || update.$case === 'statusUpdate';
  const known: KnownTask = {
    task,
    agent,
    tenant: subject.tenant,
    asker: subject.agent,
    state,
    created: before?.created ?? record.time,
    updated: saysStatus || !before ? timeOfStatus(task, record.time) : before.updated,
    sequence,
  };
  return { requestId, update, known, bytes: bytes.length };
};
