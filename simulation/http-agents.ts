/** The agents over HTTP of a simulated mesh, and the way to them. */
import { hash } from 'node:crypto';
import { Dispatcher } from 'undici';
import { derivedId } from '../services/runtime/event.ts';
import type { Event } from '../services/runtime/log.ts';
import type { Cluster } from './cluster.ts';
import { httpAgentNames } from './configuration.ts';
import { Exchange } from './exchange.ts';
import { HttpAgent } from './http-agent.ts';
import { bodyOf, HttpCall } from './http-call.ts';
import { currentLife } from './time.ts';
import type { AccessLog } from './upstream.ts';

/** One streams, and one is asked again and again. */
export const createHttpAgents = (cluster: Cluster, access: AccessLog): HttpAgent[] =>
  httpAgentNames.map((name, i) => new HttpAgent(name, i === 0, cluster, access));

/** What the edge would say of an agent's card. */
export const cardPublished = ({ name, streams, origin }: HttpAgent, time: number): Event<'AgentCardPublished'> => {
  const card = Buffer.from(
    JSON.stringify({
      name,
      description: 'Does what it does.',
      version: '1',
      capabilities: { streaming: streams },
      supportedInterfaces: [{ url: `${origin}/`, protocolBinding: 'JSONRPC', protocolVersion: '1.0' }],
      defaultInputModes: ['text/plain'],
      defaultOutputModes: ['text/plain'],
      skills: [],
    }),
  );
  const id = derivedId('card', name);
  const links = { correlationId: id, causationId: '', traceparent: '' };
  const data = {
    agent: name,
    card,
    digest: hash('sha256', card, 'hex'),
    signature: 'UNSIGNED' as const,
    extendedCard: null,
  };
  return { id, type: 'AgentCardPublished', source: 'edge-a2a', key: name, time, ...links, data };
};

/** Every connection of every process to an agent leads here. */
export class WayToAgents extends Dispatcher {
  readonly #cluster: Cluster;
  readonly #access: AccessLog;
  readonly #agents: readonly HttpAgent[];

  constructor(cluster: Cluster, access: AccessLog, agents: readonly HttpAgent[]) {
    super();
    this.#cluster = cluster;
    this.#access = access;
    this.#agents = agents;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const { world } = this.#cluster;
    const agent = this.#agents.find(({ origin }) => origin === String(options.origin))!;
    const exchange = new Exchange(world, handler, currentLife());
    const headers = options.headers as Record<string, string>;
    if (!this.#access.well && world.random.chance(0.05)) exchange.refuse(world.random.between(0.5, 50));
    else
      exchange.connect(async () => {
        const body = await bodyOf(options);
        const call = new HttpCall(world, exchange, headers, body);
        world.after(world.random.between(0.1, 3), `${agent.name} is asked: ${call.method}`, () => agent.take(call));
      });
    return true;
  }
}
