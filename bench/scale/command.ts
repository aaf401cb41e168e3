/** A command of Parley, or another program of this repository, from its start to its end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Mesh } from './cluster.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const LOOK_MS = 50;

export interface Ran {
  /** From the process spawned to its end. */
  ms: number;
  peakRssBytes: number;
  printed: string;
}

/** Resident memory at its largest so far, by the kernel; 0 once it has ended. */
const peakOf = (pid: number): number => {
  try {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
};

/** @param file relative to the repository. @throws with what it printed when it does not end well. */
export const run = async (mesh: Mesh, file: string, args: readonly string[], signal: AbortSignal): Promise<Ran> => {
  signal.throwIfAborted();
  const began = performance.now();
  const child = spawn(process.execPath, [join(ROOT, file), ...args], {
    env: mesh.environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = () => child.kill('SIGKILL');
  signal.addEventListener('abort', kill);
  let peakRssBytes = 0;
  const timer = setInterval(() => {
    peakRssBytes = Math.max(peakRssBytes, peakOf(child.pid!));
  }, LOOK_MS);
  try {
    const [printed, complaint, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit'),
    ]);
    signal.throwIfAborted();
    if (code !== 0)
      throw new Error(`${file} ${args.join(' ')} ended with ${code}: ${(complaint || printed).slice(0, 2000)}`);
    return { ms: performance.now() - began, peakRssBytes, printed };
  } finally {
    clearInterval(timer);
    signal.removeEventListener('abort', kill);
  }
};

/** `parley <args>` */
export const parley = (mesh: Mesh, args: readonly string[], signal: AbortSignal): Promise<Ran> =>
  run(mesh, 'cli/main.ts', args, signal);
