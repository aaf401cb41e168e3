/** Sessions of clients up to 2025-11-25, as the log has them: any replica serves any of them. */
import type { Logger } from 'pino';
import type { SessionChanged } from '../../../schemas/generated.ts';
import { newId } from '../../runtime/event.ts';
import type { Event, Log } from '../../runtime/log.ts';
import { SOURCE } from './request.ts';

/** As long as the topic keeps them. */
const LIFETIME_MS = 7 * 24 * 60 * 60 * 1_000;
const SWEEP_MS = 60 * 60 * 1_000;

export interface Sessions {
  /** Undefined where there is none, or none of this credential at this endpoint. */
  find(session: string, whose: { credential: string; endpoint: string }): Promise<SessionChanged | undefined>;
  /** As it is now. */
  get(session: string): SessionChanged | undefined;
  /** Resolves once it is durable. @throws PARLEY_LOG_UNAVAILABLE */
  state(session: SessionChanged, traceparent: string): Promise<void>;
  /** @param told of each change of the session. @returns what ends the watch. */
  watch(session: string, told: (session: SessionChanged) => void): () => void;
  close(): Promise<void>;
}

/** @param patienceMs how long an unknown session is waited for: another replica may just have opened it. */
export const followSessions = async (
  log: Log,
  logger: Logger,
  now: () => number,
  patienceMs: number,
): Promise<Sessions> => {
  const known = new Map<string, { session: SessionChanged; time: number }>();
  const watchers = new Map<string, Set<(session: SessionChanged) => void>>();

  const hear = (session: SessionChanged, time: number) => {
    // A closed session stays closed, whatever a replica says that had not heard of it.
    if (known.get(session.session)?.session.closed) return;
    known.set(session.session, { session, time });
    for (const told of watchers.get(session.session) ?? []) told(session);
  };
  const tail = await log.tail(
    ['mesh.sessions'],
    (record) => {
      if (record.type !== 'SessionChanged' || record.time < now() - LIFETIME_MS) return;
      try {
        hear(record.data, record.time);
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

  return {
    find: async (id, { credential, endpoint }) => {
      const session = known.get(id)?.session ?? (await awaited(id));
      const isTheirs = session?.credential === credential && session.endpoint === endpoint;
      return isTheirs && !session.closed ? session : undefined;
    },
    get: (id) => known.get(id)?.session,
    state: async (session, traceparent) => {
      const time = now();
      const id = newId(time);
      const event: Event<'SessionChanged'> = {
        id,
        type: 'SessionChanged',
        source: SOURCE,
        key: session.session,
        time,
        correlationId: id,
        causationId: '',
        traceparent,
        data: session,
      };
      await log.append([event]);
      hear(session, time);
    },
    watch,
    close: async () => {
      clearInterval(sweep);
      await tail.close();
    },
  };
};
