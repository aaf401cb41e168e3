/**
 * The MCP server of the mesh: each endpoint, and each server, at /mcp/<name>, and all of them at /mcp; clients of either era at
 * one URL. What a client asks is said in the log, and what follows there is its answer; nothing is performed here.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { classifyInboundRequest } from '@modelcontextprotocol/server';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { startAsker } from '../../runtime/ask.ts';
import { createAdmission } from '../../runtime/edge/admission.ts';
import { APPEND_MS, withBoundedAppend } from '../../runtime/edge/append.ts';
import { createCallers } from '../../runtime/edge/callers.ts';
import { createCancellations } from '../../runtime/edge/cancellations.ts';
import { headerOf } from '../../runtime/edge/headers.ts';
import { followIdempotencyKeys } from '../../runtime/edge/idempotency.ts';
import { publicUrlOf } from '../../runtime/edge/public-url.ts';
import { isLogUnavailable } from '../../runtime/errors.ts';
import { defaultHttpLimits, statusOfError } from '../../runtime/http.ts';
import { answerEarly } from '../../runtime/http-early.ts';
import { PROTOCOL } from '../../runtime/mcp/message.ts';
import type { RunningService, ServiceContext } from '../../runtime/service.ts';
import type { KnownDefinitions } from '../catalogue/known-definitions.ts';
import { account } from './account.ts';
import { followCards } from './agents/cards.ts';
import { followUpdates } from './agents/updates.ts';
import type { Edge } from './answers.ts';
import { type Hold, startChanges } from './changes.ts';
import { type Door, type Entered, letIn } from './door.ts';
import { heard, heardTypes } from './events.ts';
import { createAsking } from './keyed.ts';
import { type Message as LegacyMessage, startLegacy } from './legacy.ts';
import { METADATA_PATH, metadataOf } from './metadata.ts';
import { createModern } from './modern.ts';
import { bodyOf, idOf, McpProblem, type Refusal, refusalOfHttp, refusals } from './problems.ts';
import { type Message, SOURCE } from './request.ts';
import { followSessions } from './sessions.ts';
import { createVisibility } from './visible.ts';

const PREFIX = '/mcp';
const METHODS = 'GET, POST, DELETE';

export interface InboundTimes {
  /** How long a client waits for an append, milliseconds. */
  appendMs: number;
  /** How long calls in flight may take to end when the edge stops, milliseconds. */
  drainMs: number;
  /** How long a session that is not known here is waited for, milliseconds. */
  sessionMs: number;
  /** After how long without a word a client is told that its call goes on, milliseconds. */
  keepAliveMs: number;
  /** After how long a call of a client that takes tasks becomes one, milliseconds. */
  taskMs: number;
}

export const defaultTimes: InboundTimes = {
  appendMs: APPEND_MS,
  drainMs: 20_000,
  sessionMs: 2_000,
  keepAliveMs: 10_000,
  taskMs: 500,
};

declare module 'fastify' {
  interface FastifyRequest {
    mcp: Entered | null;
  }
}

