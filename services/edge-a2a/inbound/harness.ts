/**
 * An A2A edge on free ports over a log in memory, and a mesh behind it that does what a test says: it stands in for policy and
 * routing, for task-state as far as agents behave, and for the agents.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { AgentCard, SendMessageRequest } from '@a2a-js/sdk';
import {
  type Client,
  ClientFactory,
  JsonRpcTransportFactory,
  RestTransportFactory,
  type TransportFactory,
} from '@a2a-js/sdk/client';
import { GrpcTransportFactory } from '@a2a-js/sdk/client/grpc';
import pino from 'pino';
import type { DenialReason, Failure, Request, Subject } from '../../../schemas/generated.ts';
import type { EventData, EventType, TopicName } from '../../../topics/index.ts';
import { type Configuration, hashOfKey, noAgents } from '../../runtime/configuration.ts';
import { follow, newId } from '../../runtime/event.ts';
import { createHttpServer } from '../../runtime/http.ts';
import type { AnyRecorded, Event, Log, Recorded } from '../../runtime/log.ts';
import { createMemoryLog, MemoryCluster } from '../../runtime/memory-log.ts';
import { createMetrics } from '../../runtime/metrics.ts';
import type { ServiceContext } from '../../runtime/service.ts';
import { createSigning, newSigningKey, type Signing } from '../../runtime/signing.ts';
import { signing as testSigning } from '../../runtime/signing-for-tests.ts';
import { withoutExporter } from '../../runtime/tracing.ts';
import { followCards } from '../cards/known-cards.ts';
import { followPushConfigurations } from '../push/configurations.ts';
import { defaultTimes, type InboundOptions, startInbound } from './inbound.ts';

export const KEY = 'sk-parley-first';
export const OTHER_KEY = 'sk-parley-other';
export const STRANGER_KEY = 'sk-parley-stranger';

const credentialOf = (id: string, key: string, tenant: string) => ({
  id,
  hash: hashOfKey(key),
  subject: { tenant, unit: 'research', agent: `agent-${id}`, person: `${id}@example.com` },
  revoked: false,
  expiresAt: null,
});

const agentNamed = (id: string): Configuration['resources'][number] => ({
  type: 'agent',
  id,
  actions: ['agent.send'],
  targets: [{ id: `a2a/${id}`, connection: `agent:${id}`, name: id, weight: 1, tier: 0 }],
  attributes: { tenant: 'acme', unit: 'research', person: 'owner@example.com' },
});

export const configurationOf = (limits: Partial<Configuration['limits']> = {}): Configuration => ({
  version: '1',
  credentials: [
    credentialOf('first', KEY, 'acme'),
    credentialOf('other', OTHER_KEY, 'acme'),
    credentialOf('stranger', STRANGER_KEY, 'globex'),
    { ...credentialOf('revoked', 'sk-revoked', 'acme'), revoked: true },
  ],
  resources: ['helper', 'planner', 'silent'].map(agentNamed),
  connections: [],
  ...noAgents,
  a2a: { ...noAgents.a2a, rootAgent: 'helper' },
  currency: 'USD',
  prices: [],
  limits: {
    requestsInFlight: 5_000,
    requestsInFlightPerCredential: 4_000,
    bodyBytes: 1024 * 1024,
    deadlineMs: 5_000,
    maxDeadlineMs: 10_000,
    ...limits,
  },
  routing: { maxAttempts: 3, breaker: { failures: 3, openMs: 1_000 } },
  policies: [
    {
      id: 'all',
      text: 'permit (principal, action == Action::"agent.send", resource) when { principal.tenant == Tenant::"acme" };',
    },
    {
      id: 'planner',
      text: 'forbid (principal, action == Action::"agent.send", resource == Agent::"acme/planner");',
    },
  ],
});

const card = (agent: string, more: object = {}) =>
  AgentCard.fromJSON({
    name: `The ${agent}`,
    description: 'For tests.',
    version: '1.2.3',
    supportedInterfaces: [{ url: 'https://upstream.example/', protocolBinding: 'JSONRPC', protocolVersion: '1.0' }],
    capabilities: { streaming: false, extensions: [{ uri: 'urn:ext', description: 'An extension.' }] },
    defaultInputModes: ['text/plain'],
    defaultOutputModes: ['text/plain'],
    skills: [{ id: 'help', name: 'Help', description: 'Helps.', tags: ['help'] }],
    ...more,
  });

const bytesOf = (card: AgentCard) => Buffer.from(JSON.stringify(AgentCard.toJSON(card)));

/** @param more what it says otherwise than the cards of tests do; @param extended of its extended card, where it has one. */
const published = (agent: string, more?: object, extended?: object): Event<'AgentCardPublished'> => ({
  id: newId(),
  type: 'AgentCardPublished',
  source: 'test',
  key: agent,
  time: Date.now(),
  correlationId: '',
  causationId: '',
  traceparent: '',
  data: {
    agent,
    card: bytesOf(card(agent, more)),
    digest: JSON.stringify([agent, more, extended]),
    signature: 'UNSIGNED',
    extendedCard: extended ? bytesOf(card(agent, extended)) : null,
  },
});

