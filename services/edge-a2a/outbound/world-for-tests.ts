/** Edges on one log in memory, agents that are real servers, and what is said of them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Role } from '@a2a-js/sdk';
import pino from 'pino';
import { onTestFinished } from 'vitest';
import type * as mesh from '../../../schemas/generated.ts';
import type { EventType, TopicName } from '../../../topics/index.ts';
import { writeSendMessage } from '../../runtime/a2a/json.ts';
import type { Configuration, Connection } from '../../runtime/configuration.ts';
import { newId } from '../../runtime/event.ts';
import type { AnyRecorded, Event, Recorded } from '../../runtime/log.ts';
import { createMemoryLog, MemoryCluster, type MemoryLog } from '../../runtime/memory-log.ts';
import { createMetrics } from '../../runtime/metrics.ts';
import { requestForTests } from '../../runtime/request-for-tests.ts';
import type { ServiceContext } from '../../runtime/service.ts';
import { createSigning, newSigningKey, type Signing } from '../../runtime/signing.ts';
import { signing as testSigning } from '../../runtime/signing-for-tests.ts';
import { withoutExporter } from '../../runtime/tracing.ts';
import type { KnownCard } from '../cards/known-cards.ts';
import { type TestAgent, textPart } from './agent-for-tests.ts';
import { type A2aOutboundTimes, startOutbound } from './outbound.ts';
import { startTaskState, type TestTaskState } from './task-state-for-tests.ts';

export const subject: mesh.Subject = {
  tenant: 'acme',
  unit: 'ops',
  agent: 'caller',
  person: 'p@example.com',
  credential: 'key',
  actors: ['first'],
};

// biome-ignore lint/suspicious/noTemplateCurlyInString: mesh.yaml writes a reference to the environment so.
const REFERENCE = '${KEY}';

export const connectionTo = (url: string, more: Partial<Connection> = {}): Connection => ({
  id: 'agent:helper',
  protocol: 'a2a',
  url,
  credential: REFERENCE,
  headers: { 'x-own': 'yes' },
  interfaces: [],
  connectTimeoutMs: 1_000,
  firstByteTimeoutMs: 5_000,
  idleTimeoutMs: 5_000,
  maxResponseBytes: 1024 * 1024,
  process: null,
  oauth: null,
  ...more,
});

export const configurationOf = (connections: Connection[], more: Partial<Configuration> = {}): Configuration =>
  ({
    version: 'test',
    connections,
    agents: connections.map(({ id }) => ({
      name: id.slice('agent:'.length),
      tenant: 'acme',
      unit: 'ops',
      owner: 'o@example.com',
      kind: 'http' as const,
      partitions: 1,
    })),
    a2a: { rootAgent: null, publicUrl: null, turnDeadlineMs: 60_000, maxDepth: 8, pushTo: [] },
    ...more,
  }) as Configuration;

export const contextOf = (
  log: MemoryLog,
  configuration: () => Configuration,
  more: Partial<ServiceContext> = {},
): ServiceContext => ({
  log,
  logger: pino({ level: process.env.TEST_LOG ?? 'silent' }),
  metrics: createMetrics(),
  tracing: withoutExporter,
  http: undefined as never,
  configuration,
  environment: { KEY: 'sk-agent-secret' },
  dataDir: undefined,
  grpcHost: '127.0.0.1',
  grpcPort: 0,
  signing: testSigning,
  now: Date.now,
  ...more,
});

/** Waits until `what` is there. @throws with `why` after ten seconds. */
export const until = async <T>(what: () => T | undefined | false, why: () => unknown = () => ''): Promise<T> => {
  for (let i = 0; i < 2_000; i++) {
    const found = what();
    if (found !== undefined && found !== false) return found;
    await sleep(5);
  }
  throw new Error(`it did not come about: ${String(why())}`);
};

export interface World {
  cluster: MemoryCluster;
  log: MemoryLog;
  signing: Signing;
  said: AnyRecorded[];
  tasks: TestTaskState;
  edge(times?: Partial<A2aOutboundTimes>): Promise<{ stop(): Promise<void>; crash(): Promise<void> }>;
  /** Sends a message; of a task where one is given. */
  send(text: string, more?: Partial<mesh.Request> & { continues?: string }): Promise<mesh.Request>;
  cancel(request: mesh.Request): Promise<void>;
  of<T extends EventType>(type: T): Recorded<T>[];
  untilSaid<T extends EventType>(type: T, count?: number): Promise<Recorded<T>>;
  /** The text of the task's artifact, as those who follow it have put it together. */
  textOf(request: mesh.Request): string;
}

