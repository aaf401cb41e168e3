import type { Logger } from 'pino';
import type * as mesh from '../../../schemas/generated.ts';
import type { Completed, Failed } from './outcomes.ts';

/** The line of an attempt that has ended. @param chunks how many parts of its answer were stated. @param ms how long it took. */
export const logAttempt = (
  logger: Logger,
  { target, attempt }: mesh.RequestDispatched,
  end: Completed | Failed,
  chunks: number,
  ms: number,
) => {
  const line = { target: target.id, attempt, chunks, ms, meters: end.meters };
  if (end.kind === 'completed') return logger.debug(line, 'attempt completed');
  const { reason, message, status } = end.failure;
  const level = end.targetAtFault || reason === 'MISCONFIGURED' ? 'warn' : 'info';
  logger[level]({ ...line, reason, status, failure: message, retryable: end.retryable }, 'attempt failed');
};
