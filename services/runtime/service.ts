/** What a service is to the process that runs it. */
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { EventType, ServiceName, TopicName } from '../../topics/index.ts';
import type { Configuration } from './configuration.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { Signing } from './signing.ts';
import type { Tracing } from './tracing.ts';

/** What the process gives to each of its services. */
export interface ServiceContext {
  log: Log;
  logger: Logger;
  metrics: Metrics;
  tracing: Tracing;
  /** The mesh's key: signs agent cards and tokens, seals what only the mesh may read. */
  signing: Signing;
  /** The process's HTTP server: an edge mounts its routes on it. It listens once every service has started. */
  http: FastifyInstance;
  /** The configuration in force; undefined until one has been applied. */
  configuration(): Configuration | undefined;
  /** Where `${ENV}` references are resolved, by outbound edges only. */
  environment: Readonly<Record<string, string | undefined>>;
  /** Where a service may keep what it can build again from the log; undefined: in memory. */
  dataDir: string | undefined;
  /** Where an edge listens for gRPC; port 0: any free one. */
  grpcHost: string;
  grpcPort: number;
  /** Milliseconds since the epoch. */
  now(): number;
}

export interface RunningService {
  /** Takes no more work, finishes what is begun, states and commits what came of it. */
  stop(): Promise<void>;
}

export interface Service {
  name: ServiceName;
  /** For the boot table: what it reads and writes, by topic. */
  reads: readonly TopicName[];
  writes: readonly EventType[];
  /** The consumer group by which its instances share the work. */
  group: string;
  start(context: ServiceContext): Promise<RunningService>;
}
