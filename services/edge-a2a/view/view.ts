/**
 * All tasks of the mesh as one instance knows them: folded from mesh.task-updates into SQLite, whole again from the log when
 * that is lost. Who follows a task hears every update once, in order, from the state that it was given.
 */
import type { Logger } from 'pino';
import type { AnyRecorded, Log, Tail, TailOptions } from '../../runtime/log.ts';
import { type Backlog, type Changes, createChanges, type OnTooSlow, type TaskChange } from './changes.ts';
import { empty, openDatabase } from './database.ts';
import { takeIn } from './take-in.ts';
import { createTasks, type KnownTask, type Position, type TaskPage, type TaskQuery } from './tasks.ts';

const TOPIC = 'mesh.task-updates';
/** So much is committed together: a task that is being streamed is written to disk once in a while, not once an update. */
const COMMIT_MS = 100;
const COMMIT_CHANGES = 2_000;
/** Where the log is read again from after a restart: before the last commit, by more than clocks differ and records wait. */
const OVERLAP_MS = 15 * 60_000;
/** How long a task may be new elsewhere and not known here. */
const NEWS_MS = 1_000;
/** Ids of tasks are UUIDv7: one that was made longer ago is known, or is none. */
const NEW_MS = 60_000;

export interface View {
  /** What is known of it now. */
  peek(taskId: string): KnownTask | undefined;
  /** As `peek`; of a task that may just have been made by another instance it waits a second to hear. */
  get(taskId: string, signal: AbortSignal): Promise<KnownTask | undefined>;
  list(query: TaskQuery): TaskPage;
  /** The task as it is, and every change after that. Both are taken at the same instant. @throws TooSlow while iterating */
  follow(taskId: string, signal: AbortSignal, tooSlow?: OnTooSlow): { known: KnownTask | undefined; changes: Changes };
  /** The changes from now on that belong to a request. @throws TooSlow while iterating */
  hear(requestId: string, signal: AbortSignal, tooSlow?: OnTooSlow): Changes;
  /** Resolves when everything that was in the log at the start is known. */
  caughtUp: Promise<void>;
  close(): Promise<void>;
}

export interface ViewOptions {
  log: Log;
  logger: Logger;
  /** Undefined: in memory. */
  dataDir: string | undefined;
  now(): number;
  backlog?: Backlog;
}

/** The time in a UUIDv7 (RFC 9562, 5.7), milliseconds since the epoch; undefined for any other id. */
const timeOfId = (id: string): number | undefined =>
  /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)
    ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
    : undefined;

/** Whether this is the log that the positions are of, and nothing of it is lost. */
const isSameLog = async (log: Log, positions: ReadonlyMap<number, Position>): Promise<boolean> => {
  const there = await Promise.all(
    [...positions].map(
      async ([partition, { offset, event }]) => (await log.read(TOPIC, partition, offset))?.id === event,
    ),
  );
  return there.every(Boolean);
};

/** Resolves once it follows the log. */
export const startView = async ({ log, logger, dataDir, now, backlog }: ViewOptions): Promise<View> => {
  const database = openDatabase(dataDir, logger);
  const changes = createChanges(backlog);
  const unwritable = (taskId: string, error: unknown) =>
    logger.error({ err: error, task: taskId }, 'the contents of a task cannot be written');
  let tasks = createTasks(database, unwritable);
  if (!(await isSameLog(log, tasks.positions()))) {
    logger.info('the view of tasks is of another log, or of more than is left of it: it is built again');
    empty(database);
    tasks = createTasks(database, unwritable);
  }
  const positions = tasks.positions();
  const followedAt = tasks.followedAt();
  /** Offsets follow one another; where the tail began too late the first of a partition tells. */
  let unproven: Set<number> | undefined = followedAt === undefined ? undefined : new Set();
  let live = false;
  let uncommitted = 0;
  let timer: NodeJS.Timeout | undefined;

  const commit = () => {
    clearTimeout(timer);
    timer = undefined;
    uncommitted = 0;
    tasks.commit(live ? now() : undefined);
  };

  const take = (record: AnyRecorded): TaskChange | undefined => {
    if (record.type !== 'TaskUpdated') return undefined;
    try {
      return takeIn(tasks.get(record.data.taskId), record);
    } catch (error) {
      logger.error({ err: error, partition: record.partition, offset: record.offset }, 'an update was passed over');
      return undefined;
    }
  };

  let reading = 0;
  const see = (of: number, record: AnyRecorded) => {
    const { partition, offset, id } = record;
    const next = (positions.get(partition)?.offset ?? -1) + 1;
    if (of !== reading || offset < next) return;
    if (unproven && !unproven.has(partition)) {
      if (offset > next) return void restart();
      unproven.add(partition);
    }
    const change = take(record);
    if (change) tasks.put(change.known);
    positions.set(partition, { offset, event: id });
    tasks.move(partition, { offset, event: id });
    if (change) changes.publish(change);
    uncommitted += 1;
    if (uncommitted >= COMMIT_CHANGES) commit();
    else timer ??= setTimeout(commit, COMMIT_MS);
  };

  const follow = (from: TailOptions['from']) => {
    const of = ++reading;
    return log.tail([TOPIC], (record) => see(of, record), { from });
  };
  let tail: Tail = await follow(followedAt === undefined ? 'beginning' : { time: followedAt - OVERLAP_MS });
  let restarted: Promise<void> | undefined;
  /** There is something before what the tail began with. What is known already is passed by. */
  const restart = () => {
    reading += 1;
    restarted ??= (async () => {
      unproven = undefined;
      await tail.close();
      tail = await follow('beginning');
      await tail.caughtUp;
    })();
    restarted.catch((err) => logger.error({ err }, 'the view of tasks cannot read the log from its beginning'));
  };

  const caughtUp = tail.caughtUp
    .then(() => restarted)
    .then(() => {
      live = true;
    });
  caughtUp.catch(() => {});

  const get = async (taskId: string, signal: AbortSignal): Promise<KnownTask | undefined> => {
    const known = tasks.get(taskId);
    const made = timeOfId(taskId);
    if (known || made === undefined || Math.abs(now() - made) > NEW_MS) return known;
    const heard = changes.ofTask(taskId, AbortSignal.any([signal, AbortSignal.timeout(NEWS_MS)]));
    const first = await heard.next();
    await heard.return();
    return first.value?.known ?? tasks.get(taskId);
  };

  return {
    peek: (taskId) => tasks.get(taskId),
    get,
    list: (query) => tasks.list(query),
    follow: (taskId, signal, tooSlow) => ({
      changes: changes.ofTask(taskId, signal, tooSlow),
      known: tasks.get(taskId),
    }),
    hear: (requestId, signal, tooSlow) => changes.ofRequest(requestId, signal, tooSlow),
    caughtUp,
    close: async () => {
      await restarted?.catch(() => {});
      await tail.close();
      reading += 1;
      commit();
      database.close();
    },
  };
};
