/** Cancels tasks at their agents. An agent that does not answer does not keep its task alive in the mesh. */

import { setTimeout as sleep } from 'node:timers/promises';
import { type Task, TaskState } from '@a2a-js/sdk';
import type * as mesh from '../../../schemas/generated.ts';
import type { Update } from '../../runtime/a2a/json.ts';
import { isTerminal } from '../../runtime/a2a/states.ts';
import { derivedId } from '../../runtime/event.ts';
import type { Log, Recorded } from '../../runtime/log.ts';
import { Stop } from '../../runtime/outbound/faults.ts';
import type { Tenure } from '../../runtime/outbound/tenures.ts';
import type { AgentClient } from './agent-client.ts';
import type { Agents } from './agents.ts';
import { CallFailed } from './call-failed.ts';
import type { Followers } from './followers.ts';
import { createReporter, type Followed } from './following.ts';
import type { OpenTasks } from './open-tasks.ts';
import { stateOf, statusUpdate } from './reported.ts';

export interface CancelTimes {
  /** How long an agent may take to answer. */
  answerMs: number;
  /** How long a task may take to become known here: its record comes by another way than what was said of it. */
  knownMs: number;
}

type Cancel = Recorded<'TaskCancelRequested'>;

const KNOWN_EVERY_MS = 25;
const LOOK_AGAIN_MS = 250;
const UNCONFIRMED = 'The task was cancelled. The agent did not confirm it.';

/** The agent says that it will not: the task goes on. */
const isRefusal = ({ reason, fault }: CallFailed) =>
  reason !== 'TASK_NOT_FOUND' && fault.failure.reason === 'REQUEST_REFUSED';

/** The task as its agent has it; undefined where it does not show it in time. */
const look = async (
  client: AgentClient,
  { taskId }: mesh.RemoteTask,
  signal: AbortSignal,
): Promise<Task | undefined> => {
  for (;;) {
    try {
      return await client.get(taskId, signal);
    } catch (error) {
      // A server that fails may be about to come back; what the agent itself says is its last word.
      if (signal.aborted || !(error instanceof CallFailed) || error.reason !== '') return undefined;
    }
    await sleep(LOOK_AGAIN_MS, undefined, { signal }).catch(() => {});
  }
};

interface Known {
  remote: mesh.RemoteTask;
  /** As far as reports need it; undefined where nothing can be said about it any more. */
  followed: Followed | undefined;
}

export const createCancellations = (
  { agents, followers, tasks }: { agents: Agents; followers: Followers; tasks: OpenTasks },
  times: CancelTimes,
) => {
  const underWay = new Map<string, { tenure: Tenure; done: Promise<void> }>();

  const find = ({ data, key, id }: Cancel): Known | undefined => {
    const { taskId, agent } = data;
    const open = tasks.of(taskId);
    const following = followers.of(taskId);
    const remote = following?.remote ?? tasks.remoteOf(taskId)?.remote;
    if (!remote) return undefined;
    if (!open && !following) return { remote, followed: undefined };
    const turn = open?.turn ?? following?.turn ?? { requestId: id, deadline: 0 };
    const parentTaskId = open?.parentTaskId ?? following?.parentTaskId ?? '';
    const ids = { taskId, contextId: key, agent, parentTaskId, remote };
    return { remote, followed: { ...ids, turn, isNew: false, causationId: id, traceparent: '' } };
  };

  const untilKnown = async (cancel: Cancel, { signal, context }: Tenure): Promise<Known | undefined> => {
    const until = context.now() + times.knownMs;
    for (;;) {
      const known = find(cancel);
      if (known || context.now() >= until) return known;
      await sleep(KNOWN_EVERY_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  };

  const ask = async (
    agent: string,
    { remote }: Known,
    signal: AbortSignal,
  ): Promise<Update | 'refused' | undefined> => {
    const tooLate = new AbortController();
    const timer = setTimeout(() => tooLate.abort(new Stop('FIRST_BYTE_TIMEOUT', 'too late')), times.answerMs);
    try {
      const client = await agents.clientOf(agent);
      const within = AbortSignal.any([signal, tooLate.signal]);
      const task = await client.cancel(remote.taskId, within).catch(async (error: unknown) => {
        if (!(error instanceof CallFailed) || !isRefusal(error)) throw error;
        // It may have ended there, and nobody have heard of it.
        const whole = await look(client, remote, within);
        return whole?.status && isTerminal(whole.status.state) ? whole : undefined;
      });
      return task ? { $case: 'task', value: task } : 'refused';
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof CallFailed)) throw error;
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  };

  const perform = async (cancel: Cancel, tenure: Tenure): Promise<void> => {
    const { taskId, agent } = cancel.data;
    if (!agents.connectionOf(agent)) return;
    const { logger } = tenure.context;
    const known = await untilKnown(cancel, tenure);
    if (!known) return logger.info({ agent, task: taskId }, 'a task that is to be cancelled is not known');
    await tenure.untilOurs();
    const answer = await ask(agent, known, tenure.signal);
    if (answer === 'refused') return logger.info({ agent, task: taskId }, 'an agent does not cancel its task');
    const { followed } = known;
    // What it said meanwhile may have ended the task.
    if (!followed || (!tasks.of(taskId) && !followers.of(taskId))) return;
    const reporter = createReporter(followed, tenure, agents.secretsOf(agent), logger);
    const messageId = derivedId(cancel.id, 'edge-a2a', 'cancelled');
    const unconfirmed = () =>
      statusUpdate(followed, TaskState.TASK_STATE_CANCELED, UNCONFIRMED, messageId, tenure.context.now());
    const update = answer && reporter.isOurs(answer) ? answer : unconfirmed();
    try {
      await reporter.report([update]);
    } catch (error) {
      if (!(error instanceof Stop)) throw error;
      await reporter.report([unconfirmed()]);
    }
    if (isTerminal(stateOf(update) ?? TaskState.TASK_STATE_UNSPECIFIED)) followers.end(taskId);
  };

  /** Cancels the task unless that is under way: what an earlier tenure began may never be said. Never throws. */
  const begin = (cancel: Cancel, tenure: Tenure): void => {
    const { taskId } = cancel.data;
    const going = underWay.get(taskId);
    if (tenure.signal.aborted || (going && !going.tenure.signal.aborted)) return;
    const done = perform(cancel, tenure)
      .catch((error: unknown) => {
        if (!tenure.signal.aborted)
          tenure.context.logger.error({ err: error, task: taskId }, 'a task could not be cancelled');
      })
      .finally(() => {
        if (underWay.get(taskId)?.tenure === tenure) underWay.delete(taskId);
      });
    underWay.set(taskId, { tenure, done });
  };

  return {
    begin,
    /** Resolves once none is under way. */
    idle: async (): Promise<void> => {
      await Promise.all([...underWay.values()].map(({ done }) => done));
    },
  };
};

/** Cancellations that came while nobody owned these partitions. */
export const recallCancellations = async (
  log: Log,
  partitions: readonly number[],
  since: number,
  see: (cancel: Cancel) => void,
): Promise<void> => {
  const tail = await log.tail(
    ['mesh.cancellations'],
    (record) => {
      if (record.type === 'TaskCancelRequested') see(record as Cancel);
    },
    { from: { time: since }, partitions, types: ['TaskCancelRequested'] },
  );
  await tail.caughtUp;
  await tail.close();
};
