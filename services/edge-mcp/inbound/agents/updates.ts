import { heardUntil } from '../../../runtime/ask.ts';
import type { Log, Recorded } from '../../../runtime/log.ts';

export type Updated = Recorded<'TaskUpdated'>;

/** What becomes of tasks that are begun here. */
export interface Updates {
  /** From now on: yields each update of the turn that is this request's. Throws the signal's reason once it is aborted. */
  hear(requestId: string, signal: AbortSignal): AsyncGenerator<Updated>;
  close(): Promise<void>;
}

/** Resolves once it is at the end of the topic. */
export const followUpdates = async (log: Log): Promise<Updates> => {
  const listeners = new Map<string, (updated: Updated) => void>();
  const tail = await log.tail(
    ['mesh.task-updates'],
    (record) => {
      if (record.type === 'TaskUpdated') listeners.get(record.correlationId)?.(record);
    },
    { from: 'end', types: ['TaskUpdated'] },
  );
  return {
    hear: (requestId, signal) => {
      const heard = heardUntil<Updated>(signal);
      listeners.set(requestId, heard.put);
      async function* each() {
        try {
          yield* heard.each();
        } finally {
          listeners.delete(requestId);
        }
      }
      return each();
    },
    close: () => tail.close(),
  };
};
