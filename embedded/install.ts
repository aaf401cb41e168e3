import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { endWithUs } from './end-with-us.ts';
import { EmbeddedError, mavenNotFound } from './errors.ts';
import { lock } from './lock.ts';
import { type Downloads, downloads, noDownloads } from './maven-output.ts';
import { during, type Progress, quiet } from './progress.ts';
import { tail } from './tail.ts';

const POM = join(import.meta.dirname, 'pom.xml');

/** Where the jars are kept unless told otherwise: shared by `npm start` and every test. */
export const JARS_DIR = join(import.meta.dirname, '..', '.parley', 'jars');

/** Directories of jars, by what they run. */
export interface Jars {
  kafka: string;
  registry: string;
}

/** `<kafka.version>` and `<registry.version>` of a pom. */
export function versions(pom: string): { kafka: string; registry: string } {
  const of = (name: string) => {
    const version = new RegExp(`<${name}\\.version>([^<]+)<`).exec(pom)?.[1];
    if (!version) throw new Error(`no <${name}.version> in pom.xml`);
    return version;
  };
  return { kafka: of('kafka'), registry: of('registry') };
}

export interface InstallOptions {
  /** Holds the jars; default JARS_DIR. */
  dir?: string;
  progress?: Progress;
  signal?: AbortSignal;
}

/**
 * Makes sure that the jars are there, fetching them with Maven (about 150 MB, once).
 * Out: their directories.
 * Throws EmbeddedError `MAVEN_NOT_FOUND` or `INSTALL_FAILED`.
 */
export async function installJars({ dir = JARS_DIR, progress = quiet, signal }: InstallOptions = {}): Promise<Jars> {
  const version = versions(readFileSync(POM, 'utf8'));
  const jars = { kafka: join(dir, `kafka-${version.kafka}`), registry: join(dir, `registry-${version.registry}`) };
  // Directories are renamed into place, so one that exists is whole.
  const whole = () => existsSync(jars.kafka) && existsSync(jars.registry);
  if (whole()) return jars;

  const unlock = await lock(join(dir, 'install.lock'), () =>
    progress.update('Another start is fetching Kafka; waiting for it'),
  );
  try {
    if (whole()) return jars;
    removeStaging(dir);
    progress.done(
      `Fetching Kafka ${version.kafka} and the schema registry ${version.registry} with Maven (about 150 MB, once)`,
    );
    const staging = join(dir, `.staging-${process.pid}`);
    const staged = { kafka: join(staging, 'kafka'), registry: join(staging, 'registry') };
    const seen = await fetch(staged, join(dir, 'install.log'), progress, signal);
    for (const name of ['kafka', 'registry'] as const) {
      rmSync(jars[name], { recursive: true, force: true });
      renameSync(staged[name], jars[name]);
    }
    progress.done(`They are in ${dir} (downloaded ${seen.files} files, ${megabytes(seen)})`);
    return jars;
  } finally {
    removeStaging(dir);
    unlock();
  }
}

async function fetch(into: Jars, logFile: string, progress: Progress, signal?: AbortSignal): Promise<Downloads> {
  mkdirSync(into.kafka, { recursive: true });
  mkdirSync(into.registry, { recursive: true });
  const log = createWriteStream(logFile);
  const args = ['-B', '-f', POM, 'generate-resources', `-Dkafka.dir=${into.kafka}`, `-Dregistry.dir=${into.registry}`];
  const maven = spawn('mvn', args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], signal });
  const release = maven.pid === undefined ? () => {} : endWithUs(maven.pid);
  maven.stdout.pipe(log, { end: false });
  maven.stderr.pipe(log, { end: false });
  let seen = noDownloads;
  createInterface(maven.stdout).on('line', (line) => {
    seen = downloads(seen, line);
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    maven.once('error', (error: NodeJS.ErrnoException) => reject(error.code === 'ENOENT' ? mavenNotFound() : error));
    maven.once('close', resolve);
  });
  try {
    const line = (seconds: number) => `  ${seconds} s  ${seen.files} files  ${megabytes(seen)}  ${seen.now}`;
    const status = await during(progress, line, ended);
    if (status === 0 && isWhole(into)) return seen;
  } finally {
    release();
    await new Promise<void>((resolve) => log.end(resolve));
  }
  throw new EmbeddedError(
    'INSTALL_FAILED',
    `Maven could not fetch Kafka and the schema registry. The end of ${logFile}:\n${tail(logFile, 15)}`,
  );
}

const isWhole = ({ kafka, registry }: Jars): boolean =>
  readdirSync(kafka).some((file) => file.startsWith('kafka_')) &&
  readdirSync(registry).some((file) => file.endsWith('-runner.jar'));

const megabytes = ({ bytes }: Downloads) => `${(bytes / 1e6).toFixed(0)} MB`;

function removeStaging(dir: string) {
  for (const name of readdirSync(dir))
    if (name.startsWith('.staging-')) rmSync(join(dir, name), { recursive: true, force: true });
}
