/** A process of the mesh, whole, on a simulated log: every service with its real shell, and both edges. */

import pino from 'pino';
import { auditProcessor } from '../services/audit/audit.ts';
import { followCards } from '../services/edge-a2a/cards/known-cards.ts';
import {
  defaultOutboundTimes as defaultAgentTimes,
  startOutbound as startOutboundToAgents,
} from '../services/edge-a2a/outbound/outbound.ts';
import { startHearing } from '../services/edge-agents/hear.ts';
import { tellingProcessor } from '../services/edge-agents/index.ts';
import { startTimers } from '../services/edge-agents/timers.ts';
import { defaultTimes, startInbound } from '../services/edge-llm/inbound/inbound.ts';
import { defaultOutboundTimes, startOutbound } from '../services/edge-llm/outbound/outbound.ts';
import { createRecentMessages } from '../services/edge-llm/recent-messages.ts';
import { defaultCatalogueTimes, startCatalogue } from '../services/edge-mcp/catalogue/catalogue.ts';
import { followDefinitions } from '../services/edge-mcp/catalogue/known-definitions.ts';
import { startInbound as startInboundOfTools } from '../services/edge-mcp/inbound/inbound.ts';
import { createConnections } from '../services/edge-mcp/outbound/connections.ts';
import { nobodyLoggedIn } from '../services/edge-mcp/outbound/login/needs-login.ts';
import { startOutbound as startOutboundToServers } from '../services/edge-mcp/outbound/outbound.ts';
import { meteringProcessor } from '../services/metering/metering.ts';
import { policyProcessor } from '../services/policy/index.ts';
import type { PolicyState } from '../services/policy/policy.ts';
import * as routing from '../services/routing/routing.ts';
import { followConfiguration } from '../services/runtime/follow-configuration.ts';
import type { Log } from '../services/runtime/log.ts';
import { createMetrics } from '../services/runtime/metrics.ts';
import { type Processor, processorService } from '../services/runtime/processor.ts';
import type { RunningService, ServiceContext } from '../services/runtime/service.ts';
import { signing } from '../services/runtime/signing-for-tests.ts';
import { withoutExporter } from '../services/runtime/tracing.ts';
import { taskStateProcessor } from '../services/task-state/index.ts';
import type { EventType, ServiceName } from '../topics/index.ts';
import type { Cluster } from './cluster.ts';
import { createRoutes, type Exchange, type Routes } from './http.ts';
import type { HttpAgent } from './http-agent.ts';
import { WayToAgents } from './http-agents.ts';
import { createSimulatedLog, type SimulatedLog } from './log.ts';
import type { Member } from './member.ts';
import { sealingBy } from './sealing.ts';
import { Life } from './time.ts';
import { WayToServers } from './tools/servers.ts';
import type { ToolServer } from './tools/tool-server.ts';
import { type AccessLog, Upstream } from './upstream.ts';

// biome-ignore lint/suspicious/noExplicitAny: processors of any state, input and output.
export type AnyProcessor = Processor<any, any, any>;

/** Services, and what an edge is made of. */
type Part =
  | ServiceName
  | 'inbound'
  | 'outbound'
  | 'hearing'
  | 'timers'
  | 'tools inbound'
  | 'tools outbound'
  | 'catalogue';

/** What a process is made of. A test may put something broken in one's place. */
export interface Parts {
  processors(log: Log): AnyProcessor[];
  /** The log as one service sees it. */
  logOf(service: Part, log: Log): Log;
  /** By which a process seals and opens. @param name of the process. */
  keyOf(name: string): string;
  /** Types of records that agents do not find again when they look at what they said. */
  overlooked: readonly EventType[];
}

const routingProcessor: Processor<routing.RoutingState, routing.RoutingInput, routing.RoutingOutput> = {
  name: 'routing',
  reads: routing.reads,
  follows: ['MeshConfigured', 'BreakerOpened', 'BreakerClosed'],
  writes: ['RequestDispatched', 'RequestUnroutable', 'BreakerOpened', 'BreakerClosed'],
  initialState: routing.initialState,
  evolve: routing.evolve,
  decide: routing.decide,
};

/** To parse policies takes longer than a seed: a state with the same ones lends them. */
const configurations = new Map<string, PolicyState['configured']>();
const evolvePolicy: typeof policyProcessor.evolve = (state, event) => {
  if (event.type !== 'MeshConfigured') return policyProcessor.evolve(state, event);
  const configured = configurations.get(event.data.document) ?? state.configured;
  const next = policyProcessor.evolve({ ...state, configured }, event);
  configurations.set(event.data.document, next.configured);
  return next;
};
const policy = { ...policyProcessor, evolve: evolvePolicy };

export const wholeMesh: Parts = {
  processors: (log) => [
    policy,
    routingProcessor,
    meteringProcessor,
    auditProcessor(log.partitionOf),
    taskStateProcessor,
    tellingProcessor,
  ],
  logOf: (_, log) => log,
  keyOf: () => 'the key of the mesh',
  overlooked: [],
};

/** Often enough for the seconds that a seed lasts. */
const catalogueTimes = { ...defaultCatalogueTimes, lookMs: 1_000 };

/** To sign takes real time; nobody here looks at it. */
const sign = async () => 'signed';
const metrics = createMetrics();
const silent = pino({ level: 'silent' });

/** The processor, and its state at any time. */
const watched = <S>(
  processor: Processor<S, EventType, EventType>,
  hold: (state: unknown) => void,
): Processor<S, EventType, EventType> => {
  const held = (state: S): S => {
    hold(state);
    return state;
  };
  return {
    ...processor,
    initialState: () => held(processor.initialState()),
    evolve: (state, event) => held(processor.evolve(state, event)),
    ...(processor.forget ? { forget: (state, partitions) => held(processor.forget!(state, partitions)) } : {}),
  };
};

