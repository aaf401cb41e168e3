import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { archiveOf } from './class-archive.ts';
import type { Jars } from './install.ts';
import type { Java } from './java.ts';
import { KAFKA_FLAGS, startKafka } from './kafka.ts';
import { lock } from './lock.ts';
import { during, type Progress } from './progress.ts';
import { REGISTRY_FLAGS, startRegistry } from './registry.ts';

/**
 * Makes the class archives that later starts use, once for each Java: runs both servers for a moment, in a directory of its
 * own. Starts are slower without archives and otherwise the same, so a failure is noted, not thrown.
 */
export async function makeClassArchives(
  jars: Jars,
  java: Java,
  { progress, signal }: { progress: Progress; signal?: AbortSignal },
): Promise<void> {
  const archives = { kafka: archiveOf(jars.kafka, java), registry: archiveOf(jars.registry, java) };
  const made = () => existsSync(archives.kafka) && existsSync(archives.registry);
  if (made()) return;
  const unlock = await lock(join(dirname(jars.kafka), 'install.lock'), () =>
    progress.update('Another start is preparing; waiting for it'),
  );
  const dir = mkdtempSync(join(tmpdir(), 'parley-train-'));
  try {
    if (made()) return;
    await during(
      progress,
      (seconds) => `Preparing faster starts, once: ${seconds} s`,
      train(jars, java, archives, dir, signal),
    );
    progress.done('Prepared faster starts');
  } catch (error) {
    signal?.throwIfAborted();
    // An empty archive is not used, and keeps the next start from trying again.
    for (const file of Object.values(archives)) if (!existsSync(file)) writeFileSync(file, '');
    progress.done(
      `Starts will be slower: could not prepare class archives (${(error as Error).message.split('\n')[0]})`,
    );
  } finally {
    rmSync(dir, { recursive: true, force: true });
    unlock();
  }
}

async function train(jars: Jars, java: Java, archives: Jars, dir: string, signal?: AbortSignal) {
  const dump = (archive: string) => `-XX:ArchiveClassesAtExit=${archive}.new`;
  const kafka = await startKafka({
    dataDir: join(dir, 'kafka'),
    jars,
    java,
    jvmFlags: [...KAFKA_FLAGS, dump(archives.kafka)],
    dieWithParent: true,
    signal,
  });
  try {
    const registry = await startRegistry({
      dataDir: join(dir, 'registry'),
      jars,
      java,
      brokers: kafka.brokers,
      jvmFlags: [...REGISTRY_FLAGS, dump(archives.registry)],
      dieWithParent: true,
      signal,
    });
    await registry.stop();
  } finally {
    await kafka.stop();
  }
  for (const archive of Object.values(archives)) renameSync(`${archive}.new`, archive);
}
