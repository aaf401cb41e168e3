/**
 * The A2A server of the mesh: every agent of the configuration at /a2a/<agent>, and at one gRPC port. What a client asks is
 * said in the log, and what follows there is its answer; nothing is performed here.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { A2ARequestHandler } from '@a2a-js/sdk/server';
import type { Express } from 'express';
import type { FastifyInstance } from 'fastify';
import { agentName } from '../../../topics/index.ts';
import { startAsker } from '../../runtime/ask.ts';
import { createAdmission } from '../../runtime/edge/admission.ts';
import { APPEND_MS, withBoundedAppend } from '../../runtime/edge/append.ts';
import { createCallers } from '../../runtime/edge/callers.ts';
import { outcomesHeard, outcomeTypes } from '../../runtime/edge/outcomes.ts';
import { publicUrlOf } from '../../runtime/edge/public-url.ts';
import { defaultHttpLimits, type HttpProblem } from '../../runtime/http.ts';
import type { RunningService, ServiceContext } from '../../runtime/service.ts';
import type { Signing } from '../../runtime/signing.ts';
import type { KnownCards } from '../cards/known-cards.ts';
import type { PushConfigurations } from '../push/configurations.ts';
import type { Backlog } from '../view/changes.ts';
import { startView } from '../view/view.ts';
import type { Door, Identified } from './admit.ts';
import { CARD_PATH, createAgentApp, LEGACY_CARD_PATH } from './agent-app.ts';
import { createMeshCards, KEY_SET_PATH } from './cards.ts';
import { meshProblems } from './errors.ts';
import { listenGrpc } from './grpc.ts';
import { createHandler, inFormOf, type Mesh } from './handler.ts';
import { createHttpCalls } from './http-calls.ts';
import { urlOfAgent } from './mesh-card.ts';
import { bodyOfHttp } from './problem-forms.ts';
import { createPushConfigurations } from './push-configurations.ts';
import { SOURCE } from './request.ts';
import { agentIn, createVisibility } from './visible-agents.ts';
import type { Visitor } from './visitor.ts';

const PREFIX = '/a2a';

export interface InboundTimes {
  /** How long a client waits for an append, milliseconds. */
  appendMs: number;
  /** How long calls in flight may take to end when the edge stops, milliseconds. */
  drainMs: number;
  /** How long the client of a cancellation waits for the task to end, milliseconds. */
  cancelMs: number;
}

export const defaultTimes: InboundTimes = { appendMs: APPEND_MS, drainMs: 5_000, cancelMs: 10_000 };

export interface InboundOptions {
  signing: Signing;
  cards: Pick<KnownCards, 'of'>;
  /** Who wants to be told of which tasks. */
  wanted: PushConfigurations;
  times?: InboundTimes;
  backlog?: Backlog;
  /** Why a push notification may not go to a URL; undefined: it may. */
  refusesPush?: (url: URL) => string | undefined;
}

