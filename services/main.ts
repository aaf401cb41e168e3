/**
 * Starts the services named on the command line, or all of them, on the cluster that the environment names:
 *   node services/main.ts policy routing
 */
import pino from 'pino';
import { describeServices, services } from './index.ts';
import { readEnvironment } from './runtime/environment.ts';
import { patiently } from './runtime/patiently.ts';
import { startProcess } from './runtime/process.ts';
import { untilSignalled } from './runtime/signals.ts';

const usage = `usage: node services/main.ts [service ...]

Starts the services named, or all of them: ${services.map((s) => s.name).join(', ')}.
KAFKA_BROKERS and SCHEMA_REGISTRY_URL say where the cluster is; \`parley topics apply\` prepares it.
GET /healthz, /readyz and /metrics on PARLEY_HOST:PARLEY_PORT (127.0.0.1:4000).`;

const start = async (names: readonly string[]): Promise<void> => {
  const unknown = names.filter((name) => !services.some((s) => s.name === name));
  if (unknown.length > 0) throw new Error(`there is no service ${unknown.join(', ')}\n\n${usage}`);
  const { cluster, topicPrefix, host, port, grpcPort, dataDir, logLevel } = readEnvironment(process.env);
  if (!cluster) throw new Error('KAFKA_BROKERS and SCHEMA_REGISTRY_URL must say where the cluster is');
  const logger = pino({ level: logLevel });
  const chosen = names.length > 0 ? services.filter((s) => names.includes(s.name)) : services;
  console.error(describeServices(chosen));
  const where = { topicPrefix, host, port, grpcPort, dataDir };
  const options = { ...cluster, ...where, services: chosen, logger, environment: process.env };
  const running = await patiently(() => startProcess(options), logger);
  logger.info({ url: running.url, services: chosen.map((s) => s.name) }, 'ready');
  logger.info({ signal: await untilSignalled() }, 'stopping');
  await running.stop();
};

const names = process.argv.slice(2);
if (names.includes('--help') || names.includes('-h')) console.log(usage);
else
  start(names).then(
    () => process.exit(0),
    (error: Error) => {
      console.error(error.message);
      process.exit(1);
    },
  );
