/** A process of the mesh: one log, one HTTP server, and the services that were asked for. */
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { EventType } from '../../topics/index.ts';
import type { Configuration } from './configuration.ts';
import { followConfiguration } from './follow-configuration.ts';
import { createHttpServer } from './http.ts';
import type { KafkaOptions } from './kafka/connection.ts';
import { createKafkaLog } from './kafka-log.ts';
import type { Log } from './log.ts';
import { createMetrics } from './metrics.ts';
import { type RegistryOptions, registrySchemaIds } from './registry.ts';
import type { RunningService, Service, ServiceContext } from './service.ts';
import { signingOf } from './signing.ts';
import { startTracing } from './tracing.ts';

export interface ProcessOptions {
  kafka: KafkaOptions;
  registry: RegistryOptions;
  topicPrefix: string;
  host: string;
  /** 0: any free one. */
  port: number;
  /** Where edges listen for gRPC, on the same host; default: any free one. */
  grpcPort?: number;
  /** Where services may keep what they can build again from the log; default: in memory. */
  dataDir?: string | undefined;
  services: readonly Service[];
  /** What this process writes beside what its services do. */
  alsoWrites?: readonly EventType[];
  logger: Logger;
  environment: NodeJS.ProcessEnv;
}

export interface RunningProcess {
  /** Where it listens, e.g. http://127.0.0.1:4000. */
  url: string;
  log: Log;
  configuration(): Configuration | undefined;
  /** In reverse: edges first, so that what they wait for can still be decided and done. */
  stop(): Promise<void>;
}

type Undo = () => Promise<unknown>;

const isEdge = ({ name }: Service) => name.startsWith('edge-');

const urlOf = (http: FastifyInstance): string => {
  const address = http.server.address();
  if (address === null || typeof address === 'string') throw new Error('the HTTP server has no port');
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `http://${host}:${address.port}`;
};

/** Starts services side by side; when one cannot start, those that have are stopped again. */
const startAll = async (services: readonly Service[], context: ServiceContext): Promise<RunningService[]> => {
  const started = await Promise.allSettled(services.map((service) => service.start(context)));
  const running = started.flatMap((s) => (s.status === 'fulfilled' ? [s.value] : []));
  const failed = started.find((s) => s.status === 'rejected');
  if (!failed) return running;
  await Promise.allSettled(running.map((service) => service.stop()));
  throw failed.reason;
};

/** @throws when something that it stands on cannot be reached; nothing is left running then. */
export const startProcess = async (options: ProcessOptions): Promise<RunningProcess> => {
  const { logger, services, environment } = options;
  const undo: Undo[] = [];
  const stop = async () => {
    for (const step of undo.splice(0).reverse())
      await step().catch((error: unknown) => logger.error({ err: error }, 'while stopping'));
  };
  try {
    const { tracing, stop: stopTracing } = await startTracing(environment);
    undo.push(stopTracing);
    const metrics = createMetrics();
    const writes = [
      ...new Set([...services.flatMap((s) => s.writes), ...(options.alsoWrites ?? []), 'EventDeadLettered' as const]),
    ];
    const log = await createKafkaLog({
      ...options.kafka,
      topicPrefix: options.topicPrefix,
      schemaIds: registrySchemaIds(options.registry),
      writes,
      logger,
      metrics,
    });
    undo.push(() => log.close());
    const configuration = await followConfiguration(log, logger);
    undo.push(() => configuration.close());
    const http = createHttpServer({ logger, registry: metrics.registry });
    http.readiness.set('kafka', () => log.healthy());
    const context: ServiceContext = {
      log,
      logger,
      metrics,
      tracing,
      signing: await signingOf(environment, logger),
      http,
      configuration: () => configuration.current(),
      environment,
      dataDir: options.dataDir,
      grpcHost: options.host,
      grpcPort: options.grpcPort ?? 0,
      now: Date.now,
    };
    const deciders = await startAll(
      services.filter((s) => !isEdge(s)),
      context,
    );
    undo.push(() => Promise.all(deciders.map((service) => service.stop())));
    const edges = await startAll(services.filter(isEdge), context);
    await http.listen({ host: options.host, port: options.port });
    undo.push(async () => {
      await Promise.all(edges.map((edge) => edge.stop()));
      await http.close();
    });
    return { url: urlOf(http), log, configuration: configuration.current, stop };
  } catch (error) {
    await stop();
    throw error;
  }
};
