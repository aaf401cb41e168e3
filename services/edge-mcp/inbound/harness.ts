/** Inbound edges on free ports over one log in memory, and a mesh behind them that does what a test says. */
import { hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import pino from 'pino';
import type { DenialReason, FailureReason, Request, Target } from '../../../schemas/generated.ts';
import type { EventData, EventType, TopicName } from '../../../topics/index.ts';
import { type Configuration, hashOfKey, noAgents, noLimits } from '../../runtime/configuration.ts';
import { contextForTests } from '../../runtime/context-for-tests.ts';
import { follow, newId } from '../../runtime/event.ts';
import { createHttpServer } from '../../runtime/http.ts';
import type { AnyRecorded, Event, Log, Recorded } from '../../runtime/log.ts';
import type { DefinitionKind } from '../../runtime/mcp/definitions.ts';
import { type McpChunk, type McpOutcome, readRequest, writeChunk, writeOutcome } from '../../runtime/mcp/message.ts';
import { createMemoryLog, MemoryCluster } from '../../runtime/memory-log.ts';
import { followDefinitions } from '../catalogue/known-definitions.ts';
import { defaultTimes, type InboundTimes, startInbound } from './inbound.ts';

export const KEY = 'sk-parley-first';
export const OTHER_KEY = 'sk-parley-other';

const credentialOf = (id: string, key: string) => ({
  id,
  hash: hashOfKey(key),
  subject: { tenant: 'acme', unit: 'research', agent: `agent-${id}`, person: `${id}@example.com` },
  revoked: false,
  expiresAt: null,
});

const agentOf = (name: string, tools: string[]): Configuration['agents'][number] => ({
  name,
  tenant: 'acme',
  unit: 'research',
  owner: 'owner@example.com',
  kind: 'caller',
  partitions: 1,
  tools,
});

const serverOf = (name: string): Configuration['servers'][number] => ({
  name,
  connection: name,
  version: '1',
  deprecated: null,
  review: 'changes',
  callsInFlight: 10,
  ...noLimits,
});

export const configurationOf = (more: Partial<Configuration> = {}): Configuration => ({
  version: 'test',
  credentials: [credentialOf('first', KEY), credentialOf('other', OTHER_KEY)],
  resources: ['files', 'web'].map((id) => ({
    type: 'server',
    id,
    actions: ['tool.call', 'prompt.get', 'resource.read', 'resource.subscribe', 'completion.complete'],
    targets: [],
    attributes: {},
  })),
  connections: [],
  ...noAgents,
  agents: [agentOf('agent-first', ['*']), agentOf('agent-other', ['files/*'])],
  servers: [serverOf('files'), serverOf('web')],
  endpoints: [
    {
      name: 'desk',
      title: 'The desk',
      instructions: 'Be kind.',
      servers: ['files', 'web'],
      agents: [],
      tools: [{ server: 'web', tool: 'fetch', name: 'get_page', description: 'Gets a page.', defaults: { depth: 1 } }],
    },
  ],
  currency: 'USD',
  prices: [],
  limits: {
    requestsInFlight: 100,
    requestsInFlightPerCredential: 50,
    bodyBytes: 64 * 1024,
    deadlineMs: 10_000,
    maxDeadlineMs: 20_000,
  },
  routing: { maxAttempts: 3, breaker: { failures: 3, openMs: 1_000 } },
  policies: [
    {
      id: 'all',
      text: `permit(principal, action, resource);
forbid(principal == Agent::"acme/agent-other", action, resource == Tool::"files/secret");`,
    },
  ],
  ...more,
});

const target: Target = { id: 'files/files', connection: 'files', name: 'files' };
const decision = { configurationVersion: 'test', policies: ['all'], reason: 'not on Sundays' };
const asked = ({ subject, action, resource }: Request) => ({ subject, action, resource });

/** States events that follow from a request, as policy, routing and the outbound edge would. */
export const meshOf = (log: Log, received: Recorded<'RequestReceived'>) => {
  const { request } = received.data;
  let index = 0;
  let chunks = 0;
  const say = <T extends EventType>(source: string, type: T, data: EventData[T]) =>
    log.append([follow(source, received, `${type} ${index++}`, type, data, Date.now())]);
  return {
    request,
    get message() {
      return readRequest(request.message);
    },
    say,
    permit: () => say('policy', 'RequestPermitted', { request, decision }),
    deny: (reason: DenialReason) => say('policy', 'RequestDenied', { ...asked(request), reason, decision }),
    begin: () => say('edge-mcp', 'AttemptBegun', { target, attempt: 1 }),
    chunk: (chunk: McpChunk) =>
      say('edge-mcp', 'ResponseChunk', { index: chunks++, attempt: 1, payload: writeChunk(chunk) }),
    complete: (outcome: McpOutcome) =>
      say('edge-mcp', 'ResponseCompleted', {
        ...asked(request),
        target,
        attempt: 1,
        status: 200,
        headers: {},
        message: writeOutcome(outcome),
        chunks,
        meters: {},
        estimated: false,
        startedAt: Date.now(),
        firstByteAt: Date.now(),
      }),
    fail: (reason: FailureReason, message: string) =>
      say('edge-mcp', 'ResponseFailed', {
        ...asked(request),
        target,
        attempt: 1,
        failure: { reason, message, status: null, retryAfterMs: null, headers: {}, body: null },
        chunks,
        meters: {},
        estimated: false,
      }),
  };
};
export type Mesh = ReturnType<typeof meshOf>;

export const text = (said: string) => ({ result: { content: [{ type: 'text', text: said }] } });

export interface EdgeForTests {
  url: string;
  logged: Record<string, unknown>[];
  /** The subscriptions that are held at servers: server and URI. */
  held: readonly string[];
  stop(): Promise<void>;
}

export const createWorld = async () => {
  const cluster = new MemoryCluster();
  const configuration = { current: configurationOf() as Configuration | undefined };
  const undo: (() => Promise<unknown>)[] = [];
  const meshLog = await createMemoryLog(cluster);
  undo.push(() => meshLog.crash());
  let behaviour: (mesh: Mesh) => unknown = (mesh) => mesh.complete(text('done'));
  const decided = new Set<string>();
  await meshLog.consume('mesh', ['mesh.requests'], {
    types: ['RequestReceived'],
    assigned: async () => {},
    revoked: () => {},
    handle: async (record: AnyRecorded) => {
      // As policy does: a request is decided once.
      if (record.type !== 'RequestReceived' || decided.has(record.id)) return;
      decided.add(record.id);
      void behaviour(meshOf(meshLog, record));
    },
  });
  const all: AnyRecorded[] = [];
  await meshLog.tail(
    ['mesh.requests', 'mesh.cancellations', 'mesh.inputs', 'mesh.sessions', 'mesh.idempotency-keys'],
    (record) => all.push(record),
    {
      from: 'beginning',
    },
  );
  const events = <T extends EventType>(topic: TopicName, type: T) =>
    all.filter((r) => r.topic === topic && r.type === type) as unknown as Recorded<T>[];
  const state = <T extends EventType>(type: T, key: string, data: EventData[T], correlationId?: string) => {
    const id = newId();
    const event = {
      id,
      type,
      source: 'edge-mcp',
      key,
      time: Date.now(),
      correlationId: correlationId ?? id,
      causationId: '',
      traceparent: '',
      data,
    };
    return meshLog.append([event as Event]);
  };

  return {
    configuration,
    behave: (does: (mesh: Mesh) => unknown) => {
      behaviour = does;
    },
    events,
    /** Waits until a topic has this many events of a type. */
    until: async <T extends EventType>(topic: TopicName, type: T, count = 1) => {
      for (let i = 0; i < 600; i++) {
        if (events(topic, type).length >= count) return events(topic, type);
        await sleep(5);
      }
      throw new Error(`no ${count} ${type} on ${topic}`);
    },
    state,
    /** A definition that is observed and approved. */
    offer: async (
      server: string,
      kind: DefinitionKind,
      name: string,
      definition: object,
      verdict = 'APPROVED' as const,
    ) => {
      const bytes = Buffer.from(JSON.stringify(definition));
      const digest = hash('sha256', bytes, 'hex');
      const key = `${server}/${kind} ${name}`;
      await state('DefinitionObserved', key, { server, kind, name, definition: bytes, digest, findings: [] });
      await state('DefinitionReviewed', key, {
        server,
        kind,
        name,
        digest,
        verdict,
        by: 'test',
        note: '',
        definition: bytes,
      });
    },
    observe: (server: string, capabilities: object) =>
      state('ServerObserved', `${server}/`, {
        server,
        protocolVersions: ['2025-11-25'],
        capabilities: Buffer.from(JSON.stringify(capabilities)),
        info: Buffer.from(JSON.stringify({ name: server, version: '1' })),
        instructions: '',
        problem: '',
        leftOut: [],
      }),
    edge: async (times: Partial<InboundTimes> = {}): Promise<EdgeForTests> => {
      const memory = await createMemoryLog(cluster);
      const logged: Record<string, unknown>[] = [];
      const logger = pino({ level: 'info' }, { write: (line: string) => logged.push(JSON.parse(line)) });
      const base = contextForTests(memory, { logger, configuration: () => configuration.current });
      const http = createHttpServer({ logger, registry: base.metrics.registry });
      const known = await followDefinitions(memory, logger);
      const held: string[] = [];
      const hold = (server: string, uri: string) => {
        held.push(`${server} ${uri}`);
        return () => void held.splice(held.indexOf(`${server} ${uri}`), 1);
      };
      const inbound = await startInbound({ ...base, http }, known, hold, {
        ...defaultTimes,
        drainMs: 200,
        sessionMs: 300,
        ...times,
      });
      await http.listen({ host: '127.0.0.1', port: 0 });
      const address = http.server.address() as { port: number };
      let over = false;
      const stop = async () => {
        if (over) return;
        over = true;
        await inbound.stop();
        await known.close();
        // A client may have opened a connection that it never used: only their timeout would end it.
        http.server.closeAllConnections();
        await http.close();
        await memory.close();
      };
      undo.push(stop);
      return { url: `http://127.0.0.1:${address.port}`, logged, held, stop };
    },
    close: async () => {
      for (const step of undo.splice(0).reverse()) await step();
    },
    undo,
  };
};
export type World = Awaited<ReturnType<typeof createWorld>>;

const bearer = (key: string) => ({ requestInit: { headers: { authorization: `Bearer ${key}` } } });

/** A client of SDK v2. @param mode the era that it speaks. */
export const connect = async (
  world: World,
  url: string,
  {
    mode,
    key = KEY,
    elicit,
    roots = false,
    path = '/mcp/files',
  }: { mode: 'modern' | 'legacy'; key?: string; path?: string; elicit?: () => object; roots?: boolean },
) => {
  const client = new Client(
    { name: 'test', version: '1' },
    {
      versionNegotiation: { mode: mode === 'modern' ? { pin: '2026-07-28' } : 'legacy' },
      capabilities: {
        ...(elicit && { elicitation: { form: {} } }),
        ...(roots && { roots: { listChanged: true } }),
      },
    },
  );
  if (elicit) client.setRequestHandler('elicitation/create', async () => elicit() as never);
  const transport = new StreamableHTTPClientTransport(new URL(url + path), bearer(key));
  await client.connect(transport);
  world.undo.push(() => client.close());
  return { client, transport };
};

/** A client of SDK v1. */
export const connectV1 = async (world: World, url: string, key = KEY, path = '/mcp/files') => {
  const client = new ClientV1({ name: 'test-v1', version: '1' });
  const transport = new TransportV1(new URL(url + path), bearer(key));
  await client.connect(transport as Parameters<typeof client.connect>[0]);
  world.undo.push(() => client.close());
  return { client, transport };
};

/** What is answered as JSON: a result or an error. */
export interface Answer {
  result: { protocolVersion: string; requestState: string; [name: string]: unknown };
  error: { code: number; [name: string]: unknown };
}
/** The message that a body is, or the last one of a stream. */
export const answerOf = async (response: Response): Promise<Answer> => {
  const body = await response.text();
  const said = body.match(/(?<=^data: ).+$/gm)?.at(-1) ?? body;
  return JSON.parse(said) as Answer;
};

/** One HTTP request to an edge, as any client may make it. */
export const post = (url: string, body: unknown, headers: Record<string, string> = {}, path = '/mcp/files') =>
  fetch(url + path, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: {
      authorization: `Bearer ${KEY}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
  });
