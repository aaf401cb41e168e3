/**
 * Takes the cards of agents beyond the mesh: at start, every minute, and when the configuration is another one. Every instance
 * fetches; what it sees and the log does not have it states. Two that see it at once state the same event.
 */
import type { JSONWebKeySet } from 'jose';
import { Agent as HttpAgent } from 'undici';
import type { EventData } from '../../../topics/index.ts';
import type { Connection } from '../../runtime/configuration.ts';
import { derivedId } from '../../runtime/event.ts';
import type { Event } from '../../runtime/log.ts';
import { createDispatchers } from '../../runtime/outbound/dispatchers.ts';
import { credentialsOf, scrubText, secretsOf } from '../../runtime/outbound/secrets.ts';
import type { RunningService, ServiceContext } from '../../runtime/service.ts';
import { createAgents } from '../outbound/agents.ts';
import { takeExtendedCard } from './extended-card.ts';
import { fetchBounded, Unfit } from './fetch-bounded.ts';
import { httpAgents } from './http-agents.ts';
import type { KnownCard, KnownCards } from './known-cards.ts';
import { bytesOfCard, readCard, sha256 } from './read-card.ts';
import { usableInterfaces } from './usable-interfaces.ts';
import { verifyCard } from './verify-card.ts';

export interface CardTimes {
  /** How often cards are fetched. */
  everyMs: number;
  /** How often it is seen whether the configuration is another one. */
  lookMs: number;
}

export const defaultCardTimes: CardTimes = { everyMs: 60_000, lookMs: 1_000 };

/** Where an agent's card is: at the configured URL itself where that names a JSON file, else at its well-known place. A2A 8.2. */
export const cardUrlOf = (url: string): URL =>
  new URL(url).pathname.endsWith('.json')
    ? new URL(url)
    : new URL(`${url.replace(/\/+$/, '')}/.well-known/agent-card.json`);

type Said = 'AgentCardPublished' | 'AgentCardRefused';

const stating = <T extends Said>(type: T, data: EventData[T], key: string, from: string, now: number): Event<T> => {
  const id = derivedId(type, data.agent, data.digest, from);
  return {
    id,
    type,
    source: 'edge-a2a',
    key,
    time: now,
    correlationId: id,
    causationId: '',
    traceparent: '',
    data,
  };
};

/**
 * Starts taking cards. An agent that hangs holds nothing up: the first round goes on once it resolves.
 * @param known as `followCards` gives them, which hears of what is stated here.
 */
