import type { Logger } from 'pino';
import type { Log } from '../../runtime/log.ts';
import {
  type Definitions,
  type DefinitionType,
  definitionTypes,
  foldDefinition,
  noDefinitions,
} from '../../runtime/mcp/definitions.ts';

/** What MCP servers offer, as the log has it, kept current. */
export interface KnownDefinitions {
  /** The same object always; it changes. */
  definitions: Definitions;
  /** Where in the log the last record with this key and type is; -1: there is none. */
  lastOf(type: DefinitionType, key: string): number;
  /** Calls back with the server's name whenever something of it is another. @returns ends it. */
  changed(listener: (server: string) => void): () => void;
  close(): Promise<void>;
}

const typesOf: ReadonlySet<string> = new Set(definitionTypes);

/** Resolves once what is in the log is known. */
export const followDefinitions = async (log: Log, logger: Logger): Promise<KnownDefinitions> => {
  const definitions = noDefinitions();
  const last = new Map<string, number>();
  const listeners = new Set<(server: string) => void>();
  const tail = await log.tail(
    ['mesh.definitions', 'mesh.reviews'],
    (record) => {
      if (!typesOf.has(record.type)) return;
      try {
        const { type, data, key, offset } = record as typeof record & { type: DefinitionType };
        foldDefinition(definitions, { type, data: data as never });
        last.set(`${type} ${key}`, offset);
        for (const listener of listeners) listener((data as { server: string }).server);
      } catch (error) {
        logger.error({ err: error, topic: record.topic, offset: record.offset }, 'a definition was passed over');
      }
    },
    { from: 'beginning', types: definitionTypes },
  );
  await tail.caughtUp;
  return {
    definitions,
    lastOf: (type, key) => last.get(`${type} ${key}`) ?? -1,
    changed: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => tail.close(),
  };
};
