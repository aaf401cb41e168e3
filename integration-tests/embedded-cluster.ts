import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startEmbedded } from '../embedded/start.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    brokers: string[];
    registryUrl: string;
  }
}

/** One real Kafka and one real registry for all integration tests, or those of KAFKA_BROKERS and SCHEMA_REGISTRY_URL. */
export default async function setup({ provide }: TestProject): Promise<(() => Promise<void>) | undefined> {
  // Some hundred processes are started by these tests, of the same files.
  process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, '..', '.parley', 'compiled');
  const { KAFKA_BROKERS, SCHEMA_REGISTRY_URL } = process.env;
  if (KAFKA_BROKERS && SCHEMA_REGISTRY_URL) {
    provide('brokers', KAFKA_BROKERS.split(','));
    provide('registryUrl', SCHEMA_REGISTRY_URL);
    return undefined;
  }
  const dir = mkdtempSync(join(tmpdir(), 'parley-test-'));
  const embedded = await startEmbedded({ dir, dieWithParent: true, authorizer: true });
  provide('brokers', embedded.brokers);
  provide('registryUrl', embedded.registryUrl);
  return async () => {
    await embedded.stop();
    rmSync(dir, { recursive: true, force: true });
  };
}
