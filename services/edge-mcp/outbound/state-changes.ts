/** What a server says of itself without being asked, as events. */
import type { Logger } from 'pino';
import { derivedId, newId } from '../../runtime/event.ts';
import type { Event } from '../../runtime/log.ts';
import type { ServiceContext } from '../../runtime/service.ts';
import type { Changed } from './watch.ts';

type Change = Pick<Event<'ResourceChanged'>, 'type' | 'data'> | Pick<Event<'ListChanged'>, 'type' | 'data'>;

/** Less than half of how often a resource is told of at most. */
const SAME_CHANGE_MS = 400;

export const stateChanges = (
  { log, now }: Pick<ServiceContext, 'log' | 'now'>,
  logger: Logger,
  server: string,
): Changed => {
  const state = (change: Change, id = newId()) => {
    const event = { id, source: 'edge-mcp', key: server, time: now(), correlationId: '', causationId: '' };
    log
      .append([{ ...event, ...change, traceparent: '' } as Event])
      .catch((error: unknown) => logger.warn({ err: error, server }, `${change.type} was lost`));
  };
  return {
    // Another process may be told by the server of the same change: they say the same event.
    resource: (uri) =>
      state(
        { type: 'ResourceChanged', data: { server, uri } },
        derivedId(server, uri, Math.floor(now() / SAME_CHANGE_MS)),
      ),
    list: (kind) => state({ type: 'ListChanged', data: { server, kind } }),
  };
};
