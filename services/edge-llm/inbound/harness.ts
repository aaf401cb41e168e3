/** An inbound edge on a free port over a log in memory, and a mesh behind it that does what a test says. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import OpenAI from 'openai';
import pino from 'pino';
import type { Failure, Request, ResponseCompleted, Target } from '../../../schemas/generated.ts';
import type { EventData, EventType, TopicName } from '../../../topics/index.ts';
import { type Configuration, hashOfKey, noAgents } from '../../runtime/configuration.ts';
import { contextForTests } from '../../runtime/context-for-tests.ts';
import { follow } from '../../runtime/event.ts';
import { createHttpServer, defaultHttpLimits, type HttpLimits } from '../../runtime/http.ts';
import type { AnyRecorded, Log, Recorded } from '../../runtime/log.ts';
import { createMemoryLog, MemoryCluster } from '../../runtime/memory-log.ts';
import { createMetrics } from '../../runtime/metrics.ts';
import { defaultTimes, type InboundTimes, startInbound } from './inbound.ts';

export const KEY = 'sk-parley-first';
export const OTHER_KEY = 'sk-parley-other';

const credentialOf = (id: string, key: string, tenant: string) => ({
  id,
  hash: hashOfKey(key),
  subject: { tenant, unit: 'research', agent: `agent-${id}`, person: `${id}@example.com` },
  revoked: false,
  expiresAt: null,
});

export const configurationOf = (limits: Partial<Configuration['limits']> = {}): Configuration => ({
  version: 'test',
  credentials: [
    credentialOf('first', KEY, 'acme'),
    credentialOf('other', OTHER_KEY, 'globex'),
    { ...credentialOf('revoked', 'sk-revoked', 'acme'), revoked: true },
    { ...credentialOf('expired', 'sk-expired', 'acme'), expiresAt: '2020-01-01T00:00:00Z' },
  ],
  resources: [
    { type: 'model', id: 'small', actions: ['model.chat'], targets: [], attributes: {} },
    { type: 'model', id: 'org/large', actions: ['model.chat'], targets: [], attributes: {} },
  ],
  connections: [],
  ...noAgents,
  currency: 'USD',
  prices: [],
  limits: {
    requestsInFlight: 100,
    requestsInFlightPerCredential: 50,
    bodyBytes: 1024 * 1024,
    deadlineMs: 5_000,
    maxDeadlineMs: 10_000,
    ...limits,
  },
  routing: { maxAttempts: 3, breaker: { failures: 3, openMs: 1_000 } },
  policies: [],
  agents: [],
  a2a: { rootAgent: null, publicUrl: null, turnDeadlineMs: 604_800_000, maxDepth: 8, pushTo: [] },
});

const target: Target = { id: 'provider/small', connection: 'provider', name: 'small' };
const decision = { configurationVersion: 'test', policies: ['all'], reason: 'allowed' };
const asked = ({ subject, action, resource }: Request) => ({ subject, action, resource });

export const failureOf = (failure: Partial<Failure>): Failure => ({
  reason: 'UPSTREAM_ERROR',
  message: 'It failed.',
  status: null,
  retryAfterMs: null,
  headers: {},
  body: null,
  ...failure,
});

/** States events that follow from a request, as policy, routing and the outbound edge would. */
export const meshOf = (log: Log, received: Recorded<'RequestReceived'>) => {
  const { request } = received.data;
  let index = 0;
  const say = <T extends EventType>(source: string, type: T, data: EventData[T]) =>
    log.append([follow(source, received, `${type} ${index++}`, type, data, Date.now())]);
  return {
    request,
    permit: (as: Partial<Request> = {}) =>
      say('policy', 'RequestPermitted', { request: { ...request, ...as }, decision }),
    deny: (reason: EventData['RequestDenied']['reason'] = 'POLICY') =>
      say('policy', 'RequestDenied', {
        ...asked(request),
        reason,
        decision: { ...decision, reason: 'Not on Sundays.' },
      }),
    unroutable: (more: Partial<EventData['RequestUnroutable']> = {}) =>
      say('routing', 'RequestUnroutable', {
        ...asked(request),
        reason: 'NO_TARGET',
        attempts: 0,
        failure: null,
        configurationVersion: 'test',
        ...more,
      }),
    begin: () => say('edge-llm', 'AttemptBegun', { target, attempt: 1 }),
    chunk: (chunkIndex: number, payload: string | Buffer, attempt = 1) =>
      say('edge-llm', 'ResponseChunk', { index: chunkIndex, attempt, payload: Buffer.from(payload) }),
    complete: (message: string | Buffer, more: Partial<ResponseCompleted> = {}) =>
      say('edge-llm', 'ResponseCompleted', {
        ...asked(request),
        target,
        attempt: 1,
        status: 200,
        headers: {},
        message: Buffer.from(message),
        chunks: 0,
        meters: { input_tokens: 3, output_tokens: 5 },
        estimated: false,
        startedAt: Date.now(),
        firstByteAt: Date.now(),
        ...more,
      }),
    fail: (failure: Partial<Failure>, chunks = 0) =>
      say('edge-llm', 'ResponseFailed', {
        ...asked(request),
        target,
        attempt: 1,
        failure: failureOf(failure),
        chunks,
        meters: {},
        estimated: false,
      }),
  };
};
export type Mesh = ReturnType<typeof meshOf>;

