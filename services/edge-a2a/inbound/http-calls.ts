/** Calls over HTTP, from the door to the app of the agent that they name. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Express, Request } from 'express';
import type { Logger } from 'pino';
import { challengeOf } from '../../runtime/edge/authentication.ts';
import { headerOf } from '../../runtime/edge/headers.ts';
import { answerEarly } from '../../runtime/http-early.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import { type Door, identify, letIn, type TurnedAway } from './admit.ts';
import { formOf, isCardPath } from './agent-app.ts';
import { MeshError } from './errors.ts';
import { type Form, problemIn } from './problem-forms.ts';
import { PROTOCOL } from './request.ts';
import { withinLog } from './sdk-console.ts';
import type { Visitor } from './visitor.ts';

export interface HttpCalls {
  /** Serves a call to an agent, or says why not, in the form of its binding. Never rejects. */
  serve(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Answers with the JSON of what `tell` makes of an identified caller. Never rejects. */
  tell(request: IncomingMessage, response: ServerResponse, tell: Telling): Promise<void>;
  visitorOf(request: Request): Visitor;
}

type Telling = (identified: Exclude<Awaited<ReturnType<typeof identify>>, TurnedAway>) => object;

export interface HttpCallsOptions {
  door: Door;
  /** The app of an agent. @throws MeshError where there is no such agent */
  appOf(agent: string): Express;
  metrics: Metrics;
  logger: Logger;
  failed(error: unknown): void;
}

/** What of a URL names the agent, and what is left for its app. */
const split = (url = ''): { agent: string; path: string; query: string } => {
  const [, agent = '', path = '', query = ''] = /^\/a2a\/?([^/?]*)([^?]*)(.*)$/s.exec(url) ?? [];
  return { agent, path: path || '/', query };
};

const isRead = ({ method }: IncomingMessage): boolean => method === 'GET' || method === 'HEAD';

export const createHttpCalls = ({ door, appOf, metrics, logger, failed }: HttpCallsOptions): HttpCalls => {
  const visitors = new WeakMap<IncomingMessage, Visitor>();

  /** Counts and logs a call from here to its end. */
  const account = (request: IncomingMessage, response: ServerResponse, agent: string): void => {
    const started = performance.now();
    metrics.requestsInFlight.inc({ protocol: PROTOCOL });
    response.once('close', () => {
      const seconds = (performance.now() - started) / 1_000;
      const { statusCode: status } = response;
      const streaming = String(response.getHeader('content-type') ?? '').startsWith('text/event-stream');
      metrics.requestsInFlight.dec({ protocol: PROTOCOL });
      metrics.requests.inc({ protocol: PROTOCOL, status });
      metrics.requestDuration.observe({ protocol: PROTOCOL, streaming: String(streaming) }, seconds);
      logger.debug({ agent, method: request.method, status, streaming, ms: Math.round(seconds * 1_000) }, 'answered');
    });
  };

  const refuse = (request: IncomingMessage, response: ServerResponse, form: Form, { error, problem }: TurnedAway) => {
    const { status, type, body } = problemIn(form, error);
    const challenge = problem === undefined ? {} : { 'www-authenticate': challengeOf(problem) };
    const close = door.stopping() ? { connection: 'close' } : {};
    answerEarly(request, response, status, { 'content-type': type, ...challenge, ...close }, JSON.stringify(body));
  };

  const guarded = async (request: IncomingMessage, response: ServerResponse, form: Form, run: () => Promise<void>) => {
    try {
      await run();
    } catch (error) {
      if (!(error instanceof MeshError)) failed(error);
      const internal = () => new MeshError('INTERNAL', 'INTERNAL', 'The mesh failed to serve the call.');
      refuse(request, response, form, { error: error instanceof MeshError ? error : internal() });
    }
  };

  return {
    visitorOf: (request) => visitors.get(request)!,
    serve: (request, response) => {
      const { agent, path, query } = split(request.url);
      const form = formOf(request.method, path);
      account(request, response, agent);
      return guarded(request, response, form, async () => {
        if (!(isCardPath(path) && isRead(request))) {
          const identified = await identify(door, (name) => headerOf(request.headers, name));
          if ('error' in identified) return refuse(request, response, form, identified);
          const { visitor, leave } = letIn(door, identified, response);
          visitors.set(request, visitor);
          response.once('close', leave);
          if (response.closed) return leave();
        }
        const app = appOf(agent);
        request.url = path + query;
        withinLog(logger, () => app(request, response));
      });
    },
    tell: (request, response, tell) => {
      account(request, response, '');
      return guarded(request, response, 'rest', async () => {
        const identified = await identify(door, (name) => headerOf(request.headers, name));
        if ('error' in identified) return refuse(request, response, 'rest', identified);
        answerEarly(request, response, 200, {}, JSON.stringify(tell(identified)));
      });
    },
  };
};
