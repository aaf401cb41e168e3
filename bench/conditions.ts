import { cpus, loadavg, release, totalmem, type } from 'node:os';

/** What the figures depend on. */
export interface Conditions {
  cores: number;
  cpu: string;
  memoryBytes: number;
  system: string;
  node: string;
  /** Of the last minute. */
  load: number;
  at: string;
}

export const conditions = (): Conditions => ({
  cores: cpus().length,
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  memoryBytes: totalmem(),
  system: `${type()} ${release()}`,
  node: process.versions.node,
  load: loadavg()[0]!,
  at: new Date().toISOString(),
});
