/** Tells clients that listen of what changes in what they see. */
import type { ServerEvent } from '@modelcontextprotocol/server';
import type { Logger } from 'pino';
import type * as mesh from '../../../schemas/generated.ts';
import type { Configuration } from '../../runtime/configuration.ts';
import type { AnyRecorded, Log } from '../../runtime/log.ts';
import { RecentIds } from '../../runtime/recent-ids.ts';
import { type Names, serverOfUri } from './names.ts';
import type { Seen, Viewer, Visibility } from './visible.ts';

/** Definitions change many at a time, when a server is first seen. */
const SETTLE_MS = 50;
/** A new configuration is noticed within this time. */
const POLL_MS = 500;

/** Subscribes to a resource at its server. @returns what ends that */
export type Hold = (server: string, uri: string) => () => void;

export interface Watching {
  /** Subscribes to these at their servers, and to no others, for as long as it goes on. */
  hold(uris: readonly string[]): void;
  end(): void;
}

export interface Changes {
  /**
   * @param emit told of each change.
   * @param end called where the viewer may see nothing any more.
   */
  watch(viewer: Viewer, emit: (event: ServerEvent) => void, end: () => void): Watching;
  /** That definitions changed. */
  changed(): void;
  close(): Promise<void>;
}

interface Watcher {
  viewer: Viewer;
  emit(event: ServerEvent): void;
  end(): void;
  digests: Seen['digests'] | undefined;
}

const eventOf = {
  tools: 'tools_list_changed',
  prompts: 'prompts_list_changed',
  resources: 'resources_list_changed',
} as const;

const listOf: Partial<Record<mesh.DefinitionKind, ServerEvent>> = {
  TOOL: { kind: eventOf.tools },
  PROMPT: { kind: eventOf.prompts },
  RESOURCE: { kind: eventOf.resources },
};

/** What a server says has changed, as an endpoint that has something of it tells its clients. */
const eventIn = (names: Names, record: AnyRecorded): ServerEvent | undefined => {
  if (record.type === 'ListChanged')
    return names.servers.includes(record.data.server) ? listOf[record.data.kind] : undefined;
  if (record.type !== 'ResourceChanged') return undefined;
  const { server, uri } = record.data;
  return serverOfUri(names, uri) === server ? { kind: 'resource_updated', uri } : undefined;
};

/** Whether the credential is still one of the mesh. */
const mayListen = ({ credentials }: Configuration, { caller }: Viewer, now: number): boolean => {
  const found = credentials.find(({ id }) => id === caller.credential.id);
  const isLive = found && !found.revoked && found.hash === caller.credential.hash;
  return isLive === true && (found.expiresAt === null || Date.parse(found.expiresAt) > now);
};

export const startChanges = async (
  log: Log,
  logger: Logger,
  visibility: Pick<Visibility, 'of' | 'names'>,
  configuration: () => Configuration | undefined,
  now: () => number,
  hold: Hold,
): Promise<Changes> => {
  const watchers = new Set<Watcher>();
  let timer: NodeJS.Timeout | undefined;
  let version = configuration()?.version;

  const look = async (watcher: Watcher) => {
    const inForce = configuration();
    if (!inForce) return;
    const { digests } = await visibility.of(inForce, watcher.viewer);
    const before = watcher.digests;
    watcher.digests = digests;
    if (!before || !watchers.has(watcher)) return;
    for (const kind of ['tools', 'prompts', 'resources'] as const)
      if (digests[kind] !== before[kind]) watcher.emit({ kind: eventOf[kind] });
  };
  const lookAll = async () => {
    for (const watcher of watchers)
      await look(watcher).catch((error) => logger.error({ err: error }, 'what a client sees could not be told'));
  };
  const changed = () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      void lookAll();
    }, SETTLE_MS);
  };
  const poll = setInterval(() => {
    const inForce = configuration();
    if (!inForce) return;
    for (const watcher of watchers) if (!mayListen(inForce, watcher.viewer, now())) watcher.end();
    if (inForce.version === version) return;
    version = inForce.version;
    changed();
  }, POLL_MS).unref();

  const told = new RecentIds();
  const tail = await log.tail(
    ['mesh.server-changes'],
    (record) => {
      const inForce = configuration();
      if (!inForce || told.has(record.id)) return;
      told.add(record.id);
      try {
        for (const { viewer, emit } of watchers) {
          const names = visibility.names(inForce, viewer.endpoint);
          const event = names && eventIn(names, record);
          if (event) emit(event);
        }
      } catch (error) {
        logger.error({ err: error, offset: record.offset }, 'a change of a resource was passed over');
      }
    },
    { from: 'end', types: ['ResourceChanged', 'ListChanged'] },
  );

  return {
    watch: (viewer, emit, end) => {
      const watcher: Watcher = { viewer, emit, end, digests: undefined };
      watchers.add(watcher);
      void look(watcher).catch((error) => logger.error({ err: error }, 'what a client sees could not be told'));
      const held = new Map<string, () => void>();
      const release = (keep: readonly string[]) => {
        for (const [uri, end] of held)
          if (!keep.includes(uri)) {
            held.delete(uri);
            end();
          }
      };
      return {
        hold: (uris) => {
          const inForce = configuration();
          const names = inForce && visibility.names(inForce, viewer.endpoint);
          release(uris);
          for (const uri of uris) {
            const server = names && serverOfUri(names, uri);
            if (server && !held.has(uri) && watchers.has(watcher)) held.set(uri, hold(server, uri));
          }
        },
        end: () => {
          watchers.delete(watcher);
          release([]);
        },
      };
    },
    changed,
    close: async () => {
      clearInterval(poll);
      clearTimeout(timer);
      await tail.close();
    },
  };
};
