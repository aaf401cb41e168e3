/** Who follows which task or request, and what waits for them. */
import type { Update } from '../../runtime/a2a/json.ts';
import type { KnownTask } from './tasks.ts';

/** One TaskUpdated, as the view has taken it in. */
export interface TaskChange {
  requestId: string;
  update: Update;
  /** The task after it. */
  known: KnownTask;
  /** Of the update. */
  bytes: number;
}

/** What waits for one follower at most; one that is further behind is ended. */
export interface Backlog {
  changes: number;
  bytes: number;
}

export const defaultBacklog: Backlog = { changes: 2_000, bytes: 16 * 1024 * 1024 };

/** A follower that does not take in what it follows. It can follow again from where the task is then. */
export class TooSlow extends Error {
  constructor(waiting: number) {
    super(`The reader is too slow: ${waiting} updates were waiting for it. Subscribe to the task again.`);
  }
}

/** Told at once: who is busy writing does not ask for the next change. */
export type OnTooSlow = (error: TooSlow) => void;

interface Follower {
  push(change: TaskChange): void;
}

const follower = (backlog: Backlog, tooSlow: (error: TooSlow) => void) => {
  let waiting: TaskChange[] = [];
  let bytes = 0;
  let failure: TooSlow | undefined;
  let wake = () => {};
  return {
    push: (change: TaskChange) => {
      if (failure) return;
      waiting.push(change);
      bytes += change.bytes;
      if (waiting.length > backlog.changes || bytes > backlog.bytes) {
        failure = new TooSlow(waiting.length);
        waiting = [];
        tooSlow(failure);
      }
      wake();
    },
    /** The next change; undefined once `signal` is aborted. @throws TooSlow */
    next: async (signal: AbortSignal): Promise<TaskChange | undefined> => {
      for (;;) {
        if (failure) throw failure;
        if (signal.aborted) return undefined;
        const change = waiting.shift();
        if (change) {
          bytes -= change.bytes;
          return change;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
      }
    },
  };
};

/** Followers by the id of what they follow. */
const index = () => {
  const byId = new Map<string, Set<Follower>>();
  return {
    of: (id: string): Iterable<Follower> => byId.get(id) ?? [],
    add: (id: string, one: Follower) => {
      const all = byId.get(id) ?? new Set();
      byId.set(id, all.add(one));
      return () => {
        all.delete(one);
        if (all.size === 0) byId.delete(id);
      };
    },
  };
};

/** What follows from one task or request; ends with the signal. Has to be iterated, or `return`ed. */
export type Changes = AsyncGenerator<TaskChange, void, undefined>;

export const createChanges = (backlog: Backlog = defaultBacklog) => {
  const byTask = index();
  const byRequest = index();

  const follow = (where: ReturnType<typeof index>, id: string, signal: AbortSignal, tooSlow: OnTooSlow): Changes => {
    const one = follower(backlog, tooSlow);
    // Listens from now on, not from when it is first asked.
    const leave = where.add(id, one);
    const ended = new AbortController();
    const either = AbortSignal.any([signal, ended.signal]);
    signal.addEventListener('abort', leave, { once: true });
    const finish = () => {
      leave();
      signal.removeEventListener('abort', leave);
      ended.abort();
    };
    return {
      next: async () => {
        try {
          const value = await one.next(either);
          return value ? { done: false, value } : { done: true, value: undefined };
        } catch (error) {
          finish();
          throw error;
        }
      },
      return: async () => {
        finish();
        return { done: true, value: undefined };
      },
      throw: async (error) => {
        finish();
        throw error;
      },
      [Symbol.asyncIterator]() {
        return this;
      },
      [Symbol.asyncDispose]: async () => finish(),
    };
  };

  return {
    publish: (change: TaskChange): void => {
      for (const one of byTask.of(change.known.task.id)) one.push(change);
      for (const one of byRequest.of(change.requestId)) one.push(change);
    },
    ofTask: (taskId: string, signal: AbortSignal, tooSlow: OnTooSlow = () => {}): Changes =>
      follow(byTask, taskId, signal, tooSlow),
    ofRequest: (requestId: string, signal: AbortSignal, tooSlow: OnTooSlow = () => {}): Changes =>
      follow(byRequest, requestId, signal, tooSlow),
  };
};
