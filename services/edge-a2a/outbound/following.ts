/** One task of an agent's, and how what is said about it is appended. */
import type { Logger } from 'pino';
import type * as mesh from '../../../schemas/generated.ts';
import type { Update } from '../../runtime/a2a/json.ts';
import type { TaskIds } from '../../runtime/a2a/rewrite-ids.ts';
import { derivedId, newId } from '../../runtime/event.ts';
import type { Event } from '../../runtime/log.ts';
import type { Tenure } from '../../runtime/outbound/tenures.ts';
import { remoteOf, reportBytes } from './reported.ts';

export interface Followed extends TaskIds {
  agent: string;
  parentTaskId: string;
  remote: mesh.RemoteTask;
  /** The turn that is open. */
  turn: Pick<mesh.Turn, 'requestId' | 'deadline'>;
  /** Whether the turn began the task. */
  isNew: boolean;
  causationId: string;
  traceparent: string;
}

export interface Reporter {
  /** States updates in one append, and waits until they are durable: meanwhile nothing more is read. @throws Stop; Abandoned */
  report(updates: readonly Update[], turn?: mesh.Turn): Promise<void>;
  /** Whether an update is of this task; what is of another one is nobody's. */
  isOurs(update: Update): boolean;
}

const SERVICE = 'edge-a2a';

/**
 * @param first what the ids of the first reports are made of, so that said again they are the same events; reports after them
 * have ids of this following alone, for the same words said again later are another event.
 */
export const createReporter = (
  followed: Followed,
  tenure: Tenure,
  secrets: () => readonly string[],
  logger: Logger,
  first?: string,
): Reporter => {
  const { agent, taskId, contextId, parentTaskId, remote, turn, causationId, traceparent } = followed;
  const session = newId();
  let index = 0;
  const eventOf = (update: Buffer, begun: mesh.Turn | null, id: string): Event<'TaskReported'> => ({
    id,
    type: 'TaskReported',
    source: SERVICE,
    key: contextId,
    time: tenure.context.now(),
    correlationId: turn.requestId,
    causationId,
    traceparent,
    data: { taskId, agent, update, turn: begun, parentTaskId, remote, announced: true },
  });
  return {
    report: async (updates, begun) => {
      const events = updates.map((update, i) => {
        const bytes = reportBytes(update, { taskId, contextId }, secrets());
        index += 1;
        const id = begun && first ? derivedId(first, SERVICE, 'report', i) : derivedId(session, index);
        return eventOf(bytes, i === 0 ? (begun ?? null) : null, id);
      });
      await tenure.persist(events);
    },
    isOurs: (update) => {
      const named = remoteOf(update);
      if (!named || named.taskId === remote.taskId) return true;
      logger.warn({ agent, task: taskId, case: update.$case }, 'an agent spoke of another task; it is passed over');
      return false;
    },
  };
};