const topics: TopicName[] = ['mesh.responses', 'mesh.attempts', 'mesh.reports', 'mesh.dead-letters'];

export const requestOf = (text: string, more: Partial<mesh.Request> & { continues?: string } = {}): mesh.Request => {
  const { continues = '', ...rest } = more;
  const request = requestForTests({
    id: newId(),
    contextId: newId(),
    subject,
    action: 'agent.send',
    resource: { type: 'agent', id: 'helper' },
    protocol: 'a2a',
    streaming: true,
    headers: { 'a2a-extensions': 'https://example.com/ext' },
    message: Buffer.alloc(0),
    taskId: continues || newId(),
    ...rest,
  });
  const message = writeSendMessage({
    tenant: '',
    message: {
      messageId: `message-${request.id}`,
      contextId: request.contextId,
      taskId: continues,
      role: Role.ROLE_USER,
      parts: [textPart(text)],
      metadata: undefined,
      extensions: [],
      referenceTaskIds: [],
    },
    configuration: undefined,
    metadata: undefined,
  });
  return { ...request, message };
};

export const createWorld = async (
  agent: Pick<TestAgent, 'url' | 'card'>,
  more: Partial<Connection> = {},
): Promise<World> => {
  const cluster = new MemoryCluster();
  const log = await createMemoryLog(cluster);
  const signing = await createSigning(await newSigningKey());
  const tasks = await startTaskState(log);
  const said: AnyRecorded[] = [];
  const tail = await log.tail(topics, (record) => said.push(record), { from: 'beginning' });
  onTestFinished(async () => {
    cluster.unavailable = false;
    await tasks.close();
    await tail.close();
    await log.crash();
  });
  const of = <T extends EventType>(type: T) => said.filter((r) => r.type === type) as unknown as Recorded<T>[];
  const configuration = configurationOf([connectionTo(agent.url, more)]);
  const known: KnownCard = {
    agent: 'helper',
    card: agent.card,
    digest: 'd',
    extended: undefined,
    signature: 'UNSIGNED',
  };
  const cards = { of: (name: string) => (name === 'helper' ? known : undefined), refusalOf: () => undefined };
  const times = { graceMs: 100, retryMs: 5, againMs: 10, maxAgainMs: 50, answerMs: 300, knownMs: 1_000 };
  return {
    cluster,
    log,
    signing,
    said,
    tasks,
    edge: async (own = {}) => {
      const edgeLog = await createMemoryLog(cluster);
      const edge = await startOutbound(
        contextOf(edgeLog, () => configuration),
        cards,
        signing.signJwt,
        { ...times, ...own },
      );
      let over: Promise<void> | undefined;
      const stop = () => {
        over ??= edge.stop();
        return over;
      };
      onTestFinished(async () => {
        cluster.unavailable = false;
        await stop();
        await edgeLog.crash();
      });
      return { stop, crash: () => edgeLog.crash() };
    },
    send: async (text, given = {}) => {
      const request = requestOf(text, given);
      const event: Event<'RequestDispatched'> = {
        id: newId(),
        type: 'RequestDispatched',
        source: 'routing',
        key: request.contextId,
        time: Date.now(),
        correlationId: request.id,
        causationId: 'cause',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        data: {
          request,
          decision: { configurationVersion: 'test', policies: ['all'], reason: 'allowed' },
          target: { id: 'a2a/helper', connection: 'agent:helper', name: 'helper' },
          attempt: 1,
          tried: [],
          probe: false,
          reason: 'the only one',
          configurationVersion: 'test',
        },
      };
      await log.append([event]);
      return request;
    },
    cancel: async ({ taskId, contextId, id }) => {
      await log.append([
        {
          id: newId(),
          type: 'TaskCancelRequested',
          source: 'edge-a2a',
          key: contextId,
          time: Date.now(),
          correlationId: id,
          causationId: '',
          traceparent: '',
          data: { taskId, agent: 'helper', subject, reason: 'not wanted' },
        },
      ]);
    },
    of,
    untilSaid: async (type, count = 1) => {
      await until(
        () => of(type).length >= count,
        () => said.map((record) => record.type),
      );
      return of(type)[count - 1]!;
    },
    textOf: ({ taskId }) =>
      (tasks.task(taskId)?.artifacts ?? [])
        .flatMap(({ parts }) => parts.flatMap(({ content }) => (content?.$case === 'text' ? [content.value] : [])))
        .join(''),
  };
};
