/**
 * The OpenAI API of the mesh: turns HTTP calls into events and the events that follow into their answers.
 * Nothing is performed here, and nothing is answered that is not in the log.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { startAsker } from '../../runtime/ask.ts';
import type { Configuration } from '../../runtime/configuration.ts';
import { ACTOR_HEADER } from '../../runtime/edge/actor-token.ts';
import { createAdmission } from '../../runtime/edge/admission.ts';
import { APPEND_MS, withBoundedAppend } from '../../runtime/edge/append.ts';
import { type Caller, callerByToken, createCallers } from '../../runtime/edge/callers.ts';
import { createCancellations } from '../../runtime/edge/cancellations.ts';
import { headerOf } from '../../runtime/edge/headers.ts';
import { followIdempotencyKeys } from '../../runtime/edge/idempotency.ts';
import { outcomesHeard } from '../../runtime/edge/outcomes.ts';
import { type HttpProblem, statusOfError } from '../../runtime/http.ts';
import { answerEarly } from '../../runtime/http-early.ts';
import type { RunningService, ServiceContext } from '../../runtime/service.ts';
import { answerOf, type ErrorAnswer, edgeProblems } from '../openai/errors.ts';
import { type Interface, interfaces } from '../openai/protocol.ts';
import { createRecentMessages } from '../recent-messages.ts';
import { admit, answerOfUnauthenticated } from './admit.ts';
import { SOURCE } from './call.ts';
import { answerTypes } from './events.ts';
import type { Exchange } from './exchange.ts';
import { readHeaders } from './headers.ts';
import { createKnownParts } from './known-parts.ts';
import { createListener } from './listening.ts';
import { findModel, listModels } from './models.ts';
import { inboundProblems, problemOfHttp } from './problems.ts';
import { beginService, type Edge, type Serving } from './serve.ts';
import { defaultStreamBuffer, type StreamBuffer } from './stream-writer.ts';

const PREFIX = '/v1';
/** How long requests in flight may take to end when the edge stops: within the 30 s that orchestrators give a process. */
const DRAIN_MS = 20_000;

export interface InboundTimes {
  /** How long a client waits for an append, milliseconds. */
  appendMs: number;
  /** How long requests in flight may take to end when the edge stops, milliseconds. */
  drainMs: number;
  buffer: StreamBuffer;
}

export const defaultTimes: InboundTimes = { appendMs: APPEND_MS, drainMs: DRAIN_MS, buffer: defaultStreamBuffer };

declare module 'fastify' {
  interface FastifyRequest {
    serving: Serving | null;
  }
}

interface Identified {
  caller: Caller;
  inForce: Configuration;
  /** Of the task that the caller works on, where it showed that it does. */
  contextId?: string;
}

