import pino from 'pino';
import type { Log } from './log.ts';
import { createMetrics } from './metrics.ts';
import type { ServiceContext } from './service.ts';
import { signing } from './signing-for-tests.ts';
import { withoutExporter } from './tracing.ts';

/** What a service is given by a process that is silent, has no configuration and serves no HTTP; `more` says what differs. */
export const contextForTests = (log: Log, more: Partial<ServiceContext> = {}): ServiceContext => ({
  log,
  logger: pino({ level: 'silent' }),
  metrics: createMetrics(),
  tracing: withoutExporter,
  signing,
  http: undefined as never,
  configuration: () => undefined,
  environment: {},
  dataDir: undefined,
  grpcHost: '127.0.0.1',
  grpcPort: 0,
  now: Date.now,
  ...more,
});