/** Resolves once everything that the log knows of sessions is known here. @param known what servers offer; closed by its owner. @param hold of the outbound side */
export const startInbound = async (
  context: ServiceContext,
  known: Pick<KnownDefinitions, 'definitions' | 'changed'>,
  hold: Hold,
  times = defaultTimes,
): Promise<RunningService> => {
  const { metrics, http, configuration, signing, now } = context;
  const logger = context.logger.child({ service: SOURCE, side: 'inbound' });
  const log = withBoundedAppend(context.log, times.appendMs);
  let revision = 0;
  const countRevisions = known.changed(() => {
    revision += 1;
  });
  const { definitions } = known;
  const cards = await followCards(log, logger);
  const visibility = createVisibility(definitions, () => revision, cards.descriptionOf);
  const [asker, keys, updates, sessions, changes] = await Promise.all([
    startAsker(log, heard, heardTypes),
    followIdempotencyKeys(log, SOURCE, logger, now),
    followUpdates(log),
    followSessions(log, logger, now, times.sessionMs),
    startChanges(log, logger, visibility, configuration, now, hold),
  ]);
  const tellChanges = known.changed(changes.changed);
  cards.changed(() => {
    revision += 1;
    changes.changed();
  });
  const cancellations = createCancellations(log, logger, now);
  const callers = createCallers(SOURCE, log, logger, now);
  const { keepAliveMs, taskMs } = times;
  const askUnderKey = createAsking(log, asker, keys, now);
  const mesh = {
    context: { ...context, logger },
    log,
    asker,
    askUnderKey,
    cancellations,
    visibility,
    keepAliveMs,
    taskMs,
  };
  const edge: Edge = { ...mesh, definitions, updates };
  const modern = createModern(edge, changes);
  const legacy = await startLegacy(edge, sessions, changes);
  const inside = new Set<ServerResponse>();
  let stopping = false;

  const door: Door = {
    callers,
    calls: createAdmission(),
    streams: createAdmission(),
    verifyJwt: signing.verifyJwt,
    configuration,
    publicUrl: () => publicUrlOf(context),
    http,
    stopping: () => stopping,
    now,
  };
  const bodyBytes = () =>
    configuration()?.limits.bodyBytes ?? http.initialConfig.bodyLimit ?? defaultHttpLimits.bodyBytes;

  const refuse = (request: IncomingMessage, response: ServerResponse, refusal: Refusal, body?: unknown) => {
    const headers = { ...(stopping ? { connection: 'close' } : {}), ...refusal.headers };
    answerEarly(request, response, refusal.status, headers, bodyOf(refusal, idOf(body)));
  };

  const enter = async (request: FastifyRequest<{ Params: { name?: string } }>, reply: FastifyReply) => {
    const { raw: incoming } = request;
    const { raw: response } = reply;
    const { name: endpoint = '' } = request.params;
    const turnAway = (refusal: Refusal) => {
      metrics.requests.inc({ protocol: PROTOCOL, status: refusal.status });
      reply.hijack();
      refuse(incoming, response, refusal);
    };
    if (!['GET', 'POST', 'DELETE'].includes(request.method)) return turnAway(refusals.notAllowed(METHODS));
    const entered = await letIn(door, incoming, response, endpoint);
    if (!('visit' in entered)) return turnAway(entered);
    const { visit, leave } = entered;
    if (response.closed) {
      leave();
      reply.hijack();
      return;
    }
    request.mcp = entered;
    account(edge.context, visit);
    inside.add(response);
    response.once('close', () => {
      inside.delete(response);
      leave();
    });
    // Whether there is one is for who is known to hear.
    if (visibility.names(visit.inForce, endpoint)) return;
    reply.hijack();
    refuse(incoming, response, refusals.noEndpoint(endpoint.slice(0, 64)));
  };

  /** What a body says, by the era of its client. */
  const pass = async ({ visit, stay }: Entered, bytes: Buffer): Promise<Refusal | undefined> => {
    if (visit.request.method !== 'POST') return legacy.serve(visit, undefined);
    if (bytes.length > bodyBytes()) return refusals.bodyTooLarge(bodyBytes());
    let body: unknown;
    try {
      body = JSON.parse(bytes.toString());
    } catch {
      return refusals.notJson();
    }
    if (Array.isArray(body)) return refusals.batch();
    if (typeof body !== 'object' || body === null || (body as { jsonrpc?: unknown }).jsonrpc !== '2.0')
      return refusals.notMessage();
    const { method, id } = body as { method?: unknown; id?: unknown };
    if (method !== undefined && typeof method !== 'string') return refusals.notMessage();
    if (id !== undefined && typeof id !== 'string' && !Number.isSafeInteger(id)) return refusals.notMessage();
    visit.said.method = (method ?? '').slice(0, 64);
    const header = (name: string) => headerOf(visit.request.headers, name);
    const found = classifyInboundRequest({
      httpMethod: 'POST',
      body,
      ...{
        protocolVersionHeader: header('mcp-protocol-version'),
        mcpMethodHeader: header('mcp-method'),
        mcpNameHeader: header('mcp-name'),
      },
    } as Parameters<typeof classifyInboundRequest>[0]);
    if (found.kind === 'legacy') return legacy.serve(visit, body as LegacyMessage);
    const crowded = method === 'subscriptions/listen' ? stay() : undefined;
    if (crowded) return crowded;
    await modern.serve(visit, body as Message);
    return undefined;
  };

  const serve = async (request: FastifyRequest, reply: FastifyReply) => {
    reply.hijack();
    const bytes = (request.body as Buffer | undefined) ?? Buffer.alloc(0);
    try {
      const refusal = await pass(request.mcp!, bytes);
      if (refusal) refuse(request.raw, reply.raw, refusal);
    } catch (error) {
      const unavailable = isLogUnavailable(error);
      if (!unavailable && !(error instanceof McpProblem)) logger.error({ err: error }, 'a request failed');
      refuse(request.raw, reply.raw, unavailable ? refusals.logUnavailable() : refusals.internal());
      if (reply.raw.headersSent) reply.raw.end();
    }
  };

  const mount = (mcp: FastifyInstance, _options: object, done: () => void) => {
    mcp.decorateRequest('mcp', null);
    mcp.setErrorHandler((error, request, reply) => {
      const status = statusOfError(error);
      if (!request.mcp || status >= 500) throw error;
      reply.hijack();
      refuse(
        request.raw,
        reply.raw,
        refusalOfHttp({ status, message: 'The body could not be read.', method: '', path: '' }, bodyBytes()),
      );
    });
    for (const url of ['/', '/:name'])
      mcp.route<{ Params: { name?: string } }>({ method: mcp.supportedMethods, url, onRequest: enter, handler: serve });
    done();
  };
  http.problemForms.set(PREFIX, (problem) => bodyOf(refusalOfHttp(problem, bodyBytes())));
  http.readiness.set(SOURCE, () => !stopping && configuration() !== undefined);
  http.register(mount, { prefix: PREFIX });
  for (const path of ['', PREFIX, `${PREFIX}/:name`])
    http.get<{ Params: { name?: string } }>(METADATA_PATH + path, async (request, reply) =>
      reply.type('application/json').send(JSON.stringify(metadataOf(publicUrlOf(context), request.params.name ?? ''))),
    );

  const busy = () => inside.size > 0 || legacy.inFlight() > 0;
  return {
    stop: async () => {
      stopping = true;
      // Streams that stay open are taken up again at another replica.
      modern.end();
      legacy.end();
      const until = Date.now() + times.drainMs;
      while (busy() && Date.now() < until) await sleep(20);
      modern.giveUp();
      legacy.giveUp();
      for (let i = 0; i < 50 && busy(); i++) await sleep(20);
      for (const response of inside) response.destroy();
      countRevisions();
      tellChanges();
      modern.close();
      callers.close();
      await Promise.all([
        asker.close(),
        keys.close(),
        updates.close(),
        cards.close(),
        sessions.close(),
        changes.close(),
        legacy.close(),
        cancellations.close(),
      ]);
    },
  };
};