export const startCards = (
  context: ServiceContext,
  known: KnownCards,
  times: CardTimes = defaultCardTimes,
): RunningService => {
  const { log } = context;
  const logger = context.logger.child({ service: 'edge-a2a', side: 'cards' });
  const http = new HttpAgent({ connect: { timeout: 5_000 }, bodyTimeout: 0, headersTimeout: 0 });
  const stopped = new AbortController();
  const dispatchers = createDispatchers();
  /** As they were fetched last: what the log has may lead elsewhere. */
  const seen = new Map<string, KnownCard>();
  const callable = createAgents(context, { of: (agent) => seen.get(agent), refusalOf: () => undefined }, dispatchers);

  const credentials = (connection: Connection) => {
    try {
      return credentialsOf(connection, context.environment);
    } catch {
      // A card is public in general; that a variable is missing is said where the agent is called.
      return { secret: null, headers: {} };
    }
  };

  const fetchKeys = async (url: URL) =>
    JSON.parse((await fetchBounded(url, {}, http, stopped.signal)).toString()) as JSONWebKeySet;

  /** Whatever else a document may do to those who read it, e.g. be nested beyond the stack. */
  const reading = async <T>(body: Buffer, read: () => Promise<T>): Promise<T> => {
    try {
      return await read();
    } catch (error) {
      throw error instanceof Unfit ? error : new Unfit('it cannot be read', body);
    }
  };

  const take = async (connection: Connection): Promise<Pick<KnownCard, 'card' | 'signature'>> => {
    const { secret, headers } = credentials(connection);
    const from = cardUrlOf(connection.url);
    const own = { ...headers, ...(secret === null ? {} : { authorization: `Bearer ${secret}` }) };
    const body = await fetchBounded(from, { 'a2a-version': '1.0', ...own }, http, stopped.signal);
    return reading(body, async () => {
      const read = readCard(body);
      if (usableInterfaces(read.card, connection.url).length === 0)
        throw new Unfit('it names no interface at its own host by which the mesh could call it', body);
      return { card: read.card, signature: await verifyCard(read, from, fetchKeys, body) };
    });
  };

  /** The extended card, null where the agent says that it has none. One that is not given any more stays while its card does. */
  const takeExtended = async (connection: Connection, fetched: KnownCard): Promise<Buffer | null> => {
    const { agent, card } = fetched;
    if (!card.capabilities?.extendedAgentCard) return null;
    seen.set(agent, fetched);
    const client = () => callable.clientOf(agent);
    const asking = { client, from: cardUrlOf(connection.url), fetchKeys, signal: stopped.signal };
    try {
      return await reading(Buffer.alloc(0), () => takeExtendedCard(asking));
    } catch (error) {
      stopped.signal.throwIfAborted();
      await refuse(agent, connection, error as Unfit, 'extended card');
      const before = known.of(agent);
      return before?.extended && bytesOfCard(before.card).equals(bytesOfCard(card))
        ? bytesOfCard(before.extended)
        : null;
    }
  };

  const publish = async (agent: string, connection: Connection) => {
    const { card: fetched, signature } = await take(connection);
    const card = bytesOfCard(fetched);
    const seenNow = { agent, card: fetched, extended: undefined, digest: sha256(card), signature };
    const extendedCard = await takeExtended(connection, seenNow);
    const digest = sha256(Buffer.concat([card, extendedCard ?? Buffer.alloc(0)]));
    const before = known.of(agent);
    if (before?.digest === digest && before.signature === signature) return;
    const from = `${signature} ${before?.digest ?? ''}`;
    const data = { agent, card, digest, signature, extendedCard };
    await log.append([stating('AgentCardPublished', data, agent, from, context.now())]);
    logger.info({ agent, digest, signature }, 'a card was published');
  };

  const refuse = async (agent: string, connection: Connection, { message, body }: Unfit, what = 'card') => {
    const digest = body.length === 0 ? '' : sha256(body);
    const reason = scrubText(`The ${what} was not taken: ${message}.`, secretsOf(connection, credentials(connection)));
    const before = known.refusalOf(agent);
    if (before?.digest === digest && before.reason === reason) return;
    const refused = { agent, digest, reason };
    const from = `${reason} ${known.of(agent)?.digest ?? ''} ${before?.reason ?? ''}`;
    await log.append([stating('AgentCardRefused', refused, `${agent} refused`, from, context.now())]);
    logger.warn({ agent, reason }, 'a card was refused');
  };

  const look = async (agent: string, connection: Connection) => {
    try {
      await publish(agent, connection);
    } catch (error) {
      if (stopped.signal.aborted) return;
      if (!(error instanceof Unfit)) throw error;
      await refuse(agent, connection, error);
    }
  };

  const lookAtAll = async () => {
    const all = httpAgents(context.configuration());
    const looked = await Promise.allSettled([...all].map(([agent, connection]) => look(agent, connection)));
    for (const { reason } of looked.filter((one) => one.status === 'rejected'))
      logger.warn({ err: reason }, 'a card could not be recorded');
  };

  let version = context.configuration()?.version;
  let last = context.now();
  let looking = true;
  const start = () =>
    lookAtAll().finally(() => {
      looking = false;
    });
  let round = start();
  const timer = setInterval(() => {
    const current = context.configuration()?.version;
    if (looking || (current === version && context.now() - last < times.everyMs)) return;
    version = current;
    last = context.now();
    looking = true;
    round = start();
  }, times.lookMs);

  return {
    stop: async () => {
      clearInterval(timer);
      stopped.abort();
      await round;
      await http.destroy();
      await dispatchers.close();
    },
  };
};
