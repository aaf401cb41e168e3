import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { GovernanceOptions } from '../services/runtime/governance/index.ts';
import { environment, until } from './mesh.ts';

export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

/** services/main.ts as its own process, on a port of its own. */
export const spawnMesh = async (
  { kafka, registry, topicPrefix }: GovernanceOptions,
  port: number,
  env: NodeJS.ProcessEnv = {},
): Promise<ChildProcess> => {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../services/main.ts')], {
    env: {
      ...environment,
      KAFKA_BROKERS: kafka.brokers.join(','),
      SCHEMA_REGISTRY_URL: registry.url,
      PARLEY_TOPIC_PREFIX: topicPrefix,
      PARLEY_PORT: String(port),
      PARLEY_GRPC_PORT: '0',
      LOG_LEVEL: 'warn',
      ...env,
    },
    stdio: ['ignore', 'inherit', 'ignore'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const ready = async () => (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined))?.ok ?? false;
  await until(ready, 'the mesh to be ready', 120_000);
  return child;
};
