/**
 * Watches what MCP servers offer: at start, every minute, when a server says that a list is another one, and when the
 * configuration is. Every instance asks; what it sees and the log does not have it states, and approves what may be used
 * without a person's look. Two that see the same at once state the same event.
 */
import type { Logger } from 'pino';
import type { ServerConfiguration } from '../../runtime/configuration.ts';
import type { Event } from '../../runtime/log.ts';
import { keyOf } from '../../runtime/mcp/definitions.ts';
import { scrub, scrubText } from '../../runtime/outbound/secrets.ts';
import type { RunningService, ServiceContext } from '../../runtime/service.ts';
import type { Connections } from '../outbound/connections.ts';
import { createApprovals } from './approvals.ts';
import { askServer, type Listing } from './ask-server.ts';
import type { KnownDefinitions } from './known-definitions.ts';
import { observe, observeUnreachable } from './observe.ts';
import { createStatements } from './statements.ts';

export interface CatalogueTimes {
  /** How often servers are asked. */
  everyMs: number;
  /** How long a server is left alone after it was asked, whatever it says. */
  restMs: number;
  /** How long one may take to list everything. */
  askMs: number;
  /** How often it is seen whether somebody is to be asked. */
  lookMs: number;
  /** The longest that changes of a server that always changes are not stated. */
  maxQuietMs: number;
}

export const defaultCatalogueTimes: CatalogueTimes = {
  everyMs: 60_000,
  restMs: 10_000,
  askMs: 60_000,
  lookMs: 250,
  maxQuietMs: 3_600_000,
};

interface Watched {
  askedAt: number;
  version: string;
  changed: boolean;
  asking: boolean;
  /** How often in a row it had another list than before. */
  restless: number;
  /** Until then nothing more is stated of what it offers. */
  quietUntil: number;
  /** What was last logged of what is wrong with its lists. */
  complaint: string;
  stopListening(): void;
}

/**
 * Starts watching. A server that hangs holds nothing up.
 * @param known as `followDefinitions` gives them, which hears of what is stated here.
 */
export const startCatalogue = (
  context: ServiceContext,
  known: KnownDefinitions,
  connections: Pick<Connections, 'withConnection' | 'onListChanged' | 'secretsOf'>,
  times: CatalogueTimes = defaultCatalogueTimes,
): RunningService => {
  const { now } = context;
  const { definitions } = known;
  const logger = context.logger.child({ service: 'edge-mcp', side: 'catalogue' });
  const stopped = new AbortController();
  const watched = new Map<string, Watched>();
  const running = new Set<Promise<void>>();

  const statements = createStatements(context, known, stopped.signal);
  const { event, append } = statements;
  const approvals = createApprovals(known, statements, logger);

  const take = async (server: ServerConfiguration, watch: Watched) => {
    const secrets = () => connections.secretsOf(server.name);
    const clean = (bytes: Buffer) => scrub(bytes, secrets());
    const signal = AbortSignal.any([stopped.signal, AbortSignal.timeout(times.askMs)]);
    let listing: Listing;
    try {
      listing = await connections.withConnection(server.name, { signal }, (peer) => askServer(peer, clean));
    } catch (error) {
      if (stopped.signal.aborted) return;
      const timedOut = signal.aborted ? `it did not list what it offers within ${times.askMs} ms` : undefined;
      const problem = scrubText(timedOut ?? (error instanceof Error ? error.message : String(error)), secrets());
      const seen = observeUnreachable(server.name, problem.slice(0, 500), definitions);
      if (!seen) return;
      await append([event('ServerObserved', `${server.name}/`, seen)]);
      logger.warn({ server: server.name, problem: seen.problem }, 'an MCP server could not be asked');
      return;
    }
    const seen = await observe(server.name, listing, definitions, clean);
    complain(logger, server.name, watch, seen.leftOut);
    const events = [
      ...(seen.server ? [event('ServerObserved', `${server.name}/`, seen.server)] : []),
      ...seen.definitions.map((data) => event('DefinitionObserved', keyOf(data), data)),
    ];
    const wasUnreachable = Boolean(definitions.servers.get(server.name)?.problem);
    await state(server.name, watch, events, wasUnreachable);
  };

  /** A server that has another list each time is heard less and less often: 10 s, 20 s, … an hour. */
  const state = async (server: string, watch: Watched, events: readonly Event[], atOnce: boolean) => {
    if (events.length === 0) {
      watch.restless = 0;
      return;
    }
    if (now() < watch.quietUntil && !atOnce) return;
    await append(events);
    watch.quietUntil = now() + Math.min(times.maxQuietMs, times.restMs * 2 ** watch.restless);
    watch.restless += 1;
    logger.info({ server, events: events.length }, 'an MCP server offers something else');
  };

  const isDue = (watch: Watched, version: string) => {
    const since = now() - watch.askedAt;
    // Asked while it is not heard, it would be asked in vain, and what changed would be forgotten.
    const isHeard = since >= times.restMs && now() >= watch.quietUntil;
    return watch.version !== version || since >= times.everyMs || (watch.changed && isHeard);
  };

  const ask = (server: ServerConfiguration, version: string, watch: Watched) => {
    Object.assign(watch, { asking: true, changed: false, askedAt: now(), version });
    const asked = take(server, watch)
      .catch((error) => {
        if (!stopped.signal.aborted)
          logger.warn({ err: error, server: server.name }, 'what an MCP server offers could not be recorded');
      })
      .finally(() => {
        watch.asking = false;
        running.delete(asked);
      });
    running.add(asked);
  };

  const watch = (server: string): Watched => {
    const one: Watched = {
      askedAt: Number.NEGATIVE_INFINITY,
      version: '',
      changed: false,
      asking: false,
      restless: 0,
      quietUntil: 0,
      complaint: '',
      stopListening: connections.onListChanged(server, () => {
        one.changed = true;
      }),
    };
    watched.set(server, one);
    return one;
  };

  const look = () => {
    const configuration = context.configuration();
    if (!configuration) return;
    const configured = new Set(configuration.servers.map(({ name }) => name));
    for (const [server, one] of watched)
      if (!configured.has(server)) {
        one.stopListening();
        watched.delete(server);
      }
    for (const server of configuration.servers) {
      const one = watched.get(server.name) ?? watch(server.name);
      if (!one.asking && isDue(one, configuration.version)) ask(server, configuration.version, one);
    }
    approvals.look(configuration);
  };
  look();
  const timer = setInterval(look, times.lookMs);

  return {
    stop: async () => {
      clearInterval(timer);
      stopped.abort();
      for (const { stopListening } of watched.values()) stopListening();
      await Promise.allSettled([...running, approvals.stop()]);
    },
  };
};

/** Once for each state of affairs. */
const complain = (logger: Logger, server: string, watch: Watched, problems: readonly string[]) => {
  const complaint = problems.join('; ');
  if (complaint === watch.complaint) return;
  watch.complaint = complaint;
  if (complaint !== '') logger.warn({ server, problems }, 'left out of what an MCP server lists');
};
