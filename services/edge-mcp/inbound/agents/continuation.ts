/**
 * An agent that asks back ends the call; the next one answers it, at any replica. What joins the two is sealed: it says whose
 * the task is, and since when it waits, as nobody is to have the mesh read its log from any time on.
 */
import { type Task, TaskState } from '@a2a-js/sdk';
import { z } from 'zod';
import { isInterrupted, stateOfName } from '../../../runtime/a2a/states.ts';
import type { Caller } from '../../../runtime/edge/callers.ts';
import { RuntimeError } from '../../../runtime/errors.ts';
import type { Log } from '../../../runtime/log.ts';
import type { Signing } from '../../../runtime/signing.ts';

/** Clocks of brokers and edges differ. */
const SLACK_MS = 60_000;
/** How long the log may take to say what became of a task since. */
const READ_MS = 15_000;

/** A task that waits for who asked for it. */
export interface Waiting {
  taskId: string;
  contextId: string;
  /** Since when, milliseconds since the epoch. */
  since: number;
}

const text = z.string();
const ticket = z.tuple([text, text, z.number(), text, text, text]);

const whose = ({ credential: { subject } }: Caller, agent: string) => [subject.tenant, subject.agent, agent] as const;

/** @param agent whose task it is. */
export const sealWaiting = async (
  signing: Pick<Signing, 'seal'>,
  { taskId, contextId, since }: Waiting,
  caller: Caller,
  agent: string,
): Promise<string> => {
  const said: z.infer<typeof ticket> = [taskId, contextId, since, ...whose(caller, agent)];
  return (await signing.seal(Buffer.from(JSON.stringify(said)))).toString('latin1');
};

/** Undefined where the mesh gave the caller no such thing for a task of this agent. */
export const openWaiting = async (
  signing: Pick<Signing, 'open'>,
  continuation: string,
  caller: Caller,
  agent: string,
): Promise<Waiting | undefined> => {
  try {
    const opened = JSON.parse((await signing.open(Buffer.from(continuation, 'latin1'))).toString());
    const [taskId, contextId, since, ...theirs] = ticket.parse(opened);
    return String(theirs) === String(whose(caller, agent)) ? { taskId, contextId, since } : undefined;
  } catch {
    return undefined;
  }
};

/** The state of the task by now, as the log has it. @throws PARLEY_LOG_UNAVAILABLE */
const stateNow = async (log: Log, { taskId, contextId, since }: Waiting): Promise<TaskState> => {
  let [state, last] = [TaskState.TASK_STATE_UNSPECIFIED, 0];
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error('too late')), READ_MS);
  const opening = log.tail(
    ['mesh.task-updates'],
    (record) => {
      if (record.type !== 'TaskUpdated' || record.data.taskId !== taskId || record.data.sequence <= last) return;
      last = record.data.sequence;
      state = stateOfName(record.data.state);
    },
    { from: { time: since - SLACK_MS }, partitions: [log.partitionOf(contextId)], types: ['TaskUpdated'] },
  );
  try {
    await Promise.race([opening.then(({ caughtUp }) => caughtUp), late.promise]);
    return state;
  } catch (error) {
    throw new RuntimeError('PARLEY_LOG_UNAVAILABLE', 'the log cannot be read', error);
  } finally {
    clearTimeout(timer);
    void opening.then((tail) => tail.close()).catch(() => {});
  }
};

/** The task that an answer is for, at work again. Undefined where it waits no more. @throws PARLEY_LOG_UNAVAILABLE */
export const takeUp = async (log: Log, waiting: Waiting): Promise<Task | undefined> => {
  const { taskId: id, contextId } = waiting;
  if (!isInterrupted(await stateNow(log, waiting))) return undefined;
  const status = { state: TaskState.TASK_STATE_WORKING, message: undefined, timestamp: undefined };
  return { id, contextId, status, artifacts: [], history: [], metadata: undefined };
};
