/** The MCP servers of a simulated mesh, and the way to them. */
import { Dispatcher } from 'undici';
import type { Cluster } from '../cluster.ts';
import { Exchange } from '../exchange.ts';
import { bodyOf } from '../http-call.ts';
import { currentLife } from '../time.ts';
import type { AccessLog } from '../upstream.ts';
import type { ServerOffer } from './offers.ts';
import { ToolCall } from './tool-call.ts';
import { ToolServer } from './tool-server.ts';

export const createToolServers = (cluster: Cluster, access: AccessLog, offers: readonly ServerOffer[]): ToolServer[] =>
  offers.map((offer) => new ToolServer(offer, cluster, access));

/** Every connection of every process to an MCP server leads here. */
export class WayToServers extends Dispatcher {
  readonly #cluster: Cluster;
  readonly #access: AccessLog;
  readonly #servers: readonly ToolServer[];

  constructor(cluster: Cluster, access: AccessLog, servers: readonly ToolServer[]) {
    super();
    this.#cluster = cluster;
    this.#access = access;
    this.#servers = servers;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const { world } = this.#cluster;
    const server = this.#servers.find(({ origin }) => origin === String(options.origin))!;
    const exchange = new Exchange(world, handler, currentLife());
    const headers = new Headers(options.headers as Record<string, string>);
    const isLost = !this.#access.well && world.random.chance(0.05);
    if (server.isDown || isLost) exchange.refuse(world.random.between(0.5, 50));
    else
      exchange.connect(async () => {
        const body = options.body ? await bodyOf(options) : '';
        const call = new ToolCall(world, exchange, options.method, headers, body);
        world.after(world.random.between(0.1, 3), `${server.name} is asked: ${call.method}`, () => server.take(call));
      });
    return true;
  }
}
