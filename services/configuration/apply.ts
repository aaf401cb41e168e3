import type { EventData } from '../../topics/index.ts';
import { type Configuration, parseConfiguration } from '../runtime/configuration.ts';
import { newId } from '../runtime/event.ts';
import type { Event, Log } from '../runtime/log.ts';
import { difference } from './diff.ts';
import { type ConfigurationFiles, loadConfiguration } from './load.ts';

export interface Applied {
  /** In force now. */
  version: string;
  /** In force before; null for the first. */
  previousVersion: string | null;
  changed: boolean;
  /** In the words of mesh.yaml, a line each. */
  diff: string[];
}

/**
 * Puts mesh.yaml and its policies in force, unless they are.
 * @param provision makes what the agents of a configuration need before it is in force: their topics.
 * @param now milliseconds since the epoch.
 * @throws ConfigurationRefused with every problem, and LogUnavailable; what was in force then stays.
 */
export const applyConfiguration = async ({
  log,
  now,
  provision = async () => {},
  ...files
}: ConfigurationFiles & {
  log: Log;
  now: () => number;
  provision?: (agents: Configuration['agents']) => Promise<void>;
}): Promise<Applied> => {
  const { version, document } = await loadConfiguration(files);
  const configuration = parseConfiguration({ version, document });
  await provision(configuration.agents);
  const previous = await inForce(log);
  const previousVersion = previous?.version ?? null;
  if (version === previousVersion) return { version, previousVersion, changed: false, diff: [] };

  const time = now();
  const id = newId(time);
  const event: Event<'MeshConfigured'> = {
    id,
    type: 'MeshConfigured',
    source: 'configuration',
    key: version,
    time,
    correlationId: id,
    causationId: '',
    traceparent: '',
    data: { version, previousVersion, document },
  };
  await log.append([event]);
  const diff = difference(previous && readable(previous), configuration);
  return { version, previousVersion, changed: true, diff };
};

/** The last configuration that can be decoded, as services have it. */
const inForce = async (log: Log): Promise<EventData['MeshConfigured'] | undefined> => {
  let last: EventData['MeshConfigured'] | undefined;
  const tail = await log.tail(
    ['mesh.configuration'],
    (record) => {
      try {
        if (record.type === 'MeshConfigured') last = record.data;
      } catch {
        // A record that is no MeshConfigured: services pass it over, too.
      }
    },
    { from: 'beginning', types: ['MeshConfigured'] },
  );
  await tail.caughtUp;
  await tail.close();
  return last;
};

const readable = (configured: EventData['MeshConfigured']): Configuration | undefined => {
  try {
    return parseConfiguration(configured);
  } catch {
    return undefined;
  }
};
