import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import type { TaskSnapshot } from '../../schemas/generated.ts';
import { isTerminal, stateOfName } from '../../services/runtime/a2a/states.ts';
import { newId } from '../../services/runtime/event.ts';
import type { Event, Log } from '../../services/runtime/log.ts';
import { wordOfState } from '../a2a-text.ts';
import { withLog } from '../connect.ts';
import { plain } from '../text.ts';
import { findTask } from './snapshots.ts';

const ENDED_WITHIN_MS = 15_000;

const hasEnded = ({ state }: Pick<TaskSnapshot, 'state'>) => isTerminal(stateOfName(state));

/** @param person who is accountable for it. */
export const cancellation = (
  { taskId, agent, contextId, subject }: TaskSnapshot,
  person: string,
  reason: string,
  time: number,
): Event<'TaskCancelRequested'> => ({
  id: newId(time),
  type: 'TaskCancelRequested',
  source: 'cli',
  key: contextId,
  time,
  correlationId: taskId,
  causationId: '',
  traceparent: '',
  data: {
    taskId,
    agent,
    subject: { tenant: subject.tenant, unit: '', agent: 'operator', person, credential: '', actors: [] },
    reason,
  },
});

/** States it, and waits a moment for the task to end. @returns the task's state then. */
export const cancel = async (log: Log, task: TaskSnapshot, event: Event, withinMs = ENDED_WITHIN_MS) => {
  let { state } = task;
  const waiting = new AbortController();
  const tail = await log.tail(
    ['mesh.tasks'],
    (record) => {
      if (record.type !== 'TaskSnapshot' || record.data.taskId !== task.taskId) return;
      state = record.data.state;
      if (hasEnded(record.data)) waiting.abort();
    },
    { from: 'end', partitions: [log.partitionOf(task.contextId)], types: ['TaskSnapshot'] },
  );
  await log.append([event]);
  await sleep(withinMs, undefined, { signal: waiting.signal }).catch(() => {});
  await tail.close();
  return state;
};

export const cancelCommand = new Command('cancel')
  .description('end a task, and those that its agent began in the course of it')
  .argument('<task>', 'its id, or the end of it')
  .requiredOption('--person <person>', 'who is accountable for it: it is on record')
  .option('--reason <text>', 'why, for the record and the agent', 'cancelled by an operator')
  .addHelpText(
    'after',
    '\nExample:\n  parley tasks cancel 0199f3c2-7b1e-7c50-8f1d-2f6f0e1a9b3c --person lead@example.com',
  )
  .action(async (id: string, { person, reason }: { person: string; reason: string }) => {
    await withLog(
      async (log) => {
        const task = await findTask(log, id);
        if (hasEnded(task)) throw new Error(`task ${task.taskId} has ended: ${wordOfState(task.state)}`);
        const state = await cancel(log, task, cancellation(task, person, reason, Date.now()));
        console.log(`Task ${plain(task.taskId)} of ${plain(task.agent)}: ${wordOfState(state)}`);
        if (!hasEnded({ state })) throw new Error('it has not ended yet: its agent is told, and may take its time');
      },
      ['TaskCancelRequested'],
    );
  });
