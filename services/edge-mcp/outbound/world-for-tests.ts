/** An outbound edge over a log in memory, and the dispatches that a test states itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import { onTestFinished } from 'vitest';
import type * as mesh from '../../../schemas/generated.ts';
import type { EventType, TopicName } from '../../../topics/index.ts';
import {
  type Configuration,
  type Connection,
  noLimits,
  type ServerConfiguration,
} from '../../runtime/configuration.ts';
import { contextForTests } from '../../runtime/context-for-tests.ts';
import { newId } from '../../runtime/event.ts';
import type { AnyRecorded, Event, Recorded } from '../../runtime/log.ts';
import { type McpOutcome, META, readChunk, readOutcome, writeOutcome } from '../../runtime/mcp/message.ts';
import { createMemoryLog, MemoryCluster } from '../../runtime/memory-log.ts';
import { createMetrics } from '../../runtime/metrics.ts';
import { requestForTests } from '../../runtime/request-for-tests.ts';
import { withoutExporter } from '../../runtime/tracing.ts';
import { followDefinitions } from '../catalogue/known-definitions.ts';
import { followLogins } from '../logins/follow-logins.ts';
import { startRenewals } from '../logins/renewals.ts';
import { sharedLogins } from '../logins/shared-logins.ts';
import { createConnections } from './connections.ts';
import { CLIENT } from './login/authorization-server-for-tests.ts';
import { defaultOutboundTimes, startOutbound } from './outbound.ts';

export const KEY = 'sk-from-environment';

export const connectionTo = (server: string, more: Partial<Connection>): Connection => ({
  id: `mcp:${server}`,
  protocol: 'mcp',
  url: '',
  process: null,
  oauth: null,
  credential: null,
  headers: {},
  interfaces: [],
  connectTimeoutMs: 2_000,
  firstByteTimeoutMs: 10_000,
  idleTimeoutMs: 10_000,
  maxResponseBytes: 1_000_000,
  ...more,
});

export interface Client {
  protocolVersion: string;
  capabilities?: object;
  logLevel?: string;
  progressToken?: string;
}

export const legacyClient: Client = { protocolVersion: '2025-11-25' };
export const modernClient: Client = { protocolVersion: '2026-07-28' };
export const asking = { elicitation: { form: {} } };

/** Until it holds. */
export const until = async (holds: () => boolean): Promise<void> => {
  for (let i = 0; i < 10_000 && !holds(); i += 1) await sleep(5);
  if (!holds()) throw new Error('it did not come to hold');
};

const topics = ['mesh.responses', 'mesh.attempts', 'mesh.dead-letters', 'mesh.server-changes', 'mesh.logins'] as const;

