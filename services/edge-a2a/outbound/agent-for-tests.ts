/** A real A2A server made with the SDK, whose agent does what a test says, and whose server misbehaves as a test says. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { AgentCard, Role, type Task, TaskState } from '@a2a-js/sdk';
import { LegacyA2AService, legacyGrpcService } from '@a2a-js/sdk/compat/v0_3/server/grpc';
import {
  AgentEvent,
  type AgentExecutor,
  DefaultRequestHandler,
  type ExecutionEventBus,
  InMemoryTaskStore,
  type RequestContext,
} from '@a2a-js/sdk/server';
import { jsonRpcHandler, restHandler, UserBuilder } from '@a2a-js/sdk/server/express';
import { A2AService, UserBuilder as GrpcUserBuilder, grpcService } from '@a2a-js/sdk/server/grpc';
import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import express from 'express';
import { onTestFinished } from 'vitest';

export const textPart = (text: string) => ({
  content: { $case: 'text' as const, value: text },
  metadata: undefined,
  filename: '',
  mediaType: '',
});

/** What an agent can do with a message. */
export interface Acting {
  taskId: string;
  contextId: string;
  text: string;
  context: RequestContext;
  /** Begins the task. */
  task(more?: Partial<Task>): void;
  status(state: TaskState, text?: string, more?: { taskId?: string }): void;
  artifact(text: string, append?: boolean): void;
  message(text: string): void;
  bus: ExecutionEventBus;
}

export type Act = (acting: Acting) => Promise<void> | void;

let ids = 0;
const next = (what: string) => `${what}-${++ids}`;

const textOf = ({ userMessage }: RequestContext): string =>
  userMessage.parts.flatMap(({ content }) => (content?.$case === 'text' ? [content.value] : [])).join('');

const actingOf = (context: RequestContext, bus: ExecutionEventBus): Acting => {
  const { taskId, contextId } = context;
  const messageOf = (text: string) => ({
    messageId: next('said'),
    taskId,
    contextId,
    role: Role.ROLE_AGENT,
    parts: [textPart(text)],
    metadata: undefined,
    extensions: [],
    referenceTaskIds: [],
  });
  const at = () => new Date().toISOString();
  let parts = 0;
  return {
    taskId,
    contextId,
    text: textOf(context),
    context,
    bus,
    task: (more = {}) =>
      bus.publish(
        AgentEvent.task({
          id: taskId,
          contextId,
          status: { state: TaskState.TASK_STATE_SUBMITTED, message: undefined, timestamp: at() },
          artifacts: [],
          history: [context.userMessage],
          metadata: undefined,
          ...more,
        }),
      ),
    status: (state, text, more = {}) =>
      bus.publish(
        AgentEvent.statusUpdate({
          taskId,
          contextId,
          status: { state, message: text === undefined ? undefined : messageOf(text), timestamp: at() },
          metadata: undefined,
          ...more,
        }),
      ),
    artifact: (text, append = parts++ > 0) =>
      bus.publish(
        AgentEvent.artifactUpdate({
          taskId,
          contextId,
          artifact: {
            artifactId: 'answer',
            name: '',
            description: '',
            parts: [textPart(text)],
            metadata: undefined,
            extensions: [],
          },
          append,
          lastChunk: false,
          metadata: undefined,
        }),
      ),
    message: (text) => bus.publish(AgentEvent.message(messageOf(text))),
  };
};

export interface AgentOptions {
  streaming?: boolean;
  binding?: 'JSONRPC' | 'HTTP+JSON' | 'GRPC';
  version?: '1.0' | '0.3';
  cancel?: (taskId: string, bus: ExecutionEventBus) => Promise<void>;
  /** Stands before the server. @returns whether it answered itself. */
  before?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

export interface TestAgent {
  url: string;
  card: AgentCard;
  /** Of each call. */
  headers: IncomingMessage['headers'][];
  store: InMemoryTaskStore;
  /** How often the agent was given a message. */
  acted(): number;
  /** Breaks all connections. */
  cut(): void;
  /** Ends the server as a crash does. */
  stop(): Promise<void>;
  /** Starts it again where it was; without its tasks if `forgets`. */
  restart(forgets?: boolean): Promise<void>;
}

export const startAgent = async (act: Act, options: AgentOptions = {}): Promise<TestAgent> => {
  const { streaming = true, binding = 'JSONRPC', version = '1.0', cancel, before } = options;
  const headers: IncomingMessage['headers'][] = [];
  const sockets = new Set<Socket>();
  let acted = 0;
  let store = new InMemoryTaskStore();
  let http: Server | undefined;
  let grpc: GrpcServer | undefined;
  const executor: AgentExecutor = {
    execute: async (context, bus) => {
      acted += 1;
      await act(actingOf(context, bus));
      bus.finished();
    },
    cancelTask: async (taskId, bus) => cancel?.(taskId, bus),
  };
  const card = AgentCard.fromJSON({
    name: 'tested',
    description: 'An agent for tests.',
    version: '1',
    capabilities: { streaming, pushNotifications: false },
    supportedInterfaces: [],
    defaultInputModes: ['text/plain'],
    defaultOutputModes: ['text/plain'],
    skills: [],
  });

  const listen = async (port: number) => {
    const requestHandler = new DefaultRequestHandler(card, store, executor);
    const handling = { requestHandler, userBuilder: UserBuilder.noAuthentication, legacyCompat: { enabled: true } };
    const app = express();
    app.use('/rest', restHandler(handling));
    app.use('/rpc', jsonRpcHandler(handling));
    http = createServer((request, response) => {
      headers.push(request.headers);
      if (!before?.(request, response)) app(request, response);
    });
    http.on('connection', (socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => http?.listen(binding === 'GRPC' ? 0 : port, '127.0.0.1', resolve));
    if (binding !== 'GRPC') return (http.address() as AddressInfo).port;
    grpc = new GrpcServer();
    const serving = { requestHandler, userBuilder: GrpcUserBuilder.noAuthentication };
    if (version === '1.0') grpc.addService(A2AService, grpcService(serving));
    else grpc.addService(LegacyA2AService, legacyGrpcService(serving));
    return new Promise<number>((resolve, reject) =>
      grpc?.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
  };
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const stop = async () => {
    grpc?.forceShutdown();
    cut();
    await new Promise((resolve) => (http?.listening ? http.close(resolve) : resolve(undefined)));
  };
  const port = await listen(0);
  onTestFinished(stop);
  const paths = { JSONRPC: '/rpc', 'HTTP+JSON': '/rest', GRPC: '' };
  const scheme = binding === 'GRPC' ? '' : 'http://';
  card.supportedInterfaces = [
    {
      url: `${scheme}127.0.0.1:${port}${paths[binding]}`,
      protocolBinding: binding,
      tenant: '',
      protocolVersion: version,
    },
  ];
  return {
    url: `http://127.0.0.1:${port}`,
    card,
    headers,
    get store() {
      return store;
    },
    acted: () => acted,
    cut,
    stop,
    restart: async (forgets = false) => {
      if (forgets) store = new InMemoryTaskStore();
      await listen(port);
    },
  };
};
