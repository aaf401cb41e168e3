import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { javaNotFound } from './errors.ts';

const OLDEST = 17;

export interface Java {
  /** What to run. */
  path: string;
  /** E.g. `17.0.15`. */
  version: string;
}

/** The version in what `java -version` prints, e.g. `17.0.15` or `1.8.0_392`; undefined when there is none. */
export const javaVersion = (output: string): string | undefined => /version "([^"]+)"/.exec(output)?.[1];

/** 17 of `17.0.15`, 8 of `1.8.0_392`. */
export const javaMajor = (version: string): number => Number.parseInt(version.replace(/^1\./, ''), 10);

/**
 * A Java of version 17 or newer: the one in JAVA_HOME, else the one on PATH.
 * Throws EmbeddedError `JAVA_NOT_FOUND` when neither will do.
 */
export function findJava(env: NodeJS.ProcessEnv = process.env): Java {
  const candidates = [...(env.JAVA_HOME ? [join(env.JAVA_HOME, 'bin', 'java')] : []), 'java'];
  const found: string[] = [];
  for (const path of candidates) {
    const { stderr, stdout } = spawnSync(path, ['-version'], { encoding: 'utf8', env });
    const version = javaVersion(`${stderr ?? ''}${stdout ?? ''}`);
    if (version && javaMajor(version) >= OLDEST) return { path, version };
    if (version) found.push(`Java ${version} (${path})`);
  }
  throw javaNotFound(found);
}