/** What the mesh knows of tasks: who is told, and of what next. */
type Ledger = Map<
  string,
  { sequence: number; contextId: string; held: (() => void)[]; subject: Subject; agent: string }
>;

const ENDS = /_(COMPLETED|FAILED|CANCELED|REJECTED|INPUT_REQUIRED|AUTH_REQUIRED)$/;

/** What can be said of a request, by policy, by the agent's edge, and by the agent itself. */
export const agentOf = (log: Log, received: Recorded<'RequestReceived'>, ledger: Ledger) => {
  const { request } = received.data;
  const { message, configuration } = SendMessageRequest.fromJSON(JSON.parse(request.message.toString()));
  const { subject, action, resource } = request;
  const target = { id: `a2a/${resource.id}`, connection: `agent:${resource.id}`, name: resource.id };
  const ids = { taskId: request.taskId, contextId: request.contextId };
  const startedAt = Date.now();
  let index = 0;
  const say = <T extends EventType>(type: T, data: EventData[T]) =>
    log.append([
      follow(
        'test',
        received,
        `${type} ${request.id} ${index++} ${ledger.get(ids.taskId)?.sequence}`,
        type,
        data,
        Date.now(),
      ),
    ]);
  const complete = (answer: object) =>
    say('ResponseCompleted', {
      ...{ subject, action, resource, target, startedAt, firstByteAt: startedAt },
      attempt: 1,
      status: 200,
      headers: {},
      message: Buffer.from(JSON.stringify(answer)),
      chunks: 0,
      meters: {},
      estimated: false,
    });
  const update = async (state: string, said: object) => {
    const task = ledger.get(ids.taskId)!;
    task.sequence += 1;
    await say('TaskUpdated', {
      taskId: ids.taskId,
      agent: resource.id,
      subject: task.subject,
      requestId: request.id,
      sequence: task.sequence,
      state: `TASK_STATE_${state}`,
      update: Buffer.from(JSON.stringify(said)),
      parentTaskId: request.parentTaskId,
    });
    if ('statusUpdate' in said && ENDS.test(`_${state}`)) await complete(said);
  };
  const messageOf = (text: string) => ({ ...ids, messageId: newId(), role: 'ROLE_AGENT', parts: [{ text }] });
  const statusOf = (state: string, text?: string) => ({
    state: `TASK_STATE_${state}`,
    timestamp: new Date().toISOString(),
    ...(text === undefined ? {} : { message: messageOf(text) }),
  });
  const asked = { ...(JSON.parse(request.message.toString()) as { message: object }).message, ...ids };
  return {
    request,
    message: message!,
    text: message!.parts.map(({ content }) => (content?.$case === 'text' ? content.value : '')).join(''),
    isFollowUp: message!.taskId !== '',
    returnsImmediately: configuration?.returnImmediately ?? false,
    /** The beginning of the turn. */
    begin: async (state = 'SUBMITTED') => {
      if (message!.taskId !== '') return update('WORKING', { message: asked });
      ledger.set(ids.taskId, { sequence: 0, contextId: ids.contextId, held: [], subject, agent: resource.id });
      await update(state, {
        task: { id: ids.taskId, contextId: ids.contextId, status: statusOf(state), history: [asked] },
      });
    },
    status: (state: string, text?: string) =>
      update(state, { statusUpdate: { ...ids, status: statusOf(state, text) } }),
    artifact: (text: string, append = false) =>
      update('WORKING', { artifactUpdate: { ...ids, artifact: { artifactId: 'a', parts: [{ text }] }, append } }),
    answer: (text: string) => complete({ message: { ...messageOf(text), taskId: '' } }),
    deny: (reason: DenialReason) =>
      say('RequestDenied', {
        ...{ subject, action, resource, reason },
        decision: { configurationVersion: '1', policies: [], reason: 'not on Sundays' },
      }),
    unroutable: () =>
      say('RequestUnroutable', {
        ...{ subject, action, resource },
        reason: 'BREAKERS_OPEN',
        attempts: 0,
        failure: null,
        configurationVersion: '1',
      }),
    fail: (failure: Partial<Failure>) =>
      say('ResponseFailed', {
        ...{ subject, action, resource, target },
        attempt: 1,
        failure: {
          reason: 'UPSTREAM_ERROR',
          message: 'It failed.',
          status: null,
          retryAfterMs: null,
          headers: {},
          body: null,
          ...failure,
        },
        chunks: 0,
        meters: {},
        estimated: false,
      }),
  };
};
export type Agent = ReturnType<typeof agentOf>;

