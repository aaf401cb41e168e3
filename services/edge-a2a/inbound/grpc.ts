/** A2A's gRPC binding, 1.0 and 0.3 on one port: the agent is the request's tenant, else the root agent. */
import { LegacyA2AService, legacyGrpcService } from '@a2a-js/sdk/compat/v0_3/server/grpc';
import type { A2ARequestHandler } from '@a2a-js/sdk/server';
import { A2AService, grpcService } from '@a2a-js/sdk/server/grpc';
import { Server, ServerCredentials, type ServerWritableStream, type UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import type { Metrics } from '../../runtime/metrics.ts';
import { type Door, identify, letIn } from './admit.ts';
import { MeshError, meshProblems } from './errors.ts';
import { blankCard, meshCard } from './mesh-card.ts';
import { PROTOCOL } from './request.ts';
import { withinLog } from './sdk-console.ts';
import type { Visitor } from './visitor.ts';

/** Larger than any event that the log takes. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const CLOSE_MS = 5_000;

/** The SDK's methods settle when the call is over, of streams too. */
type Method = (call: GrpcCall, ...rest: unknown[]) => Promise<void>;
type GrpcCall = ServerWritableStream<unknown, unknown>;

export interface GrpcOptions {
  host: string;
  /** 0: any free one. */
  port: number;
  /** Largest message that is read. */
  bodyBytes: number;
  /** The operations of an agent, with errors in gRPC's form. @throws where there is no such agent */
  handlerOf(agent: string): A2ARequestHandler;
  /** Of calls that name no agent. */
  rootAgent(): string | undefined;
  door: Door;
  metrics: Metrics;
  logger: Logger;
}

/** Passes each operation on to the agent that its request names. */
const byTenant = ({ handlerOf, rootAgent }: GrpcOptions): A2ARequestHandler => {
  const of = ({ tenant }: { tenant: string }): A2ARequestHandler => {
    const agent = tenant || rootAgent();
    try {
      if (agent) return handlerOf(agent);
    } catch (error) {
      throw told(error);
    }
    throw told(meshProblems.noAgent('(none named: set tenant)'));
  };
  // Only the versions are looked at: they are the same for all agents.
  const place = { agent: '', publicUrl: '', grpcAddress: '', isRoot: true };
  return {
    getAgentCard: async () => meshCard(blankCard(''), place),
    getAuthenticatedExtendedAgentCard: async (params, context) =>
      of(params).getAuthenticatedExtendedAgentCard(params, context),
    sendMessage: async (params, context) => of(params).sendMessage(params, context),
    sendMessageStream: async function* (params, context) {
      yield* of(params).sendMessageStream(params, context);
    },
    getTask: async (params, context) => of(params).getTask(params, context),
    listTasks: async (params, context) => of(params).listTasks(params, context),
    cancelTask: async (params, context) => of(params).cancelTask(params, context),
    resubscribe: async function* (params, context) {
      yield* of(params).resubscribe(params, context);
    },
    createTaskPushNotificationConfig: async (params, context) =>
      of(params).createTaskPushNotificationConfig(params, context),
    getTaskPushNotificationConfig: async (params, context) => of(params).getTaskPushNotificationConfig(params, context),
    listTaskPushNotificationConfigs: async (params, context) =>
      of(params).listTaskPushNotificationConfigs(params, context),
    deleteTaskPushNotificationConfig: async (params, context) =>
      of(params).deleteTaskPushNotificationConfig(params, context),
  };
};

/** An error in gRPC's form. */
const told = (error: unknown): unknown =>
  error instanceof MeshError ? Object.assign(error, { transport: 'grpc' as const }) : error;

/** How calls come in, and what is done around each. */
const createEntrance = ({ door, metrics, logger }: Pick<GrpcOptions, 'door' | 'metrics' | 'logger'>) => {
  const leaving = new WeakMap<GrpcCall, () => void>();
  return {
    /** The SDK's UserBuilder. */
    admit: async (given: unknown): Promise<Visitor> => {
      const call = given as GrpcCall;
      try {
        const identified = await identify(door, (name) => call.metadata.get(name)[0]?.toString());
        if ('error' in identified) throw identified.error;
        const { visitor, leave } = letIn(door, identified, call);
        leaving.set(call, leave);
        call.once('cancelled', leave);
        if (call.cancelled) leave();
        return visitor;
      } catch (error) {
        throw told(error);
      }
    },
    around: (service: UntypedServiceImplementation): UntypedServiceImplementation => {
      const within =
        (method: Method): Method =>
        async (call, ...rest) => {
          metrics.requestsInFlight.inc({ protocol: PROTOCOL });
          try {
            await withinLog(logger, () => method(call, ...rest));
          } finally {
            metrics.requestsInFlight.dec({ protocol: PROTOCOL });
            leaving.get(call)?.();
          }
        };
      const methods = Object.entries(service).map(([name, method]) => [name, within(method as unknown as Method)]);
      return Object.fromEntries(methods) as UntypedServiceImplementation;
    },
  };
};

export interface GrpcListener {
  port: number;
  /** Takes no new calls, and gives those in flight a moment. */
  close(): Promise<void>;
}

/** @throws where the port is taken. */
export const listenGrpc = async (options: GrpcOptions): Promise<GrpcListener> => {
  const { host, port, bodyBytes } = options;
  const { admit, around } = createEntrance(options);
  const server = new Server({
    'grpc.max_receive_message_length': bodyBytes,
    'grpc.max_send_message_length': MAX_ANSWER_BYTES,
    'grpc.max_metadata_size': 16 * 1024,
  });
  const requestHandler = byTenant(options);
  const userBuilder = admit;
  server.addService(A2AService, around(grpcService({ requestHandler, userBuilder })));
  server.addService(LegacyA2AService, around(legacyGrpcService({ requestHandler, userBuilder })));
  const bound = await new Promise<number>((resolve, reject) => {
    const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, chosen) =>
      error ? reject(error) : resolve(chosen),
    );
  });
  return {
    port: bound,
    close: () =>
      new Promise((resolve) => {
        const force = setTimeout(() => server.forceShutdown(), CLOSE_MS);
        server.tryShutdown(() => {
          clearTimeout(force);
          resolve();
        });
      }),
  };
};
