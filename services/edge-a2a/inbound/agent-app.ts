/** The HTTP bindings of A2A 1.0 and 0.3 for one agent: the SDK's, with bodies read within the limits of the mesh. */
import { A2A_CONTENT_TYPE, A2A_VERSION_HEADER } from '@a2a-js/sdk';
import { RequestMalformedError } from '@a2a-js/sdk/errors';
import type { A2ARequestHandler } from '@a2a-js/sdk/server';
import { agentCardHandler, jsonRpcHandler, restHandler } from '@a2a-js/sdk/server/express';
import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import type { SignedCard } from './cards.ts';
import { meshProblems } from './errors.ts';
import { type Form, invalidRequest, parseError, problemIn, rewording } from './problem-forms.ts';
import type { Visitor } from './visitor.ts';

export const CARD_PATH = '/.well-known/agent-card.json';
/** Where clients of A2A before 1.0 may look, who do not say which version they speak. */
export const LEGACY_CARD_PATH = '/.well-known/agent.json';
export const isCardPath = (path: string): boolean => path === CARD_PATH || path === LEGACY_CARD_PATH;

/** Seconds. Agents' own cards are looked at once a minute. */
const CARD_MAX_AGE = 60;
const VERSION = A2A_VERSION_HEADER.toLowerCase();
const legacyCompat = { enabled: true };

export interface AgentApp {
  /** Both with errors in the form of their binding. */
  handlers: { jsonrpc: A2ARequestHandler; rest: A2ARequestHandler };
  /** @throws where the agent has published none. */
  card(): Promise<SignedCard>;
  visitorOf(request: Request): Visitor;
  bodyBytes(): number;
}

/** JSON-RPC is served at the agent's URL itself, REST below it. */
export const formOf = (method: string | undefined, path: string): Form =>
  method === 'POST' && path === '/' ? 'jsonrpc' : 'rest';

/** The SDK would read up to 100 kB. A body that is read already it takes as it is. */
const readingBody =
  (bodyBytes: () => number): RequestHandler =>
  (request, response, next) => {
    const strict = formOf(request.method, request.path) === 'jsonrpc';
    express.json({ limit: bodyBytes(), type: ['application/json', A2A_CONTENT_TYPE], strict })(request, response, next);
  };

const answeringErrors =
  (bodyBytes: () => number): ErrorRequestHandler<{ type?: string }> =>
  // Express knows it for a handler of errors by its four parameters.
  (error, request, response, _next) => {
    if (response.headersSent) return void response.destroy();
    const form = formOf(request.method, request.path);
    if (error.type === 'entity.parse.failed' && form === 'jsonrpc') return void response.status(200).json(parseError);
    const known =
      error.type === 'entity.too.large'
        ? meshProblems.tooLarge(bodyBytes())
        : new RequestMalformedError(
            error.type === 'entity.parse.failed' ? 'Invalid JSON payload.' : 'The request could not be read.',
          );
    const { status, type, body } = problemIn(form, known);
    // The rest of the body is not waited for.
    if (!request.complete) response.set('connection', 'close');
    response.status(status).type(type).json(body);
  };

type LegacyCard = { additionalInterfaces?: { url: string; transport: string }[] };

const schemed = (body: string): string => {
  const card = JSON.parse(body) as LegacyCard;
  if (!card.additionalInterfaces) return body;
  const additionalInterfaces = card.additionalInterfaces.map((one) =>
    one.transport === 'GRPC' ? { ...one, url: `http://${one.url}` } : one,
  );
  return JSON.stringify({ ...card, additionalInterfaces });
};

/** A2A 0.3 (5.6.1) writes gRPC's address as a URL too; clients that say which version they speak want it bare. */
const withSchemes = (response: Response): void => {
  const send = response.send.bind(response);
  response.send = (body: unknown) => send(typeof body === 'string' ? schemed(body) : body);
};

const addCard = (app: Express, card: AgentApp['card']): void => {
  const served = agentCardHandler({
    agentCardProvider: async () => (await card()).card,
    cache: { maxAge: CARD_MAX_AGE },
    legacyCompat,
  });
  const serve =
    (version: string): RequestHandler =>
    async (request, response, next) => {
      try {
        const { since, isOlder } = await card();
        response.set('last-modified', since.toUTCString());
        if (!request.headers[VERSION]) withSchemes(response);
        // Who does not say is given a card of 1.0; of an agent that has clients of 0.3, one in both forms, as the SDK does.
        if (version === '0.3' || !isOlder) request.headers[VERSION] ||= version;
        served(request, response, next);
      } catch (error) {
        const { status, type, body } = problemIn('rest', error as Error);
        response.status(status).type(type).json(body);
      }
    };
  app.use(CARD_PATH, serve('1.0'));
  app.use(LEGACY_CARD_PATH, serve('0.3'));
};

/** What was not read is of another media type, which the SDK refuses. */
const refusingNoRequests: RequestHandler = ({ body }, response, next) => {
  const problem = body === undefined ? undefined : invalidRequest(body);
  if (problem) response.status(200).json(problem);
  else next();
};

/**
 * Of A2A 0.3's CreateTaskPushNotificationConfigRequest the body is its `config` alone (a2a.proto, google.api.http). The Python
 * SDK's clients of 0.3 send the whole of it.
 */
const takingConfig: RequestHandler = (request, _response, next) => {
  const config = (request.body as { config?: unknown } | undefined)?.config;
  if (typeof config === 'object' && config !== null) request.body = config;
  next();
};

export const createAgentApp = ({ handlers, card, visitorOf, bodyBytes }: AgentApp): Express => {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  const userBuilder = async (request: Request) => visitorOf(request);
  app.use((_request, response, next) => {
    rewording(response);
    next();
  });
  addCard(app, card);
  app.use(readingBody(bodyBytes));
  app.post('/', refusingNoRequests, jsonRpcHandler({ requestHandler: handlers.jsonrpc, userBuilder, legacyCompat }));
  app.post('/v1/tasks/:taskId/pushNotificationConfigs', takingConfig);
  app.use(restHandler({ requestHandler: handlers.rest, userBuilder, legacyCompat }));
  app.use((request, response) => {
    const { status, type, body } = problemIn(
      'rest',
      meshProblems.noPath(request.method ?? '', request.path.slice(0, 256)),
    );
    response.status(status).type(type).json(body);
  });
  app.use(answeringErrors(bodyBytes));
  return app;
};