export type Binding = 'JSONRPC' | 'HTTP+JSON' | 'GRPC';
export const bindings: readonly Binding[] = ['JSONRPC', 'HTTP+JSON', 'GRPC'];

export interface World {
  url: string;
  signing: Signing;
  cluster: MemoryCluster;
  logged: Record<string, unknown>[];
  configuration: { current: Configuration | undefined };
  /** Publishes another card of an agent, and an extended one where it is given. Resolves once the edge knows it. */
  publish(agent: string, more: object, extended?: object): Promise<void>;
  /** What becomes of each request. */
  behave(does: (agent: Agent) => unknown): void;
  /** What becomes of each cancellation; else the task is cancelled at once. */
  onCancel(does: (cancel: () => Promise<unknown>) => unknown): void;
  /** A client of an agent, as the SDK makes it from the mesh's card. */
  client(binding: Binding, options?: { agent?: string; key?: string; version?: '0.3' | '1.0' }): Promise<Client>;
  events<T extends EventType>(topic: TopicName, type: T): Promise<Recorded<T>[]>;
  stop(): Promise<void>;
  close(): Promise<void>;
}

const fetchWith =
  (key: string): typeof fetch =>
  (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set('authorization', `Bearer ${key}`);
    return fetch(input, { ...init, headers });
  };

const keyed = (client: Client, key: string): Client => {
  const interceptors = client.config?.interceptors ?? [];
  Object.assign(client, {
    config: {
      ...client.config,
      interceptors: [
        ...interceptors,
        {
          before: async (args: { options?: { serviceParameters?: Record<string, string> } }) => {
            args.options = {
              ...args.options,
              serviceParameters: { ...args.options?.serviceParameters, authorization: `Bearer ${key}` },
            };
          },
          after: async () => {},
        },
      ],
    },
  });
  return client;
};

const factoryFor = (binding: Binding, key: string, legacy: boolean): ClientFactory => {
  const fetchImpl = fetchWith(key);
  const legacyCompat = { enabled: legacy };
  const transports: Record<Binding, () => TransportFactory> = {
    JSONRPC: () => new JsonRpcTransportFactory({ fetchImpl, legacyCompat }),
    'HTTP+JSON': () => new RestTransportFactory({ fetchImpl, legacyCompat }),
    GRPC: () => new GrpcTransportFactory({ legacyCompat }),
  };
  return new ClientFactory({ transports: [transports[binding]()] });
};

