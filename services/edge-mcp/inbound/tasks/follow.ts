/** Tasks as this replica knows them: those in flight by what it hears, others by what the log says. */
import type { Logger } from 'pino';
import type { Asker } from '../../../runtime/ask.ts';
import { RuntimeError } from '../../../runtime/errors.ts';
import type { Log, Recorded } from '../../../runtime/log.ts';
import { MAX_TIMER_MS } from '../../../runtime/times.ts';
import { type HeardEvent, heardTopics, heardTypes } from '../events.ts';
import { evolve, GRACE_MS, newTask, type TaskState, withAnswer } from './task.ts';
import type { TaskRef } from './task-id.ts';

/** Clocks of brokers and edges differ. */
const SLACK_MS = 60_000;
/** How long the log may take to say what came of a task. */
const READ_MS = 30_000;
/** What is kept here of tasks that have ended: others are read again. */
const KEPT_BYTES = 64 * 1024 * 1024;

export type WordDenial = (denial: Recorded<'RequestDenied'>['data']) => Error;

interface Followed {
  ref: TaskRef;
  state: TaskState;
  /** Resolves once it is as the log says; undefined: of what was said before it was followed nothing is known. */
  known: Promise<void> | undefined;
  wordDenial: WordDenial;
  /** Told of each state from here on, and when it is followed no more. */
  watchers: Set<(state: TaskState) => void>;
  /** Nobody follows it any more. */
  end(): void;
}

export interface Following {
  /**
   * Follows a request from before it is stated here.
   * @param isUnderKey another replica may have stated it too, and before. @param ended called once, when it is followed no more.
   */
  begin(
    ref: TaskRef,
    isUnderKey: boolean,
    wordDenial: WordDenial,
    ended: () => void,
  ): { state(): TaskState; end(): void };
  /** As the log has it. @throws PARLEY_LOG_UNAVAILABLE */
  find(ref: TaskRef, wordDenial: WordDenial): Promise<TaskState>;
  /** As `find`, of a task of which the log may know what was not heard here yet. */
  findAgain(ref: TaskRef, wordDenial: WordDenial): Promise<TaskState>;
  /** That a question has its answer, before it is heard from the log. @param time milliseconds since the epoch. */
  answered(ref: TaskRef, inputId: string, time: number): void;
  /** Tells of its state as the log has it, and of each after that. @returns what ends that. @throws PARLEY_LOG_UNAVAILABLE */
  watch(ref: TaskRef, wordDenial: WordDenial, tell: (state: TaskState) => void): Promise<() => void>;
  close(): void;
}

export const followTasks = (
  log: Log,
  asker: Asker<(typeof heardTypes)[number]>,
  logger: Logger,
  now: () => number,
): Following => {
  const open = new Map<string, Followed>();
  const ended = new Map<string, { state: TaskState; bytes: number }>();
  let keptBytes = 0;

  const keep = (request: string, state: TaskState, bytes: number) => {
    if (ended.has(request)) return;
    ended.set(request, { state, bytes });
    keptBytes += bytes;
    for (const [oldest, { bytes: size }] of ended) {
      if (keptBytes <= KEPT_BYTES) break;
      ended.delete(oldest);
      keptBytes -= size;
    }
  };

  const tellWatchers = ({ watchers, state }: Followed) => {
    for (const tell of watchers) tell(state);
  };

  const hear = (one: Followed, event: HeardEvent) => {
    if (event.key !== one.ref.contextId || one.state.end) return;
    try {
      one.state = evolve(one.state, event, one.wordDenial);
    } catch (error) {
      logger.error({ err: error, request: one.ref.request, type: event.type }, 'an event of a task was passed over');
    }
    if (!one.state.end) return tellWatchers(one);
    keep(one.ref.request, one.state, event.value.length);
    one.end();
  };

  const follow = (ref: TaskRef, wordDenial: WordDenial, told: () => void): Followed => {
    const over = new AbortController();
    const end = () => {
      if (over.signal.aborted) return;
      over.abort();
      clearTimeout(timer);
      if (open.get(ref.request) === one) open.delete(ref.request);
      tellWatchers(one);
      told();
    };
    const one: Followed = { ref, state: newTask(ref), known: undefined, wordDenial, watchers: new Set(), end };
    // Then it is late by any clock of this process.
    const left = ref.deadline + GRACE_MS + 1_000 - now();
    const timer = setTimeout(end, Math.max(0, Math.min(left, MAX_TIMER_MS))).unref();
    open.set(ref.request, one);
    const listen = async () => {
      for await (const event of asker.listen(ref.request, over.signal)) hear(one, event);
    };
    listen().catch(() => {});
    return one;
  };

  const readPast = async (one: Followed): Promise<void> => {
    const { request, contextId, begun } = one.ref;
    const tail = await log.tail(
      heardTopics,
      (record) => {
        if (record.correlationId === request) hear(one, record as HeardEvent);
      },
      { from: { time: begun - SLACK_MS }, partitions: [log.partitionOf(contextId)], types: heardTypes },
    );
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error('too late')), READ_MS);
    try {
      await Promise.race([tail.caughtUp, late.promise]);
    } finally {
      clearTimeout(timer);
      void tail.close().catch(() => {});
    }
  };

  const find = async (ref: TaskRef, wordDenial: WordDenial, again: boolean): Promise<TaskState> => {
    const kept = ended.get(ref.request);
    if (kept) return kept.state;
    const here = open.get(ref.request);
    const one = here ?? follow(ref, wordDenial, () => {});
    if (again || !one.known) one.known = readPast(one);
    try {
      await one.known;
    } catch (error) {
      one.known = undefined;
      if (!here) one.end();
      throw new RuntimeError('PARLEY_LOG_UNAVAILABLE', 'the log cannot be read', error);
    }
    return one.state;
  };

  return {
    begin: (ref, isUnderKey, wordDenial, told) => {
      const one = follow(ref, wordDenial, told);
      if (!isUnderKey) one.known = Promise.resolve();
      return { state: () => one.state, end: one.end };
    },
    find: (ref, wordDenial) => find(ref, wordDenial, false),
    findAgain: (ref, wordDenial) => find(ref, wordDenial, true),
    watch: async (ref, wordDenial, tell) => {
      const state = await find(ref, wordDenial, false);
      const one = open.get(ref.request);
      tell(state);
      one?.watchers.add(tell);
      return () => one?.watchers.delete(tell);
    },
    answered: ({ request }, inputId, time) => {
      const one = open.get(request);
      if (!one) return;
      one.state = withAnswer(one.state, inputId, time);
      tellWatchers(one);
    },
    close: () => {
      for (const one of [...open.values()]) one.end();
    },
  };
};
