/** The tasks that this instance follows: one follower a task, for as long as the partition is its own. */
import type { Logger } from 'pino';
import { isInterrupted, stateOfName } from '../../runtime/a2a/states.ts';
import { Abandoned } from '../../runtime/outbound/faults.ts';
import type { Tenure } from '../../runtime/outbound/tenures.ts';
import { RecentIds } from '../../runtime/recent-ids.ts';
import type { Agents } from './agents.ts';
import { type Begun, type FollowTimes, followTask } from './follow-task.ts';
import { createReporter, type Followed, type Reporter } from './following.ts';
import type { OpenTask } from './open-tasks.ts';

interface Follower {
  followed: Followed;
  controller: AbortController;
  tenure: Tenure;
  /** Whether a snapshot has shown the turn open. */
  seenOpen: boolean;
  isOver: boolean;
  done: Promise<void>;
}

/** What a follower goes on from: see `Begun`. */
export interface From extends Begun {
  reporter: Reporter;
  /** Ends the call whose stream it goes on with. */
  call?: AbortController;
}

export interface Followers {
  /** Follows a task from here on. */
  begin(followed: Followed, tenure: Tenure, from: From): void;
  /** Follows a task whose turn is open from what the agent says of it now, unless it is followed. */
  ensure(task: OpenTask, tenure: Tenure): void;
  /** While a message is under way the task is not read. @returns what was followed. */
  hold(taskId: string): Promise<Followed | undefined>;
  /** Goes on with what was held, unless the task is followed: once more, or for as long as its turn is open. */
  resume(followed: Followed, tenure: Tenure, isOver: boolean): void;
  release(taskId: string): void;
  /** Ends the following for good: the task has ended here. */
  end(taskId: string): void;
  /** Told how a task stands in the log. */
  see(task: OpenTask, isOpen: boolean): void;
  of(taskId: string): Followed | undefined;
  /** Resolves once none is left; those that are there are abandoned. */
  close(): Promise<void>;
}

const RELEASED = 'the task is followed by another call';

export const createFollowers = (
  { clientOf, secretsOf }: Pick<Agents, 'clientOf' | 'secretsOf'>,
  times: FollowTimes,
  now: () => number,
  logger: Logger,
): Followers => {
  const followers = new Map<string, Follower>();
  /** Requests whose turn was followed to its end: a snapshot that comes late begins nothing. */
  const ended = new RecentIds();
  const held = new Map<string, number>();

  const begin = (followed: Followed, tenure: Tenure, { reporter, call, ...begun }: From) => {
    const controller = new AbortController();
    const follow = () => controller.abort(tenure.signal.reason);
    if (tenure.signal.aborted) follow();
    tenure.signal.addEventListener('abort', follow, { once: true });
    const { signal } = controller;
    signal.addEventListener('abort', () => call?.abort(signal.reason), { once: true });
    if (signal.aborted) call?.abort(signal.reason);
    const follower: Follower = {
      followed,
      controller,
      tenure,
      seenOpen: false,
      isOver: false,
      done: Promise.resolve(),
    };
    const run = async () => {
      const following = {
        followed,
        reporter,
        client: () => clientOf(followed.agent),
        isOver: () => follower.isOver,
        now,
        logger,
        signal,
      };
      await followTask(following, begun, times);
      ended.add(followed.turn.requestId);
    };
    followers.set(followed.taskId, follower);
    follower.done = run()
      .catch((error: unknown) => {
        if (signal.aborted || error instanceof Abandoned) return;
        logger.error({ err: error, agent: followed.agent, task: followed.taskId }, 'a task is no longer followed');
      })
      .finally(() => {
        tenure.signal.removeEventListener('abort', follow);
        // Whatever it still reads ends with it.
        controller.abort(new Abandoned(RELEASED));
        if (followers.get(followed.taskId) === follower) followers.delete(followed.taskId);
      });
  };

  const ensure = (task: OpenTask, tenure: Tenure) => {
    const { taskId, contextId, agent, parentTaskId, state, turn, remote } = task;
    const known = followers.get(taskId);
    if (known && !known.controller.signal.aborted) return;
    if (!turn || !remote || held.has(taskId) || ended.has(turn.requestId) || tenure.signal.aborted) return;
    const followed: Followed = {
      taskId,
      contextId,
      agent,
      parentTaskId,
      remote,
      turn,
      isNew: false,
      causationId: turn.requestId,
      traceparent: '',
    };
    const reporter = createReporter(followed, tenure, secretsOf(agent), logger);
    // A turn that is open on a task that waits has no answer yet.
    const isUnanswered = isInterrupted(stateOfName(state));
    begin(followed, tenure, { reporter, stream: undefined, last: undefined, isUnanswered, joinedLate: true });
    const follower = followers.get(taskId);
    if (follower) follower.seenOpen = true;
  };

  const resume = (followed: Followed, tenure: Tenure, isOver: boolean) => {
    const { taskId, agent } = followed;
    if (followers.has(taskId) || held.has(taskId) || tenure.signal.aborted) return;
    const reporter = createReporter(followed, tenure, secretsOf(agent), logger);
    begin(followed, tenure, { reporter, stream: undefined, last: undefined, isUnanswered: false, joinedLate: true });
    const follower = followers.get(taskId);
    if (follower) Object.assign(follower, { seenOpen: true, isOver });
  };

  const stop = async (taskId: string) => {
    const follower = followers.get(taskId);
    follower?.controller.abort(new Abandoned(RELEASED));
    await follower?.done;
    return follower?.followed;
  };

  return {
    begin,
    ensure,
    resume,
    hold: (taskId) => {
      held.set(taskId, (held.get(taskId) ?? 0) + 1);
      return stop(taskId);
    },
    release: (taskId) => {
      const left = (held.get(taskId) ?? 1) - 1;
      if (left > 0) held.set(taskId, left);
      else held.delete(taskId);
    },
    end: (taskId) => {
      const follower = followers.get(taskId);
      if (follower) ended.add(follower.followed.turn.requestId);
      void stop(taskId);
    },
    see: ({ taskId, turn }, isOpen) => {
      const follower = followers.get(taskId);
      if (!follower) return;
      const { followed } = follower;
      const isOurs = turn?.requestId === followed.turn.requestId;
      follower.seenOpen ||= isOurs;
      follower.isOver = !isOpen || (!isOurs && (follower.seenOpen || followed.isNew));
      // Of a task that has ended nothing more can be said.
      if (!isOpen) {
        ended.add(followed.turn.requestId);
        follower.controller.abort(new Abandoned('the task has ended'));
      }
    },
    of: (taskId) => followers.get(taskId)?.followed,
    close: async () => {
      const all = [...followers.values()];
      for (const { controller } of all) controller.abort(new Abandoned('the edge has stopped'));
      await Promise.all(all.map(({ done }) => done));
    },
  };
};
