/** Follows one task at its agent until the turn is over: by its stream where the agent streams, else by asking again and again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Task, TaskState } from '@a2a-js/sdk';
import type { Logger } from 'pino';
import type { Update } from '../../runtime/a2a/json.ts';
import { isTerminal } from '../../runtime/a2a/states.ts';
import { derivedId } from '../../runtime/event.ts';
import { Stop } from '../../runtime/outbound/faults.ts';
import type { AgentClient } from './agent-client.ts';
import { CallFailed } from './call-failed.ts';
import type { Followed, Reporter } from './following.ts';
import { artifactsOf, mayBeAsBefore, stateOf, statusUpdate } from './reported.ts';

export interface FollowTimes {
  /** The first wait before an agent is asked again; it doubles. */
  againMs: number;
  maxAgainMs: number;
}

export interface Following {
  followed: Followed;
  reporter: Reporter;
  /** The agent as it can be called now. @throws CallFailed where it can't. */
  client(): Promise<AgentClient>;
  /** Whether the mesh has seen the turn end. */
  isOver(): boolean;
  now(): number;
  logger: Logger;
  /** Aborted: nothing more is read or said. */
  signal: AbortSignal;
}

/** What is already known of the stream and the task when the following begins. */
export interface Begun {
  /** What goes on coming of the call that began the turn. */
  stream: AsyncGenerator<Update> | undefined;
  /** As it was last heard. */
  last: Update | undefined;
  /** Whether the agent has said nothing yet in this turn but, perhaps, how the task was before it: see `mayBeAsBefore`. */
  isUnanswered: boolean;
  /** Whether something may have been said between two streams. */
  joinedLate: boolean;
}

const LOST = 'The agent no longer knows the task.';
const UNREACHABLE = 'The agent could not be reached until the deadline of the task.';

const TOO_LARGE = 'The agent says more of the task than the mesh takes.';

const textOf = (task: Task): string => JSON.stringify(Task.toJSON(task));

/** @throws the signal's reason; what `Reporter.report` throws but `Stop`. */
export const followTask = async (following: Following, begun: Begun, times: FollowTimes): Promise<void> => {
  const { followed, reporter, logger, signal } = following;
  const { remote, turn, taskId, agent } = followed;
  let { stream, isUnanswered, joinedLate } = begun;
  let state = begun.last && stateOf(begun.last);
  let known = begun.last?.$case === 'task' ? textOf(begun.last.value) : undefined;
  /** Waits as it did before; it is the answer where nothing else comes. */
  let held = isUnanswered && begun.last?.$case === 'task' ? begun.last.value : undefined;
  let doesStream = true;
  let wait = times.againMs;
  let said = '';

  const end = (text: string) =>
    reporter.report([
      statusUpdate(
        followed,
        TaskState.TASK_STATE_FAILED,
        text,
        derivedId(turn.requestId, 'edge-a2a', 'failed', text),
        following.now(),
      ),
    ]);

  /** What can't be said is passed over, and found again in the task when it is asked for as a whole. */
  const report = async (update: Update) => {
    try {
      await reporter.report([update]);
    } catch (error) {
      if (!(error instanceof Stop)) throw error;
      logger.warn({ agent, task: taskId, why: error.message }, 'an update of an agent was passed over');
      joinedLate = true;
      return;
    }
    state = stateOf(update) ?? state;
    if (update.$case !== 'artifactUpdate') {
      isUnanswered = false;
      held = undefined;
    }
    wait = times.againMs;
  };

  const takeTask = async (task: Task) => {
    const update: Update = { $case: 'task', value: task };
    const text = textOf(task);
    if (!reporter.isOurs(update) || text === known) return;
    known = text;
    if (!isUnanswered || !mayBeAsBefore(task.status)) return report(update);
    held = task;
    for (const one of artifactsOf(task)) await report(one);
  };

  /** Its artifacts are said, and may have grown since. */
  const takeHeld = async () => {
    if (held) await report({ $case: 'task', value: { ...held, artifacts: [] } });
  };

  const take = async (update: Update) => {
    if (!reporter.isOurs(update)) return;
    if (update.$case === 'task') return takeTask(update.value);
    const ends = stateOf(update);
    // Where something may have been missed, or heard twice, the whole task puts it right before nothing can be said any more.
    if (joinedLate && ends !== undefined && isTerminal(ends)) {
      const whole = await (await following.client()).get(remote.taskId, signal).catch((error: unknown) => {
        signal.throwIfAborted();
        logger.info({ err: error, agent, task: taskId }, 'a task could not be compared at its end');
        return undefined;
      });
      if (whole?.status && isTerminal(whole.status.state)) await takeTask(whole);
      if (isEnded()) return;
    }
    await report(update);
  };

  const isEnded = () => state !== undefined && isTerminal(state);

  const read = async (updates: AsyncGenerator<Update>) => {
    for await (const update of updates) {
      await take(update);
      if (isEnded()) return;
    }
  };

  const ask = async (): Promise<void> => {
    if (stream) {
      await read(stream);
      if (held && (await following.client()).streams) await takeHeld();
      return;
    }
    const client = await following.client();
    await takeTask(await client.get(remote.taskId, signal));
    // An agent that does not stream may take its time before it goes on.
    if (wait >= times.maxAgainMs) await takeHeld();
    if (isEnded() || !client.streams || !doesStream) return;
    joinedLate = true;
    try {
      await read(client.subscribe(remote.taskId, signal));
      await takeHeld();
    } catch (error) {
      // An agent that streams, but not again, or a task that has just ended: it is asked for as a whole from now on.
      if (!(error instanceof CallFailed) || error.fault.failure.reason !== 'REQUEST_REFUSED') throw error;
      doesStream = false;
      await takeTask(await client.get(remote.taskId, signal));
    }
  };

  /** @returns how it went wrong. */
  const round = async (): Promise<CallFailed | undefined> => {
    try {
      await ask();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof CallFailed)) throw error;
      // Once for as long as nothing changes: an agent may be away for days.
      if (error.message !== said) logger.info({ agent, task: taskId, why: error.message }, 'a task is asked for again');
      said = error.message;
      return error;
    } finally {
      stream = undefined;
    }
  };

  let wasTooLarge = false;
  while (!isEnded()) {
    const failed = await round();
    if (isEnded()) return;
    // An event that is too large may be one of many; a task that is will not become smaller.
    const isTooLarge = failed?.fault.failure.reason === 'RESPONSE_TOO_LARGE';
    if (isTooLarge && wasTooLarge) return end(TOO_LARGE);
    wasTooLarge = isTooLarge;
    if (failed?.reason === 'TASK_NOT_FOUND') return end(LOST);
    if (failed && following.now() >= turn.deadline) return end(UNREACHABLE);
    await sleep(wait, undefined, { signal }).catch(() => {});
    signal.throwIfAborted();
    if (following.isOver()) return;
    wait = Math.min(wait * 2, times.maxAgainMs);
  }
};
