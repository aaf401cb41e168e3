import { execFile, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { endWithUs } from './end-with-us.ts';
import { EmbeddedError } from './errors.ts';
import { endProcess, inspectProcess, isAlive, type ProcessId } from './processes.ts';
import type { Server } from './state.ts';
import { tail } from './tail.ts';

const LOG_LIMIT_BYTES = 10 * 1024 * 1024;

export interface JvmCommand {
  java: string;
  args: string[];
  cwd: string;
  env?: Record<string, string>;
  /** File that takes what the JVM prints. */
  log: string;
}

/** A server in a JVM, started here or found running. */
export interface Running extends Server {
  /** Ends it (SIGTERM, then SIGKILL) and resolves once it is gone. */
  stop(): Promise<void>;
}

/**
 * Starts a JVM in a session of its own, so that Ctrl-C on the terminal does not reach it and it outlives its starter.
 * Throws EmbeddedError `JVM_DIED`.
 */
export function spawnJvm({ java, args, cwd, env, log }: JvmCommand): ProcessId {
  mkdirSync(dirname(log), { recursive: true });
  if (existsSync(log) && statSync(log).size > LOG_LIMIT_BYTES) renameSync(log, `${log}.old`);
  const output = openSync(log, 'a');
  const child = spawn(java, args, {
    cwd,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['ignore', output, output],
  });
  child.on('error', () => {});
  child.unref();
  closeSync(output);
  const started = child.pid === undefined ? undefined : inspectProcess(child.pid);
  if (!started) throw new EmbeddedError('JVM_DIED', `${java} ended at once. The end of ${log}:\n${tail(log, 20)}`);
  return { pid: started.pid, started: started.started };
}

/** Runs a JVM to its end. Throws EmbeddedError `JVM_DIED` when that is not a good one. */
export async function runJvm(title: string, java: string, args: string[], signal?: AbortSignal): Promise<void> {
  await promisify(execFile)(java, args, { signal }).catch((error: Error & { stdout?: string; stderr?: string }) => {
    signal?.throwIfAborted();
    const printed = `${error.stdout ?? ''}${error.stderr ?? ''}`.trimEnd().split('\n').slice(-20).join('\n');
    throw new EmbeddedError('JVM_DIED', `${title} failed. The end of what it printed:\n${printed}`, { cause: error });
  });
}

/** Takes charge of a JVM. With `dieWithParent` it ends when this process does, however that ends. */
export function running(server: Server, graceMs: number, dieWithParent = false): Running {
  const release = dieWithParent ? endWithUs(server.pid) : () => {};
  return {
    ...server,
    async stop() {
      await endProcess(server, graceMs);
      release();
    },
  };
}

/**
 * Waits until `answers` is true, asking every 50 ms; ends the JVM when that does not come.
 * Throws EmbeddedError `JVM_DIED` or `START_TIMEOUT`, with the end of the log, or the signal's reason.
 */
export async function untilAnswers(
  {
    name,
    jvm,
    log,
    signal,
    timeoutMs = 120_000,
  }: { name: string; jvm: Running; log: string; signal?: AbortSignal; timeoutMs?: number },
  answers: () => Promise<boolean>,
): Promise<void> {
  const giveUp = Date.now() + timeoutMs;
  const fail = (code: 'JVM_DIED' | 'START_TIMEOUT', what: string) =>
    new EmbeddedError(code, `${name} ${what}. The end of ${log}:\n${tail(log, 20)}`);
  try {
    for (;;) {
      signal?.throwIfAborted();
      const answered = await answers();
      // Looked at last: what answered may be another program on the same port.
      if (!isAlive(jvm)) throw fail('JVM_DIED', 'ended while starting');
      if (answered) return;
      if (Date.now() > giveUp) throw fail('START_TIMEOUT', `did not answer within ${timeoutMs / 1000} s`);
      await sleep(50);
    }
  } catch (error) {
    await jvm.stop();
    throw error;
  }
}
