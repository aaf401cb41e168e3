/** Clients of 2026-07-28: each request says all that there is to know of its client, so there is no session. */
import {
  createMcpHandler,
  type InputRequests,
  type McpHttpHandler,
  McpServer,
  type Result,
  type ServerEvent,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { headerOf } from '../../runtime/edge/headers.ts';
import { META } from '../../runtime/mcp/message.ts';
import { agentIn, ask, type Edge, namesOf, presentation, seenBy } from './answers.ts';
import { type AskedMethod, isAsked } from './asked.ts';
import type { Changes } from './changes.ts';
import { underKey } from './keyed.ts';
import { resourcesOf, withResources, withTasks } from './listen.ts';
import { caching, isList, listOf } from './lists.ts';
import { errorOf, McpProblem, noSuchMethod, staleState, TASKS } from './problems.ts';
import type { Exchange } from './relay.ts';
import { inputProvided, type Message, type Speaker } from './request.ts';
import { openRound, type Round, sealRound } from './rounds.ts';
import { createTasks, isTaskMethod, taskProblem } from './tasks/methods.ts';
import { anotherOf, type Visit } from './visit.ts';
import { webRequest, write } from './web.ts';

const envelope = z.looseObject({
  [META.protocolVersion]: z.string().default(''),
  [META.clientInfo]: z.unknown().optional(),
  [META.clientCapabilities]: z.unknown().optional(),
  [META.logLevel]: z.string().optional(),
});
const modernParams = z.looseObject({ _meta: envelope.default({ [META.protocolVersion]: '' }) });
const retry = z.looseObject({
  inputResponses: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
  requestState: z.string().optional(),
});

const speakerOf = (params: unknown): Speaker => {
  const parsed = modernParams.safeParse(params ?? {});
  const said = parsed.success ? parsed.data._meta : envelope.parse({});
  const {
    [META.protocolVersion]: protocolVersion,
    [META.clientInfo]: info = {},
    [META.clientCapabilities]: capabilities = {},
    [META.logLevel]: logLevel,
    ...meta
  } = said;
  return { protocolVersion, info, capabilities, logLevel, meta };
};

/** The SDK's server, for one request: it checks and frames, and hands on whatever is asked as it came. */
class Endpoint extends McpServer {
  readonly #schemaOf: (name: string) => Record<string, unknown> | undefined;
  constructor(
    said: Awaited<ReturnType<typeof presentation>>,
    schemaOf: (name: string) => Record<string, unknown> | undefined,
  ) {
    const { info, capabilities, instructions } = said;
    super(info, {
      ...(instructions === undefined ? {} : { instructions }),
      cacheHints: { 'server/discover': caching },
      // Nothing is validated here: of what passes through, the one that asked is the judge.
      jsonSchemaValidator: {
        getValidator: () => () => ({ valid: true, data: undefined as never, errorMessage: undefined }),
      },
    });
    this.server.registerCapabilities({ ...capabilities, extensions: { [TASKS]: {} } });
    this.#schemaOf = schemaOf;
  }
  override toolInputSchemaJson(name: string): Record<string, unknown> | undefined {
    return this.#schemaOf(name);
  }
}

/**
 * The SDK knows the tasks extension's methods as those of a revision that this is not, and refuses them; by another name it
 * hands them on.
 */
const ANOTHER_NAME = 'parley/';

export interface Modern {
  serve(visit: Visit, body: Message): Promise<void>;
  /** Ends the streams that stay open. */
  end(): void;
  /** Gives up what is in flight. */
  giveUp(): void;
  /** Nothing is followed any more. */
  close(): void;
}

export const createModern = (edge: Edge, changes: Changes): Modern => {
  const { signing, logger } = edge.context;
  const listening = new Set<McpHttpHandler>();
  const stopping = new AbortController();
  const tasks = createTasks(edge);

  /** The round that a request goes on with, where it is the mesh's own that it brings back. */
  const roundOf = async (visit: Visit, requestState: string | undefined): Promise<Round | undefined> => {
    const round = await openRound(signing, requestState);
    if (!round) return undefined;
    const isTheirs = round.credential === visit.caller.credential.id && round.endpoint === visit.endpoint;
    if (!isTheirs || round.deadline <= edge.context.now()) throw staleState();
    return round;
  };

  /** @param tell writes a notification to the client. */
  const answer = async (
    visit: Visit,
    { method, params }: Message,
    tell: Exchange['tell'],
    signal: AbortSignal,
  ): Promise<Record<string, unknown>> => {
    if (isList(method)) return { ...listOf(await seenBy(edge, visit), method, params), ...caching };
    if (isTaskMethod(method)) return tasks.serve(visit, method, params);
    if (!isAsked(method)) throw noSuchMethod();
    const { inputResponses = {}, requestState } = retry.safeParse(params ?? {}).data ?? {};
    const round = await roundOf(visit, requestState);
    const said = speakerOf(params);
    const key = round ? undefined : underKey(visit, method, params, said, edge.context.now());
    const contextId = round?.contextId ?? visit.contextId;
    const requestId = round?.mcpRequest ?? visit.requestId;
    Object.assign(visit, { contextId, requestId });
    // A task of an agent is A2A's: no other is made of it.
    const isOfServer = !agentIn(namesOf(edge, visit), method, params);
    const mayBeTask = method === 'tools/call' && !round && isOfServer;
    const begun = mayBeTask ? tasks.begin(visit, said, params, key !== undefined) : undefined;
    const instead = begun?.instead;
    const { inputResponses: _responses, requestState: _state, ...rest } = params ?? {};
    const answered = ask(
      edge,
      visit,
      method,
      round ? rest : params,
      {
        contextId,
        speaker: begun?.speaker ?? said,
        signal,
        key,
        tell,
        instead,
        question: async ({ id, method, params: question }, chunk) => {
          // A person takes longer than a connection lasts.
          if (instead && (!key || key.listening.stated?.id === requestId)) return instead.result();
          const given = inputResponses[id];
          if (round && given) {
            const { traceparent } = round;
            const said = inputProvided(
              { requestId, contextId, traceparent },
              id,
              { result: given },
              edge.context.now(),
            );
            await edge.log.append([said], signal);
            return undefined;
          }
          const { attempt, index } = chunk.data;
          const next: Round = {
            mcpRequest: visit.requestId,
            contextId,
            credential: visit.caller.credential.id,
            endpoint: visit.endpoint,
            deadline: round?.deadline ?? visit.deadline,
            traceparent: chunk.traceparent,
            time: chunk.time,
            attempt,
            index,
          };
          const inputRequests = { [id]: { method, params: question ?? {} } } as unknown as InputRequests;
          visit.said.ended = 'INPUT_REQUIRED';
          return { resultType: 'input_required', inputRequests, requestState: await sealRound(signing, next) };
        },
      },
      round,
    );
    return answered.finally(() => begun?.over());
  };

  const nothing = async () => {};

  return {
    serve: async (visit, message) => {
      const { response, caller, endpoint } = visit;
      const left = new AbortController();
      response.once('close', () => left.abort('CLIENT_GONE'));
      const signal = AbortSignal.any([left.signal, stopping.signal]);
      const problem = taskProblem(visit, message.method, message.params ?? {}, speakerOf(message.params));
      if (problem) {
        visit.said.ended = 'REFUSED';
        const error = { jsonrpc: '2.0', id: message.id, error: errorOf(problem) };
        return write(Response.json(error, { status: 400 }), visit, {});
      }
      const isListening = message.method === 'subscriptions/listen';
      const change = (method: AskedMethod, uri: string) => {
        const one = anotherOf(visit, edge.context.now());
        const params = { uri, _meta: message.params?._meta };
        // What was subscribed to is given up by a client that has left.
        const until = method === 'resources/unsubscribe' ? stopping.signal : signal;
        return answer(one, { ...message, method, params }, nothing, until);
      };
      const heard = isListening ? await withResources(visit, message, change) : message;
      const ofTasks = isListening ? await withTasks(visit, heard, tasks, logger) : undefined;
      const body = ofTasks?.message ?? heard;
      if (isListening && response.destroyed) return;

      const bus = {
        publish: () => {},
        subscribe: (listener: (event: ServerEvent) => void) => {
          const watching = changes.watch(
            { caller, endpoint },
            (event) => {
              if (ofTasks?.wants(event) ?? true) listener(event);
            },
            () => response.destroy(),
          );
          watching.hold(resourcesOf(body));
          return watching.end;
        },
      };
      const names = namesOf(edge, visit);
      const make = async () => {
        const server = new Endpoint(await presentation(edge, visit), (name) => {
          const schema = names.tools.get(name)?.shown.inputSchema;
          return typeof schema === 'object' && schema !== null ? (schema as Record<string, unknown>) : undefined;
        });
        if (!isList(body.method) && !isAsked(body.method) && !isTaskMethod(body.method)) return server;
        server.server.fallbackRequestHandler = async ({ id }) => {
          const tell: Exchange['tell'] = async (notification) =>
            server.server.transport?.send({ jsonrpc: '2.0', ...notification }, { relatedRequestId: id });
          try {
            return (await answer(visit, body, tell, signal)) as Result;
          } catch (error) {
            if (!(error instanceof McpProblem)) logger.error({ err: error, method: body.method }, 'a request failed');
            throw Object.assign(new Error(), errorOf(error));
          }
        };
        return server;
      };
      const onerror = (error: Error) => logger.debug({ err: error, endpoint }, 'a request was not taken');
      const handler = createMcpHandler(make, { legacy: 'reject', bus, onerror, keepAliveMs: edge.keepAliveMs });
      if (isListening) listening.add(handler);
      response.once('close', () => listening.delete(handler));
      const name =
        isTaskMethod(body.method) && headerOf(visit.request.headers, 'mcp-method') === body.method && ANOTHER_NAME;
      const given = name ? { ...body, method: name + body.method } : body;
      const request = webRequest(visit, left.signal, name ? { 'mcp-method': given.method } : {});
      const answered = await handler.fetch(request, { parsedBody: given });
      await write(ofTasks?.answer(answered) ?? answered, visit, {
        'x-conversation-id': visit.contextId,
        'x-request-id': visit.requestId,
      });
    },
    end: () => {
      for (const handler of listening) void handler.close();
    },
    giveUp: () => stopping.abort('STOPPING'),
    close: () => tasks.close(),
  };
};