export interface Edge {
  url: string;
  http: FastifyInstance;
  /** One line a call, as logged. */
  logged: Record<string, unknown>[];
  metrics: ReturnType<typeof createMetrics>;
  client: OpenAI;
  stop(): Promise<void>;
  /** Ends as a killed process does. */
  crash(): Promise<void>;
}

export interface World {
  cluster: MemoryCluster;
  configuration: { current: Configuration | undefined };
  edge(options?: { times?: Partial<InboundTimes>; http?: Partial<HttpLimits>; log?(log: Log): Log }): Promise<Edge>;
  /** What the mesh does with each request that it has not seen. */
  behave(does: (mesh: Mesh) => unknown): void;
  /** Events on a topic so far. */
  events<T extends EventType>(topic: TopicName, type: T): Promise<Recorded<T>[]>;
  /** Waits until a topic has this many events of a type. */
  until<T extends EventType>(topic: TopicName, type: T, count: number): Promise<Recorded<T>[]>;
  close(): Promise<void>;
}

export const chatAnswer = (content: string) =>
  JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'small',
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    unknown_field: { kept: true },
  });

export const chatChunk = (content: string) =>
  `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'small', choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`;

/** @param limits of the configuration. */
export const createWorld = async (limits: Partial<Configuration['limits']> = {}): Promise<World> => {
  const cluster = new MemoryCluster();
  const configuration: World['configuration'] = { current: configurationOf(limits) };
  const undo: (() => Promise<unknown>)[] = [];
  const meshLog = await createMemoryLog(cluster);
  undo.push(() => meshLog.crash());
  let behaviour: (mesh: Mesh) => unknown = () => {};
  const seen = new Set<string>();
  await meshLog.consume('mesh', ['mesh.requests'], {
    types: ['RequestReceived'],
    assigned: async () => {},
    revoked: () => {},
    handle: async (record: AnyRecorded) => {
      // As policy does: a request is decided once.
      if (record.type !== 'RequestReceived' || seen.has(record.data.request.id)) return;
      seen.add(record.data.request.id);
      await behaviour(meshOf(meshLog, record));
    },
  });
  const all: AnyRecorded[] = [];
  await meshLog.tail(
    ['mesh.requests', 'mesh.cancellations', 'mesh.idempotency-keys', 'mesh.responses'],
    (record) => all.push(record),
    { from: 'beginning' },
  );
  const events: World['events'] = async (topic, type) => {
    await sleep(5);
    return all.filter((r) => r.topic === topic && r.type === type) as unknown as Recorded<typeof type>[];
  };

  return {
    cluster,
    configuration,
    behave: (does) => {
      behaviour = does;
    },
    events,
    until: async (topic, type, count) => {
      for (let i = 0; i < 400; i++) {
        const found = await events(topic, type);
        if (found.length >= count) return found;
        await sleep(5);
      }
      throw new Error(`no ${count} ${type} on ${topic}`);
    },
    edge: async ({ times, http: limitsOfHttp, log: wrap = (log: Log) => log } = {}) => {
      const memory = await createMemoryLog(cluster);
      const logged: Record<string, unknown>[] = [];
      const logger = pino({ level: 'info' }, { write: (line: string) => logged.push(JSON.parse(line)) });
      const metrics = createMetrics();
      const http = createHttpServer({
        logger,
        registry: metrics.registry,
        limits: { ...defaultHttpLimits, ...limitsOfHttp },
      });
      const context = contextForTests(wrap(memory), {
        logger,
        metrics,
        http,
        configuration: () => configuration.current,
      });
      const inbound = await startInbound(context, { ...defaultTimes, drainMs: 500, ...times });
      await http.listen({ host: '127.0.0.1', port: 0 });
      const address = http.server.address();
      if (address === null || typeof address === 'string') throw new Error('no port');
      const url = `http://127.0.0.1:${address.port}`;
      let over = false;
      const stop = async () => {
        if (over) return;
        over = true;
        await inbound.stop();
        await http.close();
        await memory.close();
      };
      undo.push(stop);
      return {
        url,
        http,
        logged,
        metrics,
        client: new OpenAI({ apiKey: KEY, baseURL: `${url}/v1`, maxRetries: 0 }),
        stop,
        crash: async () => {
          over = true;
          await memory.crash();
          http.server.closeAllConnections();
          await http.close();
        },
      };
    },
    close: async () => {
      for (const step of undo.splice(0).reverse()) await step();
    },
  };
};

/** Answers with a stream of two parts, the second of which waits until the function returned is called. */
export const heldUp = ({ behave }: World): (() => void) => {
  const { promise: rest, resolve } = Promise.withResolvers<void>();
  behave(async (mesh) => {
    await mesh.permit();
    await mesh.chunk(0, chatChunk('a'));
    await rest;
    await mesh.chunk(1, chatChunk('b'));
    await mesh.complete('{}', { chunks: 2 });
  });
  return resolve;
};
