/** Clients up to 2025-11-25, whose sessions are in the log: each request may come to any replica, the answer to a question too. */
import { type JSONRPCMessage, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { SessionChanged } from '../../../schemas/generated.ts';
import { headerOf } from '../../runtime/edge/headers.ts';
import { isLogUnavailable } from '../../runtime/errors.ts';
import { derivedId, newId } from '../../runtime/event.ts';
import type { Event } from '../../runtime/log.ts';
import { type McpOutcome, withdrawal } from '../../runtime/mcp/message.ts';
import { ask, type Edge, presentation, seenBy } from './answers.ts';
import { isAsked } from './asked.ts';
import type { Changes } from './changes.ts';
import { underKey } from './keyed.ts';
import { legacyResult } from './legacy-shape.ts';
import { isList, listOf } from './lists.ts';
import {
  errorOf,
  invalidParams,
  logUnavailable,
  McpProblem,
  noSuchMethod,
  type Refusal,
  refusals,
} from './problems.ts';
import { cancelled, inputProvided, rootsChanged, type Speaker } from './request.ts';
import type { Sessions } from './sessions.ts';
import { anotherOf, type Visit } from './visit.ts';
import { webRequest, write } from './web.ts';

/** Newest first. */
export const LEGACY_VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'];
const MAX_SUBSCRIPTIONS = 1_000;
/** Of what a client says of itself: each replica keeps it for as long as there may be a session. */
const MAX_CLIENT_BYTES = 64 * 1024;

const initialize = z.looseObject({
  protocolVersion: z.string(),
  capabilities: z.record(z.string(), z.unknown()),
  clientInfo: z.looseObject({ name: z.string(), version: z.string() }),
});
const level = z.looseObject({
  level: z.enum(['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency']),
});
const outcome = z.union([
  z.object({ result: z.record(z.string(), z.unknown()) }),
  z.object({ error: z.object({ code: z.number(), message: z.string(), data: z.unknown().optional() }) }),
]);
const cancelling = z.looseObject({ requestId: z.union([z.string(), z.number()]) });
const withMeta = z.looseObject({ _meta: z.record(z.string(), z.unknown()).optional() });

type Id = string | number;
export type Message = Record<string, unknown> & { method?: string; id?: Id; params?: Record<string, unknown> };

/** A question's id, as the client is given it: it says to any replica what it is the answer to. */
const questionId = (requestId: string, inputId: string): string => `${requestId}/${inputId}`;
const questionOf = (id: unknown): { requestId: string; inputId: string } | undefined => {
  const [, requestId, inputId] = /^([0-9a-f-]{36})\/(.+)$/s.exec(String(id)) ?? [];
  return requestId && inputId ? { requestId, inputId } : undefined;
};

/** What the mesh calls a request that only its client's own id is known of: the replica that has it knows its own. */
const clientsName = (session: string, id: Id): string => derivedId(session, 'asked', JSON.stringify(id));

const clientsOwn = (session: SessionChanged, params: unknown): Speaker => {
  const { _meta: meta = {} } = withMeta.safeParse(params ?? {}).data ?? {};
  return {
    protocolVersion: session.protocolVersion,
    info: JSON.parse(Buffer.from(session.client).toString()),
    capabilities: JSON.parse(Buffer.from(session.capabilities).toString()),
    logLevel: session.logLevel || undefined,
    meta,
  };
};

export interface Legacy {
  /** Serves a request, or says why not. @param body of a POST. */
  serve(visit: Visit, body: Message | undefined): Promise<Refusal | undefined>;
  /** What is in flight, whether its client is still there or not. */
  inFlight(): number;
  /** Ends the streams that stay open. */
  end(): void;
  /** Gives up what is in flight. */
  giveUp(): void;
  close(): Promise<void>;
}

export const startLegacy = async (edge: Edge, sessions: Sessions, changes: Changes): Promise<Legacy> => {
  const { now, logger } = edge.context;
  /** By the client's name of each: what is in flight here. */
  const asking = new Map<string, AbortController>();
  const streams = new Set<() => void>();

  // A client says to any replica that it has lost interest, by its own id of the request.
  const tail = await edge.log.tail(
    ['mesh.cancellations'],
    ({ correlationId }) => asking.get(correlationId)?.abort('CLIENT_GONE'),
    { from: 'end', types: ['CancelRequested'] },
  );

  const cancel = (visit: Visit, session: string, id: Id): void => {
    const name = clientsName(session, id);
    const here = asking.get(name);
    if (here) {
      here.abort('CLIENT_GONE');
      return;
    }
    const cause = { id: name, key: session, correlationId: name, traceparent: visit.traceparent };
    edge.cancellations.state(cancelled(cause, 'CLIENT_GONE', now()), now() + 60_000);
  };

  /** The answer of the client to a question. @throws McpProblem */
  const answered = async (visit: Visit, session: string, body: Message): Promise<void> => {
    const question = questionOf(body.id);
    const parsed = outcome.safeParse(body);
    // Of what the mesh did not ask it need not be told.
    if (!question || !parsed.success) return;
    const { requestId, inputId } = question;
    const at = { requestId, contextId: session, traceparent: visit.traceparent };
    const said: Event = inputProvided(at, inputId, parsed.data as McpOutcome, now());
    await edge.log.append([said]);
  };

  const openSession = async (visit: Visit, session: string, params: unknown) => {
    const parsed = initialize.safeParse(params);
    if (!parsed.success) throw invalidParams('Invalid params of initialize');
    const { protocolVersion: wanted, capabilities, clientInfo } = parsed.data;
    const said = [clientInfo, capabilities].map((one) => Buffer.from(JSON.stringify(one)));
    if (Buffer.concat(said).length > MAX_CLIENT_BYTES)
      throw invalidParams(`clientInfo and capabilities are larger than ${MAX_CLIENT_BYTES} bytes`);
    const protocolVersion = LEGACY_VERSIONS.includes(wanted) ? wanted : LEGACY_VERSIONS[0]!;
    const { info, ...offered } = await presentation(edge, visit);
    const opened = {
      session,
      endpoint: visit.endpoint,
      credential: visit.caller.credential.id,
      protocolVersion,
      client: said[0]!,
      capabilities: said[1]!,
    };
    await sessions.open(opened, visit.traceparent);
    return { protocolVersion, serverInfo: info, ...offered };
  };

  const subscriptionsAfter = (subscriptions: readonly string[], uri: string, adds: boolean): string[] => {
    const others = subscriptions.filter((one) => one !== uri);
    if (!adds) return others;
    if (others.length >= MAX_SUBSCRIPTIONS) throw invalidParams(`More than ${MAX_SUBSCRIPTIONS} subscriptions.`);
    return [...others, uri];
  };

  const dispatch = async (
    visit: Visit,
    session: SessionChanged,
    { id, method, params }: { id: Id; method: string; params?: unknown },
    transport: WebStandardStreamableHTTPServerTransport,
  ): Promise<Record<string, unknown>> => {
    const tell = (message: object) =>
      transport.send({ jsonrpc: '2.0', ...message } as JSONRPCMessage, { relatedRequestId: id });
    if (method === 'ping') return {};
    if (isList(method)) return listOf(await seenBy(edge, visit), method, params);
    if (method === 'logging/setLevel') {
      const parsed = level.safeParse(params);
      if (!parsed.success) throw invalidParams('Invalid params of logging/setLevel');
      await sessions.change(session.session, () => ({ logLevel: parsed.data.level }), visit.traceparent);
      return {};
    }
    if (!isAsked(method)) throw noSuchMethod();

    const speaker = clientsOwn(sessions.get(session.session) ?? session, params);
    const key = underKey(visit, method, params, speaker, now());
    const interest = new AbortController();
    const name = clientsName(session.session, id);
    asking.set(name, interest);
    try {
      const result = await ask(edge, visit, method, params, {
        contextId: session.session,
        speaker,
        signal: interest.signal,
        key,
        tell,
        question: async ({ id: inputId, ...question }) => {
          await tell({ id: questionId(visit.requestId, inputId), ...question });
          return undefined;
        },
        withdraw: (inputId, reason) => tell(withdrawal(questionId(visit.requestId, inputId), reason)),
      });
      if (method === 'resources/subscribe' || method === 'resources/unsubscribe') {
        const { uri } = params as { uri: string };
        const isMore = method === 'resources/subscribe';
        const after = ({ subscriptions }: SessionChanged) => ({
          subscriptions: subscriptionsAfter(subscriptions, uri, isMore),
        });
        await sessions.change(session.session, after, visit.traceparent);
      }
      return result;
    } finally {
      if (asking.get(name) === interest) asking.delete(name);
    }
  };

  /** Upstream, nobody need go on telling of what only this session listened to. */
  const unsubscribe = (visit: Visit, session: SessionChanged): void => {
    const speaker = clientsOwn(session, {});
    for (const uri of session.subscriptions)
      ask(
        edge,
        anotherOf(visit, now()),
        'resources/unsubscribe',
        { uri },
        {
          contextId: session.session,
          speaker,
          signal: new AbortController().signal,
          tell: async () => {},
          question: async () => undefined,
        },
      ).catch(() => {});
  };

  let inFlight = 0;
  const serveMessage = async (visit: Visit, body: Message, session: SessionChanged | undefined): Promise<void> => {
    const opened = session ? undefined : newId(now());
    if (opened !== undefined) Object.assign(visit, { contextId: opened });
    const method = body.method ?? '';
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: opened === undefined ? undefined : () => opened,
      keepAliveMs: edge.keepAliveMs,
    });
    transport.setSupportedProtocolVersions(LEGACY_VERSIONS);
    transport.onerror = (error) => logger.debug({ err: error }, 'a message could not be passed');

    const serve = async (id: Id) => {
      inFlight += 1;
      try {
        const { params } = body;
        const result = session
          ? await legacyResult(method, await dispatch(visit, session, { id, method, params }, transport))
          : await openSession(visit, opened!, params);
        await transport.send({ jsonrpc: '2.0', id, result });
      } catch (error) {
        if (visit.said.ended === 'CLIENT_GONE') return await transport.close();
        const unavailable = isLogUnavailable(error);
        if (!(error instanceof McpProblem) && !unavailable) logger.error({ err: error, method }, 'a request failed');
        visit.said.ended ||= 'REFUSED';
        await transport.send({ jsonrpc: '2.0', id, error: errorOf(unavailable ? logUnavailable() : error) });
      } finally {
        inFlight -= 1;
      }
    };
    transport.onmessage = () => {
      if (body.method !== undefined && body.id !== undefined)
        serve(body.id).catch((error) => logger.error({ err: error, method }, 'an answer could not be passed'));
    };
    const answer = await transport.handleRequest(webRequest(visit, new AbortController().signal), { parsedBody: body });
    await write(answer, visit, { 'x-conversation-id': visit.contextId, 'x-request-id': visit.requestId });
  };

  const listen = async (visit: Visit, session: SessionChanged): Promise<void> => {
    // It may have left while its session was waited for: that it leaves would not be heard any more.
    if (visit.response.destroyed) return;
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: undefined,
      keepAliveMs: edge.keepAliveMs,
    });
    transport.setSupportedProtocolVersions(LEGACY_VERSIONS);
    const end = () => void transport.close();
    const tell = (method: string, params?: { uri: string }) =>
      void transport.send({ jsonrpc: '2.0', method, ...(params && { params }) } as JSONRPCMessage).catch(() => {});
    const watching = changes.watch(
      { caller: visit.caller, endpoint: visit.endpoint },
      (event) => {
        if (event.kind !== 'resource_updated') return tell(`notifications/${event.kind.replace('_list', '/list')}`);
        const { uri } = event;
        if (sessions.get(session.session)?.subscriptions.includes(uri))
          tell('notifications/resources/updated', { uri });
      },
      end,
    );
    watching.hold(session.subscriptions);
    const unwatchSession = sessions.watch(session.session, ({ closed, subscriptions }) => {
      if (closed) end();
      else watching.hold(subscriptions);
    });
    streams.add(end);
    visit.response.once('close', () => {
      streams.delete(end);
      watching.end();
      unwatchSession();
      end();
    });
    const answer = await transport.handleRequest(webRequest(visit, new AbortController().signal));
    await write(answer, visit, { 'mcp-session-id': session.session });
  };

  /** What is no request: it is taken, and nothing is said of it. */
  const take = async (visit: Visit, session: SessionChanged, body: Message): Promise<void> => {
    if (body.method === undefined) await answered(visit, session.session, body);
    if (body.method === 'notifications/roots/list_changed')
      await edge.log.append([rootsChanged(session.session, visit.traceparent, now())]);
    if (body.method !== 'notifications/cancelled') return;
    const parsed = cancelling.safeParse(body.params);
    if (parsed.success) cancel(visit, session.session, parsed.data.requestId);
  };

  return {
    serve: async (visit, body) => {
      const { request, response } = visit;
      if (request.method === 'POST' && body?.method === 'initialize' && body.id !== undefined) {
        await serveMessage(visit, body, undefined);
        return undefined;
      }
      const id = headerOf(request.headers, 'mcp-session-id');
      if (id === undefined) return request.method === 'POST' ? refusals.sessionWanted() : refusals.notAllowed('POST');
      const whose = { credential: visit.caller.credential.id, endpoint: visit.endpoint };
      const session = await sessions.find(id, whose);
      if (!session) return refusals.noSession();
      Object.assign(visit, { contextId: id });
      visit.said.session = id;
      if (request.method === 'GET') await listen(visit, session);
      else if (request.method === 'DELETE') {
        await sessions.change(session.session, () => ({ closed: true }), visit.traceparent);
        response.writeHead(204).end();
        unsubscribe(visit, session);
      } else {
        if (body && (body.method === undefined || body.id === undefined)) await take(visit, session, body);
        await serveMessage(visit, body ?? {}, session);
      }
      return undefined;
    },
    inFlight: () => inFlight,
    end: () => {
      for (const end of streams) end();
    },
    giveUp: () => {
      for (const interest of asking.values()) interest.abort('STOPPING');
    },
    close: () => tail.close(),
  };
};
