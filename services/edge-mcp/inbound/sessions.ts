/**
 * Sessions of clients up to 2025-11-25, as the log has them: any replica serves any of them. Of two changes of one state, made
 * at the same time, the one that the log has first holds; the other is void to all who read it, and is made anew.
 */
import type { Logger } from 'pino';
import type { SessionChanged } from '../../../schemas/generated.ts';
import { RuntimeError } from '../../runtime/errors.ts';
import { newId } from '../../runtime/event.ts';
import type { Event, Log } from '../../runtime/log.ts';
import { SOURCE } from './request.ts';

/** As long as the topic keeps them. */
const LIFETIME_MS = 7 * 24 * 60 * 60 * 1_000;
const SWEEP_MS = 60 * 60 * 1_000;

/** As a client opens it. */
export type Opened = Omit<SessionChanged, 'closed' | 'follows' | 'logLevel' | 'subscriptions'>;

export interface Sessions {
  /** Undefined where there is none, or none of this credential at this endpoint. */
  find(session: string, whose: { credential: string; endpoint: string }): Promise<SessionChanged | undefined>;
  /** As it is now. */
  get(session: string): SessionChanged | undefined;
  /** Resolves once it is durable. @throws PARLEY_LOG_UNAVAILABLE */
  open(session: Opened, traceparent: string): Promise<void>;
  /**
   * Resolves once the change is durable, and holds. A session that has ended is not changed.
   * @param changed of the session as it is; asked again where somebody else was first. What it throws is thrown.
   * @throws PARLEY_LOG_UNAVAILABLE
   */
  change(
    session: string,
    changed: (session: SessionChanged) => Partial<SessionChanged>,
    traceparent: string,
  ): Promise<void>;
  /** @param told of each change of the session. @returns what ends the watch. */
  watch(session: string, told: (session: SessionChanged) => void): () => void;
  close(): Promise<void>;
}

interface Known {
  /** Of the event that had it. */
  id: string;
  session: SessionChanged;
  time: number;
}

/** How long what was appended is waited for to be read. */
const READ_BACK_MS = 10_000;

/** @param patienceMs how long an unknown session is waited for: another replica may just have opened it. */
export const followSessions = async (
  log: Log,
  logger: Logger,
  now: () => number,
  patienceMs: number,
): Promise<Sessions> => {
  const known = new Map<string, Known>();
  const watchers = new Map<string, Set<(session: SessionChanged) => void>>();
  /** By event: changes of this replica that it has not read yet. */
  const awaitedChanges = new Map<string, (holds: boolean) => void>();

  const hear = ({ id, time, data: session }: Pick<Event<'SessionChanged'>, 'id' | 'time' | 'data'>): void => {
    const before = known.get(session.session);
    const isVoid = before !== undefined && session.follows !== '' && session.follows !== before.id;
    // A closed session stays closed, whatever was said by a replica of a version that knew of no void changes.
    if (before?.id !== id && !isVoid && !before?.session.closed) {
      known.set(session.session, { id, session, time });
      for (const told of watchers.get(session.session) ?? []) told(session);
    }
    awaitedChanges.get(id)?.(!isVoid);
  };
  const tail = await log.tail(
    ['mesh.sessions'],
    (record) => {
      if (record.type !== 'SessionChanged' || record.time < now() - LIFETIME_MS) return;
      try {
        hear(record);
      } catch (error) {
        logger.error({ err: error, offset: record.offset }, 'a session was passed over');
      }
    },
    { from: 'beginning', types: ['SessionChanged'] },
  );
  await tail.caughtUp;
  const sweep = setInterval(() => {
    for (const [id, { time }] of known) if (time < now() - LIFETIME_MS) known.delete(id);
  }, SWEEP_MS).unref();

  const watch: Sessions['watch'] = (session, told) => {
    const all = watchers.get(session) ?? new Set();
    watchers.set(session, all.add(told));
    return () => {
      all.delete(told);
      if (all.size === 0) watchers.delete(session);
    };
  };

  const awaited = (id: string): Promise<SessionChanged | undefined> =>
    new Promise((resolve) => {
      const end = (session?: SessionChanged) => {
        clearTimeout(timer);
        unwatch();
        resolve(session);
      };
      const unwatch = watch(id, end);
      const timer = setTimeout(end, patienceMs);
    });

  const eventOf = (data: SessionChanged, traceparent: string): Event<'SessionChanged'> => {
    const time = now();
    const id = newId(time);
    const ids = { id, correlationId: id, causationId: '', traceparent };
    return { ...ids, type: 'SessionChanged', source: SOURCE, key: data.session, time, data };
  };

  /** Whether it holds. */
  const readBack = async (event: Event<'SessionChanged'>): Promise<boolean> => {
    const read = Promise.withResolvers<boolean>();
    awaitedChanges.set(event.id, read.resolve);
    const late = () => read.reject(new RuntimeError('PARLEY_LOG_UNAVAILABLE', 'What was appended could not be read.'));
    let timer: NodeJS.Timeout | undefined;
    try {
      await log.append([event]);
      timer = setTimeout(late, READ_BACK_MS);
      return await read.promise;
    } finally {
      clearTimeout(timer);
      awaitedChanges.delete(event.id);
    }
  };

  return {
    find: async (id, { credential, endpoint }) => {
      const session = known.get(id)?.session ?? (await awaited(id));
      const isTheirs = session?.credential === credential && session.endpoint === endpoint;
      return isTheirs && !session.closed ? session : undefined;
    },
    get: (id) => known.get(id)?.session,
    open: async (session, traceparent) => {
      const event = eventOf({ ...session, logLevel: '', subscriptions: [], closed: false, follows: '' }, traceparent);
      await log.append([event]);
      hear(event);
    },
    change: async (id, changed, traceparent) => {
      let holds = false;
      while (!holds) {
        const before = known.get(id);
        if (!before || before.session.closed) return;
        const { session } = before;
        holds = await readBack(eventOf({ ...session, ...changed(session), follows: before.id }, traceparent));
      }
    },
    watch,
    close: async () => {
      clearInterval(sweep);
      await tail.close();
    },
  };
};
