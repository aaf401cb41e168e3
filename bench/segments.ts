import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes of the log in a broker's directory, indices left out: of its topics that begin with `prefix`, by default of all. */
export const segmentBytes = (directory: string, prefix = ''): number =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.startsWith(prefix) && name.endsWith('.log'))
    .reduce((sum, name) => sum + (statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0), 0);