/** Listens for answers and follows the keys, then mounts the routes on the process's server. */
export const startInbound = async (
  context: ServiceContext,
  times = defaultTimes,
  recent = createRecentMessages(0),
): Promise<RunningService> => {
  const { metrics, http, configuration, now } = context;
  const logger = context.logger.child({ service: 'edge-llm', side: 'inbound' });
  const log = withBoundedAppend(context.log, times.appendMs);
  const [asker, keys] = await Promise.all([
    startAsker(log, outcomesHeard, answerTypes),
    followIdempotencyKeys(log, SOURCE, logger, now),
  ]);
  const listener = createListener({ log, asker, keys, now });
  const cancellations = createCancellations(log, logger, now);
  const admission = createAdmission();
  const callers = createCallers('edge-llm', log, logger, now);
  const inFlight = new Set<Exchange>();
  let stopping = false;
  const edge: Edge = {
    context: { ...context, logger },
    listener,
    cancellations,
    known: createKnownParts({
      now,
      durable: (contextId, offset, message) => recent.put(log.partitionOf(contextId), offset, message),
    }),
    buffer: times.buffer,
    stopping: () => stopping,
  };

  const refuse = (
    request: FastifyRequest,
    reply: FastifyReply,
    protocol: string,
    { status, headers, body }: ErrorAnswer,
  ) => {
    metrics.requests.inc({ protocol, status });
    reply.hijack();
    answerEarly(request.raw, reply.raw, status, stopping ? { ...headers, connection: 'close' } : headers, body);
  };

  /** Who calls, under which configuration. Where that can't be said the call is refused and undefined returned. */
  const identify = (request: FastifyRequest, reply: FastifyReply, protocol: string): Identified | undefined => {
    const inForce = configuration();
    const turnAway = (answer: ErrorAnswer) => refuse(request, reply, protocol, answer);
    if (stopping) turnAway(answerOf(edgeProblems.stopping()));
    else if (!inForce) turnAway(answerOf(inboundProblems.notConfigured()));
    else {
      const traceparent = headerOf(request.headers, 'traceparent');
      const { caller, problem } = callers.identify(request.headers.authorization, inForce, { protocol, traceparent });
      if (caller) return { caller, inForce };
      turnAway(answerOfUnauthenticated(problem));
    }
    return undefined;
  };

  const begin = (via: Interface) => (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
    const identified = identify(request, reply, via.protocol);
    if (!identified) return;
    const token = headerOf(request.headers, ACTOR_HEADER);
    if (token === undefined) return enter(via, request, reply, identified, done);
    callerByToken(context.signing.verifyJwt, token, identified.caller.credential).then(
      (acting) => enter(via, request, reply, { ...identified, ...acting }, done),
      () => refuse(request, reply, via.protocol, answerOf(inboundProblems.actor())),
    );
  };

  const enter = (
    via: Interface,
    request: FastifyRequest,
    reply: FastifyReply,
    { caller, inForce, contextId }: Identified,
    done: () => void,
  ) => {
    const { credential } = caller;
    const { call, problem } = readHeaders(request.headers, credential, inForce.limits, now(), contextId);
    const refused = problem ?? admit(request.raw, credential, inForce.limits, admission);
    const serving = beginService(
      edge,
      { request: request.raw, response: reply.raw, via, caller, limits: inForce.limits, headers: call ?? {} },
      () => {
        inFlight.delete(serving.exchange);
        if (!refused) admission.leave(credential.id);
      },
    );
    inFlight.add(serving.exchange);
    if (refused) {
      reply.hijack();
      serving.refuse(refused);
      return;
    }
    request.serving = serving;
    done();
  };

  const mountCalls = (v1: FastifyInstance) => {
    for (const via of interfaces) {
      const url = via.path.slice(PREFIX.length);
      v1.post(url, { onRequest: begin(via) }, async (request, reply) => {
        reply.hijack();
        await request.serving?.serve((request.body as Buffer | undefined) ?? Buffer.alloc(0));
      });
      mountNotAllowed(v1, url, ['POST']);
    }
  };

  const mountModels = (v1: FastifyInstance) => {
    const protocol = 'openai.models';
    v1.get('/models', async (request, reply) => {
      const identified = identify(request, reply, protocol);
      if (!identified) return reply;
      metrics.requests.inc({ protocol, status: 200 });
      return listModels(identified.inForce);
    });
    // A wildcard, because names of models have slashes.
    v1.get<{ Params: { '*': string } }>('/models/*', async (request, reply) => {
      const identified = identify(request, reply, protocol);
      if (!identified) return reply;
      const id = request.params['*'];
      const model = findModel(identified.inForce, id);
      if (model) metrics.requests.inc({ protocol, status: 200 });
      else refuse(request, reply, protocol, answerOf(edgeProblems.modelNotFound(id.slice(0, 256))));
      return model ?? reply;
    });
    mountNotAllowed(v1, '/models', ['GET', 'HEAD']);
    mountNotAllowed(v1, '/models/*', ['GET', 'HEAD']);
  };

  const mountNotAllowed = (v1: FastifyInstance, url: string, allowed: readonly string[]) => {
    const onRequest = (request: FastifyRequest, reply: FastifyReply) => {
      const answer = answerOf(edgeProblems.methodNotAllowed(request.method, PREFIX + url));
      refuse(request, reply, 'openai', { ...answer, headers: { ...answer.headers, allow: allowed.join(', ') } });
    };
    const method = v1.supportedMethods.filter((m) => !allowed.includes(m));
    v1.route({ method, url, onRequest, handler: () => {} });
  };

  const inWords = (problem: HttpProblem) =>
    problemOfHttp(problem, configuration()?.limits.bodyBytes ?? http.initialConfig.bodyLimit ?? 0);
  const mount = (v1: FastifyInstance, _options: object, done: () => void) => {
    v1.decorateRequest('serving', null);
    // What goes wrong while the body of a call is read; after that the reply is no longer fastify's.
    v1.setErrorHandler((error, request, reply) => {
      const status = statusOfError(error);
      if (!request.serving || status >= 500) throw error;
      reply.hijack();
      request.serving.refuse(inWords({ status, message: 'The body could not be read.', method: '', path: '' }));
    });
    mountCalls(v1);
    mountModels(v1);
    done();
  };
  http.problemForms.set(PREFIX, (problem) => answerOf(inWords(problem)).body.toString());
  http.readiness.set('edge-llm', () => !stopping && configuration() !== undefined);
  http.register(mount, { prefix: PREFIX });

  return {
    stop: async () => {
      stopping = true;
      const until = Date.now() + times.drainMs;
      while (inFlight.size > 0 && Date.now() < until) await sleep(20);
      // Their conversations go on in the log: whoever comes back with an idempotency key gets the rest.
      for (const exchange of inFlight) exchange.stop('STOPPING');
      for (let i = 0; i < 50 && inFlight.size > 0; i++) await sleep(20);
      for (const exchange of inFlight) exchange.response.destroy();
      callers.close();
      await Promise.all([asker.close(), keys.close(), cancellations.close()]);
    },
  };
};
