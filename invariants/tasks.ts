/** What the log says of tasks: their updates one after the other, and their last record. */

import { applyUpdate } from '../services/runtime/a2a/apply-update.ts';
import { artifactDigest, statusDigest } from '../services/runtime/a2a/digests.ts';
import { readUpdate } from '../services/runtime/a2a/json.ts';
import { isTerminal, stateOfName } from '../services/runtime/a2a/states.ts';
import { about, firstOfEach, groupedBy, invariant, type LoggedRecord, type Of, ofTypes } from './reading.ts';

const SUBMITTED = 'TASK_STATE_SUBMITTED';

/** The records of a task, by its id. */
export const updatesOf = (records: readonly LoggedRecord[]): Map<string, Of<'TaskUpdated'>[]> =>
  groupedBy(ofTypes(firstOfEach(records), 'TaskUpdated'), ({ data }) => data.taskId);

/** What a reader has of each task: the record that is last, unless one that was there before is said once more. */
export const lastSnapshots = (records: readonly LoggedRecord[]): Map<string, Of<'TaskSnapshot'>> =>
  new Map(ofTypes(firstOfEach(records), 'TaskSnapshot').map((record) => [record.data.taskId, record]));

export const isEnded = (snapshot: Of<'TaskSnapshot'>): boolean => isTerminal(stateOfName(snapshot.data.state));

/** The updates of a task are 1, 2, 3 and so on; the task comes first, nothing follows its end, and none leads back to its beginning. */
export const updatesNumbered = invariant('updates numbered', function* ({ records }) {
  for (const own of updatesOf(records).values()) {
    let state = '';
    for (const [place, update] of own.entries()) {
      const { sequence, state: next, update: bytes } = update.data;
      if (sequence !== place + 1) {
        yield about(update, `update ${sequence} of a task is at place ${place + 1}`);
        break;
      }
      const said = readUpdate(bytes).$case;
      if ((said === 'task') !== (place === 0)) yield about(update, `update ${sequence} of a task says a ${said}`);
      if (isTerminal(stateOfName(state))) yield about(update, `update ${sequence} comes after ${state}`);
      if (place > 0 && next === SUBMITTED && state !== SUBMITTED) yield about(update, `${state} becomes ${next}`);
      state = next;
    }
  }
});

/** The mesh notes by a mark, or by nothing, that a status came without a time: that one is not compared. */
const isTimed = (digest: string) => /^[0-9a-f]/.test(digest);

function* differing(snapshot: Of<'TaskSnapshot'>, own: readonly Of<'TaskUpdated'>[]) {
  const { sequence, state, status, artifacts } = snapshot.data;
  const task = own.reduce<ReturnType<typeof applyUpdate>>(
    (known, { data }) => applyUpdate(known, readUpdate(data.update)),
    undefined,
  );
  const last = own.at(-1)?.data;
  if (sequence !== (last?.sequence ?? 0))
    yield `its last update is ${last?.sequence ?? 0}, and its record says ${sequence}`;
  else if (task) {
    if (last!.state !== state) yield `its last update says ${last!.state}, and its record ${state}`;
    if (isTimed(status) && statusDigest(task.status!) !== status)
      yield 'its status is another one than its record says';
    const digests = new Map(task.artifacts.map((one) => [one.artifactId, artifactDigest(one)]));
    const isSame =
      digests.size === Object.keys(artifacts).length && [...digests].every(([id, one]) => artifacts[id] === one);
    if (!isSame) yield 'its artifacts are other ones than its record says';
  }
}

/** What folds from a task's updates is what its record says. */
export const tasksFold = invariant('tasks fold', function* ({ records, mayBeOpen }) {
  const updates = updatesOf(records);
  const snapshots = lastSnapshots(records);
  for (const [taskId, snapshot] of snapshots)
    for (const message of differing(snapshot, updates.get(taskId) ?? []))
      if (!mayBeOpen) yield { ...about(snapshot, `of task ${taskId} ${message}`), contextId: snapshot.data.contextId };
  for (const [taskId, [first]] of updates)
    if (!snapshots.has(taskId) && !mayBeOpen) yield about(first!, `task ${taskId} has updates and no record`);
});

/** The report that an update follows from, or the word on an outbox, is of the agent whose task it is. */
export const ownTasksOnly = invariant('own tasks only', function* ({ records }) {
  const events = firstOfEach(records);
  const reports = new Map(
    ofTypes(events, 'TaskReported', 'CallReported', 'SleepReported').map((event) => [event.id, event]),
  );
  const agents = new Map([...lastSnapshots(records)].map(([taskId, { data }]) => [taskId, data.agent]));
  const followed = ofTypes(events, 'TaskUpdated', 'RequestReceived', 'TimerSet');
  for (const event of followed) {
    const report = reports.get(event.causationId);
    if (!report) continue;
    const { agent, taskId } = report.data;
    if (agents.get(taskId) !== agent)
      yield { ...about(event, `${agent} changed a task of ${agents.get(taskId)}`), contextId: report.key };
    if (event.type === 'TaskUpdated' && (event.data.agent !== agent || event.data.taskId !== taskId))
      yield about(event, `a report of ${agent} on ${taskId} changed ${event.data.taskId} of ${event.data.agent}`);
  }
});
