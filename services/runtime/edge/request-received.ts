import type { Request } from '../../../schemas/generated.ts';
import type { Event } from '../log.ts';

/**
 * The event that a client's request is: nothing in the mesh comes before it.
 * @param source the edge. @param time when it is stated, milliseconds since the epoch.
 */
export const requestReceived = (
  source: string,
  request: Request,
  traceparent: string,
  time: number,
): Event<'RequestReceived'> => ({
  id: request.id,
  type: 'RequestReceived',
  source,
  key: request.contextId,
  time,
  correlationId: request.id,
  causationId: '',
  traceparent,
  data: { request },
});
