import { existsSync, readFileSync } from 'node:fs';

/** The last lines of a text file; empty when there is no such file. */
export function tail(file: string, lines: number): string {
  if (!existsSync(file)) return '';
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
}
