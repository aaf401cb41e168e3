import type { EventData } from '../../../topics/index.ts';
import { derivedId } from '../../runtime/event.ts';
import type { Event } from '../../runtime/log.ts';
import type { DefinitionType } from '../../runtime/mcp/definitions.ts';
import type { ServiceContext } from '../../runtime/service.ts';
import type { KnownDefinitions } from './known-definitions.ts';

/** Events of one append: a server may have thousands of definitions. */
const BATCH = 500;

/** How the catalogue states something. */
export interface Statements {
  /** The same event, whichever instance states it, until another with its key is heard. */
  event<T extends DefinitionType>(type: T, key: string, data: EventData[T]): Event<T>;
  /** @returns the offset of each. @throws as `Log.append` */
  append(events: readonly Event[]): Promise<number[]>;
}

export const createStatements = (
  { log, now }: Pick<ServiceContext, 'log' | 'now'>,
  known: Pick<KnownDefinitions, 'lastOf'>,
  signal: AbortSignal,
): Statements => ({
  event: (type, key, data) => {
    const digest = 'digest' in data ? data.digest : '';
    const id = derivedId(type, key, known.lastOf(type, key), digest);
    return {
      id,
      type,
      source: 'edge-mcp',
      key,
      time: now(),
      correlationId: id,
      causationId: '',
      traceparent: '',
      data,
    };
  },
  append: async (events) => {
    const offsets: number[] = [];
    for (let i = 0; i < events.length; i += BATCH)
      offsets.push(...(await log.append(events.slice(i, i + BATCH), signal)));
    return offsets;
  },
});
