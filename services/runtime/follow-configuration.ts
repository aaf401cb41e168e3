import type { Logger } from 'pino';
import { type Configuration, parseConfiguration } from './configuration.ts';
import type { Log, Tail } from './log.ts';

/** The configuration in force, kept current. Resolves once it is that of the end of `mesh.configuration`. */
export const followConfiguration = async (
  log: Log,
  logger: Logger,
): Promise<{ current(): Configuration | undefined; close(): Promise<void> }> => {
  let current: Configuration | undefined;
  const tail: Tail = await log.tail(
    ['mesh.configuration'],
    (record) => {
      if (record.type !== 'MeshConfigured') return;
      try {
        current = parseConfiguration(record.data);
        logger.info({ configuration: current.version }, 'configuration in force');
      } catch (error) {
        logger.error({ err: error, offset: record.offset }, 'a configuration cannot be read; the one before stays');
      }
    },
    { from: 'beginning', types: ['MeshConfigured'] },
  );
  await tail.caughtUp;
  return { current: () => current, close: () => tail.close() };
};