/** Resolves once everything that the log knows of tasks is known here. */
export const startInbound = async (context: ServiceContext, options: InboundOptions): Promise<RunningService> => {
  const { metrics, http, configuration, now } = context;
  const { signing, cards: known, wanted, times = defaultTimes } = options;
  const logger = context.logger.child({ service: SOURCE, side: 'inbound' });
  const log = withBoundedAppend(context.log, times.appendMs);
  const [view, asker] = await Promise.all([
    startView({ log, logger, now, dataDir: context.dataDir, ...(options.backlog ? { backlog: options.backlog } : {}) }),
    startAsker(log, outcomesHeard, outcomeTypes),
  ]);
  const callers = createCallers(SOURCE, log, logger, now);
  const visibility = createVisibility();
  const inside = new Set<Visitor>();
  const apps = new Map<string, Express>();
  let stopping = false;
  let grpcPort: number | undefined;

  const door: Door = {
    callers,
    admission: createAdmission(),
    inside,
    verifyJwt: signing.verifyJwt,
    configuration,
    stopping: () => stopping,
  };
  const bodyBytes = () =>
    configuration()?.limits.bodyBytes ?? http.initialConfig.bodyLimit ?? defaultHttpLimits.bodyBytes;
  const rootAgent = () => configuration()?.a2a.rootAgent ?? undefined;

  const publicUrl = () => publicUrlOf(context);
  const cards = createMeshCards(known, signing, (agent) => {
    const url = publicUrl();
    const grpcAddress = grpcPort === undefined ? undefined : `${new URL(url).hostname}:${grpcPort}`;
    return { agent, publicUrl: url, grpcAddress, isRoot: agent === rootAgent() };
  });

  const mesh: Mesh = {
    view,
    asker,
    log,
    configuration,
    now,
    cancelMs: times.cancelMs,
    push: createPushConfigurations({ log, signing, known: wanted, now }, options.refusesPush),
    card: async (agent) => (await cards.of(agent)).card,
    extendedCard: async (agent) => (await cards.extendedOf(agent))?.card,
    sees: (caller, agent) => {
      const inForce = configuration();
      return inForce !== undefined && visibility.sees(inForce, caller, agent);
    },
  };
  const failed = (error: unknown) => logger.error({ err: error }, 'a call failed');

  /** @throws where the configuration has no such agent */
  const checkAgent = (agent: string): void => {
    const inForce = configuration();
    if (!inForce) throw meshProblems.notConfigured();
    if (!agentName.test(agent) || !agentIn(inForce, agent)) throw meshProblems.noAgent(agent.slice(0, 64));
  };

  const appOf = (agent: string): Express => {
    checkAgent(agent);
    const made = apps.get(agent);
    if (made) return made;
    const handler = createHandler(mesh, agent);
    const app = createAgentApp({
      handlers: { jsonrpc: inFormOf(handler, undefined, failed), rest: inFormOf(handler, 'rest', failed) },
      card: async () => {
        if (!cards.isPublished(agent)) throw meshProblems.noCard(agent);
        return cards.of(agent);
      },
      visitorOf: calls.visitorOf,
      bodyBytes,
    });
    apps.set(agent, app);
    return app;
  };
  const calls = createHttpCalls({ door, appOf, metrics, logger, failed });

  /** The agents that the caller may send to. */
  const list = ({ inForce, caller }: Identified) => ({
    agents: visibility.of(inForce, caller).map(({ id: agent }) => {
      const { name = agent, description = '', skills = [] } = known.of(agent)?.card ?? {};
      const cardUrl = urlOfAgent(publicUrl(), agent) + CARD_PATH;
      const inShort = skills.map(({ id, name, description, tags }) => ({ id, name, description, tags }));
      return { agent, name, description, skills: inShort, cardUrl };
    }),
  });

  const mount = (a2a: FastifyInstance, _options: object, done: () => void) => {
    const handler = () => {};
    // Before a body is read: that is for the SDK's routes to do.
    a2a.route({
      method: a2a.supportedMethods,
      url: '/*',
      onRequest: (request, reply) => {
        reply.hijack();
        void calls.serve(request.raw, reply.raw);
      },
      handler,
    });
    a2a.get('/', {
      onRequest: (request, reply) => {
        reply.hijack();
        void calls.tell(request.raw, reply.raw, list);
      },
      handler,
    });
    done();
  };

  const inWords = (problem: HttpProblem) => JSON.stringify(bodyOfHttp(problem, bodyBytes()));
  http.problemForms.set(PREFIX, inWords);
  http.readiness.set(SOURCE, () => !stopping && configuration() !== undefined);
  http.register(mount, { prefix: PREFIX });
  http.get(KEY_SET_PATH, async (_request, reply) =>
    reply.header('cache-control', 'public, max-age=300').type('application/jwk-set+json').send(signing.keySet),
  );
  for (const path of [CARD_PATH, LEGACY_CARD_PATH])
    http.get(path, {
      onRequest: (request, reply) => {
        reply.hijack();
        request.raw.url = `${PREFIX}/${rootAgent() ?? ''}${path}`;
        void calls.serve(request.raw, reply.raw);
      },
      handler: () => {},
    });

  const grpcHandlers = new Map<string, A2ARequestHandler>();
  const handlerOf = (agent: string): A2ARequestHandler => {
    checkAgent(agent);
    const handler = grpcHandlers.get(agent) ?? inFormOf(createHandler(mesh, agent), 'grpc', failed);
    grpcHandlers.set(agent, handler);
    return handler;
  };
  const { grpcHost: host, grpcPort: port } = context;
  const grpc =
    port === undefined
      ? undefined
      : await listenGrpc({ host, port, bodyBytes: bodyBytes(), rootAgent, door, metrics, logger, handlerOf });
  grpcPort = grpc?.port;
  if (grpc) logger.info({ port: grpc.port }, 'listening for gRPC');
  await view.caughtUp;

  return {
    stop: async () => {
      stopping = true;
      const until = Date.now() + times.drainMs;
      while (inside.size > 0 && Date.now() < until) await sleep(20);
      // Their tasks go on in the log: whoever comes back finds them.
      for (const visitor of inside) visitor.end(meshProblems.stopping());
      const closed = grpc?.close();
      for (let i = 0; i < 50 && inside.size > 0; i++) await sleep(20);
      await closed;
      callers.close();
      await Promise.all([asker.close(), view.close()]);
    },
  };
};
