/** Enough of what task-state does for the edge to be tested with it: what is reported becomes a task, and its record. */
import type { Task } from '@a2a-js/sdk';
import type * as mesh from '../../../schemas/generated.ts';
import { applyUpdate } from '../../runtime/a2a/apply-update.ts';
import { differences } from '../../runtime/a2a/differences.ts';
import { artifactDigest, statusDigest } from '../../runtime/a2a/digests.ts';
import { readUpdate, type Update } from '../../runtime/a2a/json.ts';
import { endsTurn, isTerminal, nameOfState } from '../../runtime/a2a/states.ts';
import { newId } from '../../runtime/event.ts';
import type { Log, Recorded } from '../../runtime/log.ts';

interface Known {
  task: Task;
  turn: mesh.Turn | null;
  data: mesh.TaskReported;
  /** Digest of its status, as differences are told by it. */
  status: string;
}

export interface TestTaskState {
  /** As those who follow it see it. */
  task(id: string): Task | undefined;
  /** What was new, in order. */
  updates: { taskId: string; update: Update }[];
  isOpen(id: string): boolean;
  /** Stops taking reports, so that tasks seem open for as long as a test likes. */
  close(): Promise<void>;
}

const digestsOf = (task: Task) => ({
  artifacts: Object.fromEntries(task.artifacts.map((one) => [one.artifactId, artifactDigest(one)])),
  messages: task.history.map(({ messageId }) => messageId),
});

export const startTaskState = async (log: Log): Promise<TestTaskState> => {
  const known = new Map<string, Known>();
  const seen = new Set<string>();
  const updates: TestTaskState['updates'] = [];
  let last: Promise<unknown> = Promise.resolve();

  const snapshotOf = ({ task, turn, data, status }: Known): mesh.TaskSnapshot => ({
    taskId: task.id,
    contextId: task.contextId,
    agent: data.agent,
    subject: { tenant: 't', unit: 'u', agent: 'caller', person: 'p', credential: 'c', actors: [] },
    state: nameOfState(task.status?.state ?? 0),
    sequence: updates.length,
    createdAt: 1,
    updatedAt: 1,
    parentTaskId: '',
    turn,
    remote: data.remote,
    status,
    ...digestsOf(task),
    requestId: turn?.requestId ?? '',
    turnSequence: 0,
    reported: -1,
    pending: null,
  });

  const take = ({ data }: Recorded<'TaskReported'>): mesh.TaskSnapshot[] => {
    const update = readUpdate(data.update);
    const before = known.get(data.taskId);
    if (!before && (update.$case !== 'task' || !data.turn)) return [];
    if (before && isTerminal(before.task.status?.state ?? 0)) return [];
    const turn = data.turn ?? before?.turn ?? null;
    // What has no time of its own is news in another turn.
    let status = data.turn && !before?.task.status?.timestamp ? '' : (before?.status ?? '');
    const fresh =
      before && update.$case === 'task' ? differences({ ...digestsOf(before.task), status }, update.value) : [update];
    let task = before?.task;
    let isOver = false;
    for (const one of fresh) {
      const stands = one.$case === 'task' || one.$case === 'statusUpdate' ? one.value.status : undefined;
      isOver ||= stands !== undefined && endsTurn(stands.state);
      if (stands) status = statusDigest(stands);
      task = applyUpdate(task, one);
      updates.push({ taskId: data.taskId, update: one });
    }
    if (!task) return [];
    const after = { task, turn: isOver ? null : turn, data, status };
    known.set(data.taskId, after);
    return [snapshotOf(after)];
  };

  const tail = await log.tail(
    ['mesh.reports'],
    (record) => {
      if (record.type !== 'TaskReported' || seen.has(record.id)) return;
      seen.add(record.id);
      const events = take(record as Recorded<'TaskReported'>).map((data) => ({
        id: newId(),
        type: 'TaskSnapshot' as const,
        source: 'task-state',
        // The memory log partitions by the whole key; all of a conversation is one partition number in the mesh.
        key: record.key,
        time: Date.now(),
        correlationId: record.correlationId,
        causationId: record.id,
        traceparent: '',
        data,
      }));
      last = last.then(() => log.append(events));
    },
    { from: 'beginning', types: ['TaskReported'] },
  );
  return {
    task: (id) => known.get(id)?.task,
    updates,
    isOpen: (id) => known.get(id)?.turn != null,
    close: async () => {
      await tail.close();
      await last;
    },
  };
};
