/** Questions of servers that wait for their client's answer, which any replica may have been given. */
import type { Logger } from 'pino';
import type * as mesh from '../../../schemas/generated.ts';
import type { Log } from '../../runtime/log.ts';
import { type McpOutcome, readOutcome } from '../../runtime/mcp/message.ts';

type Asking = Pick<mesh.Request, 'id' | 'contextId'>;

export interface Questions {
  /**
   * Waits. Only an answer of the same conversation counts: its key is the conversation of the client that gave it.
   * @param request in the course of which it is asked. @returns undefined once the signal is aborted
   */
  answerOf(request: Asking, inputId: string, signal: AbortSignal): Promise<McpOutcome | undefined>;
  close(): Promise<void>;
}

const keyOf = ({ id, contextId }: Asking, inputId: string) => JSON.stringify([contextId, id, inputId]);

/** Follows what clients answer. Resolves once it listens. */
export const followAnswers = async (log: Log, logger: Logger): Promise<Questions> => {
  const waiting = new Map<string, (said: McpOutcome) => void>();
  const tail = await log.tail(
    ['mesh.inputs'],
    (record) => {
      if (record.type !== 'InputProvided') return;
      try {
        const key = keyOf({ id: record.correlationId, contextId: record.key }, record.data.inputId);
        waiting.get(key)?.(readOutcome(record.data.payload));
      } catch (error) {
        logger.error({ err: error, topic: record.topic, offset: record.offset }, 'an answer was passed over');
      }
    },
    { from: 'end', types: ['InputProvided'] },
  );
  return {
    answerOf: (request, inputId, signal) =>
      new Promise((resolve) => {
        const key = keyOf(request, inputId);
        const done = (said: McpOutcome | undefined) => {
          waiting.delete(key);
          signal.removeEventListener('abort', aborted);
          resolve(said);
        };
        const aborted = () => done(undefined);
        if (signal.aborted) return resolve(undefined);
        signal.addEventListener('abort', aborted, { once: true });
        waiting.set(key, done);
      }),
    close: () => tail.close(),
  };
};