/** @param servers their connections, by name @param limits of all of them */
export const world = async (
  servers: Record<string, Partial<Connection>>,
  limits: Partial<ServerConfiguration> = {},
) => {
  const cluster = new MemoryCluster();
  const log = await createMemoryLog(cluster);
  const said: AnyRecorded[] = [];
  const logged: string[] = [];
  const spans: { name: string; error: string | undefined; attributes: object }[] = [];
  const tail = await log.tail([...topics] as TopicName[], (record) => said.push(record), { from: 'beginning' });
  onTestFinished(async () => {
    await tail.close();
    await log.crash();
  });
  const configuration = {
    version: 'test',
    connections: Object.entries(servers).map(([name, more]) => connectionTo(name, more)),
    servers: Object.keys(servers).map((name) => ({
      name,
      connection: `mcp:${name}`,
      callsInFlight: 100,
      ...noLimits,
      ...limits,
    })),
  } as unknown as Configuration;

  const edge = async () => {
    const own = await createMemoryLog(cluster);
    const metrics = createMetrics();
    const context = contextForTests(own, {
      metrics,
      logger: pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) }),
      tracing: {
        start: (name, parent, kind, attributes) => ({
          ...withoutExporter.start(name, parent, kind),
          end: (error, more) => void spans.push({ name, error, attributes: { ...attributes, ...more } }),
        }),
      },
      configuration: () => configuration,
      environment: { KEY, CLIENT_SECRET: CLIENT.secret },
    });
    const logins = await followLogins(own, context.logger);
    const connections = createConnections(context, sharedLogins(context, logins, 1_000));
    const renewals = await startRenewals(context, logins, connections);
    const known = await followDefinitions(own, context.logger);
    const times = { ...defaultOutboundTimes, graceMs: 0, retryMs: 5 };
    const running = await startOutbound(context, connections, known.definitions, times);
    let over: Promise<void> | undefined;
    const stop = () => {
      over ??= running.stop().then(renewals.stop);
      return over;
    };
    onTestFinished(async () => {
      await stop();
      await known.close();
      await logins.close();
      await own.crash();
    });
    return { stop, connections, metrics, log: own };
  };

  const call = async (
    server: string,
    method: string,
    params: Record<string, unknown>,
    client: Client = legacyClient,
    more: Partial<mesh.Request> = {},
    dispatched: Partial<mesh.RequestDispatched> = {},
  ): Promise<Event<'RequestDispatched'>> => {
    const { protocolVersion, capabilities = {}, logLevel, progressToken } = client;
    const _meta = {
      'example.com/own': 'kept',
      [META.protocolVersion]: protocolVersion,
      [META.clientInfo]: { name: 'a-client', version: '3' },
      [META.clientCapabilities]: capabilities,
      ...(logLevel ? { [META.logLevel]: logLevel } : {}),
      ...(progressToken ? { progressToken } : {}),
    };
    const id = newId();
    const request = requestForTests({
      id,
      contextId: 'context-1',
      action: 'tool.call',
      resource: { type: method === 'tools/call' ? 'tool' : 'resource', id: `${server}/${params.name}` },
      protocol: 'mcp',
      streaming: true,
      message: Buffer.from(JSON.stringify({ method, params: { ...params, _meta } })),
      ...more,
    });
    const event: Event<'RequestDispatched'> = {
      id: newId(),
      type: 'RequestDispatched',
      source: 'routing',
      key: request.contextId,
      time: Date.now(),
      correlationId: id,
      causationId: 'cause',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      data: {
        request,
        decision: { configurationVersion: 'test', policies: ['all'], reason: 'allowed' },
        target: { id: `mcp/${server}`, connection: `mcp:${server}`, name: server },
        attempt: 1,
        tried: [],
        probe: false,
        reason: 'the only one',
        configurationVersion: 'test',
        ...dispatched,
      },
    };
    await log.append([event]);
    return event;
  };

  const of = <T extends EventType>(type: T, { correlationId }: Event) =>
    said.filter((r) => r.type === type && r.correlationId === correlationId) as unknown as Recorded<T>[];
  const wait = async <T extends EventType>(type: T, cause: Event, count = 1): Promise<Recorded<T>[]> => {
    await until(() => of(type, cause).length >= count).catch(() => {
      const there = said.map((r) => `${r.type} ${'failure' in r.data ? r.data.failure?.message : ''}`);
      throw new Error(`no ${count} ${type}, but ${there}`);
    });
    return of(type, cause);
  };

  return {
    cluster,
    log,
    said,
    logged,
    spans,
    edge,
    /** A server is configured otherwise. */
    configure: (server: string, more: Partial<Connection>) => {
      const { connections } = configuration;
      const i = connections.findIndex(({ id }) => id === `mcp:${server}`);
      connections[i] = { ...connections[i]!, ...more };
    },
    call,
    tool: (server: string, name: string, given: object = {}, client?: Client, more: Partial<mesh.Request> = {}) =>
      call(server, 'tools/call', { name, arguments: given }, client, more),
    of,
    wait,
    /** The answer whole. */
    // biome-ignore lint/suspicious/noExplicitAny: whatever a test looks at in an answer.
    answer: async (cause: Event): Promise<any> =>
      readOutcome((await wait('ResponseCompleted', cause))[0]!.data.message),
    failure: async (cause: Event) => (await wait('ResponseFailed', cause))[0]!.data.failure,
    chunks: (cause: Event) => of('ResponseChunk', cause).map(({ data }) => readChunk(data.payload)),
    types: (cause: Event) => said.filter((r) => r.correlationId === cause.correlationId).map((r) => r.type),
    /** What its client answers to a question. */
    provide: (cause: Event, inputId: string, outcome: McpOutcome) =>
      log.append([
        {
          ...cause,
          id: newId(),
          type: 'InputProvided',
          source: 'edge-mcp',
          data: { inputId, payload: writeOutcome(outcome) },
        },
      ]),
    rootsChanged: (session: string) => {
      const ids = { id: newId(), correlationId: '', causationId: '', traceparent: '' };
      const event = { ...ids, type: 'RootsChanged', source: 'edge-mcp', key: session, time: Date.now() } as const;
      return log.append([{ ...event, data: { session } }]);
    },
    cancel: (cause: Event) =>
      log.append([
        { ...cause, id: newId(), type: 'CancelRequested', source: 'edge-mcp', data: { reason: 'CLIENT_GONE' } },
      ]),
  };
};

export type World = Awaited<ReturnType<typeof world>>;
