import { existsSync, statSync } from 'node:fs';
import type { Java } from './java.ts';

// A JVM that maps its classes from an archive starts in half the time. An archive holds for one Java and one class path;
// a JVM that finds another ignores it.

/** Where the archive for a directory of jars is, or will be. */
export const archiveOf = (jarsDir: string, { version }: Java): string =>
  `${jarsDir}-java-${version.replace(/[^\w.]/g, '_')}.jsa`;

/** JVM flags that use the archive, if there is one. */
export function archiveFlags(jarsDir: string, java: Java): string[] {
  const file = archiveOf(jarsDir, java);
  return existsSync(file) && statSync(file).size > 0
    ? [`-XX:SharedArchiveFile=${file}`, '-Xlog:cds=off', '-Xlog:cds+dynamic=off']
    : [];
}