export class MeshProcess {
  readonly name: string;
  readonly #cluster: Cluster;
  readonly #access: AccessLog;
  readonly #httpAgents: readonly HttpAgent[];
  readonly #toolServers: readonly ToolServer[];
  readonly #parts: Parts;
  life: Life;
  log: SimulatedLog | undefined;
  /** Whether it serves. */
  up = false;
  /** By how much its clock is wrong, milliseconds. */
  skew = 0;
  /** What its processors hold, by their names. */
  readonly held = new Map<string, unknown>();
  #routes: Routes | undefined;
  #undo: (() => Promise<unknown>)[] = [];
  readonly calls = new Set<Exchange>();

  constructor(
    name: string,
    cluster: Cluster,
    access: AccessLog,
    { httpAgents, toolServers }: { httpAgents: readonly HttpAgent[]; toolServers: readonly ToolServer[] },
    parts: Parts,
  ) {
    this.name = name;
    this.#cluster = cluster;
    this.#access = access;
    this.#httpAgents = httpAgents;
    this.#toolServers = toolServers;
    this.#parts = parts;
    this.life = new Life(name);
    this.life.dead = true;
  }

  /** By its own clock, milliseconds since the epoch. */
  readonly now = (): number => Math.round(this.#cluster.world.time.now() + this.skew);

  start(): void {
    if (!this.life.dead) return;
    this.life = new Life(this.name);
    const { life } = this;
    this.log = createSimulatedLog(this.#cluster, life, this.now);
    this.#undo = [];
    life.enter(() => void this.#begin(this.log!));
  }

  async #begin(log: SimulatedLog): Promise<void> {
    const { now } = this;
    const { logOf, processors } = this.#parts;
    const configuration = await followConfiguration(log, silent);
    const routes = createRoutes();
    const sealing = sealingBy(this.#parts.keyOf(this.name));
    const context = (of: Part): ServiceContext => ({
      log: logOf(of, log),
      logger: silent,
      metrics,
      tracing: withoutExporter,
      http: routes.http,
      configuration: configuration.current,
      environment: {},
      dataDir: undefined,
      grpcHost: '127.0.0.1',
      grpcPort: 0,
      signing: { ...signing, ...sealing },
      now,
    });
    const undo = (running: RunningService) => this.#undo.push(() => running.stop());
    const deciders = processors(log).map((processor) => {
      const hold = (state: unknown) => this.held.set(processor.name, state);
      return processorService(watched(processor, hold)).start(context(processor.name));
    });
    for (const running of await Promise.all(deciders)) undo(running);
    const edgeOfAgents = [startHearing(context('hearing')), startTimers(context('timers').log, silent, now)];
    for (const running of await Promise.all(edgeOfAgents)) undo(running);
    const recent = createRecentMessages();
    const hangUp = async () => {};
    const dispatchers = { of: () => new Upstream(this.#cluster, this.#access), close: hangUp };
    undo(await startOutbound(context('outbound'), defaultOutboundTimes, recent, dispatchers));
    const cards = await followCards(context('edge-a2a').log, silent);
    undo({ stop: () => cards.close() });
    const toAgents = { of: () => new WayToAgents(this.#cluster, this.#access, this.#httpAgents), close: hangUp };
    undo(await startOutboundToAgents(context('edge-a2a'), cards, sign, defaultAgentTimes, toAgents));
    await this.#beginTools(context, undo);
    undo(await startInbound(context('inbound'), defaultTimes, recent));
    this.#routes = routes;
    this.up = true;
  }

  /** As services/edge-mcp/index.ts does it. */
  async #beginTools(context: (of: Part) => ServiceContext, undo: (running: RunningService) => void): Promise<void> {
    const known = await followDefinitions(context('edge-mcp').log, silent);
    undo({ stop: () => known.close() });
    const servers = {
      of: () => new WayToServers(this.#cluster, this.#access, this.#toolServers),
      close: async () => {},
    };
    const connections = createConnections(context('tools outbound'), nobodyLoggedIn, servers);
    undo(await startOutboundToServers(context('tools outbound'), connections, known.definitions));
    undo(startCatalogue(context('catalogue'), known, connections, catalogueTimes));
    undo(
      await startInboundOfTools(context('tools inbound'), known, (server, uri) =>
        connections.watchOf(server).hold(uri),
      ),
    );
  }

  /** A client's call. */
  call(path: string, exchange: Exchange): void {
    this.calls.add(exchange);
    exchange.response.once('close', () => this.calls.delete(exchange));
    this.life.enter(() => this.#routes!.call(path, exchange));
  }

  get members(): readonly Member[] {
    return this.log?.members ?? [];
  }

  get idle(): boolean {
    return !this.life.dead && this.up && this.calls.size === 0 && this.log!.idle();
  }

  /** Ends with everything that it has in memory. */
  crash(): void {
    if (this.life.dead) return;
    this.life.dead = true;
    this.up = false;
    this.log!.abandon();
    for (const exchange of this.calls) exchange.cut();
    this.calls.clear();
  }

  /** Stops in order, as upon a signal. @param stopped called once it has. */
  stop(stopped: () => void): void {
    if (!this.up || this.life.dead) return;
    this.up = false;
    const { life, log } = this;
    life.enter(() => {
      const all = async () => {
        for (const step of this.#undo.splice(0).reverse()) await step();
        await log!.close();
        if (life.dead) return;
        this.crash();
        stopped();
      };
      void all();
    });
  }
}