export const createWorld = async ({
  limits = {},
  ...options
}: Partial<Omit<InboundOptions, 'signing' | 'cards' | 'wanted'>> & {
  limits?: Partial<Configuration['limits']>;
} = {}): Promise<World> => {
  const cluster = new MemoryCluster();
  const configuration: World['configuration'] = { current: configurationOf(limits) };
  const undo: (() => Promise<unknown>)[] = [];
  const logged: Record<string, unknown>[] = [];
  const logger = pino({ level: 'debug' }, { write: (line: string) => logged.push(JSON.parse(line)) });

  const inTheMesh = await createMemoryLog(cluster);
  undo.push(() => inTheMesh.close());
  await inTheMesh.append(['helper', 'planner'].map((agent) => published(agent)));
  let behaviour: (agent: Agent) => unknown = () => {};
  let onCancel: (cancel: () => Promise<unknown>) => unknown = (cancel) => cancel();
  const ledger: Ledger = new Map();
  const cancel = (record: Recorded<'TaskCancelRequested'>) => {
    const { taskId, agent } = record.data;
    const { subject, contextId } = ledger.get(taskId)!;
    const sequence = ++ledger.get(taskId)!.sequence;
    const status = { state: 'TASK_STATE_CANCELED', timestamp: new Date().toISOString() };
    const update = Buffer.from(JSON.stringify({ statusUpdate: { taskId, contextId, status } }));
    const said = { taskId, agent, subject, sequence, update, state: status.state, requestId: 'r', parentTaskId: '' };
    return inTheMesh.append([follow('test', record, 'cancelled', 'TaskUpdated', said, Date.now())]);
  };
  await inTheMesh.tail(
    ['mesh.requests', 'mesh.cancellations'],
    (record) => {
      if (record.type === 'RequestReceived')
        void behaviour(agentOf(inTheMesh, record as Recorded<'RequestReceived'>, ledger));
      if (record.type === 'TaskCancelRequested') void onCancel(() => cancel(record as Recorded<'TaskCancelRequested'>));
    },
    { from: 'end' },
  );
  const all: AnyRecorded[] = [];
  await inTheMesh.tail(
    ['mesh.requests', 'mesh.cancellations', 'mesh.push-configurations'],
    (record) => all.push(record),
    { from: 'beginning' },
  );

  const metrics = createMetrics();
  const edge: ServiceContext = {
    log: await createMemoryLog(cluster),
    logger,
    metrics,
    tracing: withoutExporter,
    http: createHttpServer({ logger, registry: metrics.registry }),
    configuration: () => configuration.current,
    environment: {},
    dataDir: undefined,
    grpcHost: '127.0.0.1',
    grpcPort: 0,
    signing: testSigning,
    now: Date.now,
  };
  const cards = await followCards(edge.log, logger);
  const signing = await createSigning(await newSigningKey());
  const wanted = await followPushConfigurations(edge.log, logger);
  const times = { ...defaultTimes, drainMs: 200 };
  const inbound = await startInbound(edge, { times, ...options, signing, cards, wanted });
  await edge.http.listen({ host: '127.0.0.1', port: 0 });
  let over = false;
  const stop = async () => {
    if (over) return;
    over = true;
    await inbound.stop();
    await edge.http.close();
    await Promise.all([cards.close(), wanted.close()]);
    await edge.log.close();
  };
  undo.push(stop);
  const address = edge.http.server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;

  return {
    url,
    signing,
    cluster,
    logged,
    configuration,
    publish: async (agent, more, extended) => {
      const changed = new Promise<void>((resolve) => cards.changed(() => resolve()));
      await inTheMesh.append([published(agent, more, extended)]);
      await changed;
    },
    behave: (does) => {
      behaviour = does;
    },
    onCancel: (does) => {
      onCancel = does;
    },
    client: async (binding, { agent = 'helper', key = KEY, version: wanted = '1.0' } = {}) => {
      const answered = await fetch(`${url}/a2a/${agent}/.well-known/agent-card.json`);
      const of = AgentCard.fromJSON(await answered.json());
      const supportedInterfaces = of.supportedInterfaces.filter(({ protocolVersion }) => protocolVersion === wanted);
      const factory = factoryFor(binding, key, wanted === '0.3');
      return keyed(await factory.createFromAgentCard({ ...of, supportedInterfaces }), key);
    },
    events: async (topic, type) => {
      await sleep(10);
      return all.filter((r) => r.topic === topic && r.type === type) as unknown as Recorded<typeof type>[];
    },
    stop,
    close: async () => {
      for (const step of undo.splice(0).reverse()) await step();
    },
  };
};

export const requestIn = (events: Recorded<'RequestReceived'>[]): Request => events.at(-1)!.data.request;
