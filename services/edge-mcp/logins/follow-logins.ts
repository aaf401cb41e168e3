import type { Logger } from 'pino';
import type { AnyRecorded, Log } from '../../runtime/log.ts';

/** What was last said of a server's login. */
export type LastSaid = AnyRecorded<'LoggedIn' | 'LoggedOut'>;

/** How the mesh is logged in to servers, as the log has it, kept current. */
export interface KnownLogins {
  /** Undefined: nothing was ever said of it. */
  of(server: string): LastSaid | undefined;
  /** Calls back whenever something is said of it. @returns ends it. */
  listen(server: string, listener: () => void): () => void;
  /** Resolves when something else is said of it than this event, or when the signal is aborted. */
  changed(server: string, id: string, signal: AbortSignal): Promise<void>;
  /** Resolves once all that is in the log now is known. */
  catchUp(): Promise<void>;
  close(): Promise<void>;
}

/** Resolves once what is in the log is known. */
export const followLogins = async (log: Log, logger: Logger): Promise<KnownLogins> => {
  const last = new Map<string, LastSaid>();
  const listeners = new Set<(server: string) => void>();
  const see = (record: AnyRecorded) => {
    if (record.type !== 'LoggedIn' && record.type !== 'LoggedOut') return;
    try {
      const { server } = record.data;
      // Two tails may see it, one later than the other.
      if ((last.get(server)?.offset ?? -1) >= record.offset) return;
      last.set(server, record as LastSaid);
      for (const listener of listeners) listener(server);
    } catch (error) {
      logger.error({ err: error, topic: record.topic, offset: record.offset }, 'a login was passed over');
    }
  };
  const begin = async () => {
    const tail = await log.tail(['mesh.logins'], see, { from: 'beginning' });
    await tail.caughtUp;
    return tail;
  };
  const tail = await begin();
  const listen: KnownLogins['listen'] = (server, listener) => {
    const hear = (of: string) => {
      if (of === server) listener();
    };
    listeners.add(hear);
    return () => listeners.delete(hear);
  };
  return {
    of: (server) => last.get(server),
    listen,
    changed: (server, id, signal) =>
      new Promise((resolve) => {
        const look = () => {
          if (last.get(server)?.id === id && !signal.aborted) return;
          end();
          signal.removeEventListener('abort', look);
          resolve();
        };
        const end = listen(server, look);
        signal.addEventListener('abort', look);
        look();
      }),
    catchUp: async () => (await begin()).close(),
    close: () => tail.close(),
  };
};
