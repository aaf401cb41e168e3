import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process that cannot be mistaken for a later one with the same pid. */
export interface ProcessId {
  pid: number;
  /** When it began, in the operating system's own notation. */
  started: string;
}

export interface ProcessInfo extends ProcessId {
  command: string;
}

/** What the operating system knows of a running process; undefined when there is none, or only a zombie. */
export function inspectProcess(pid: number): ProcessInfo | undefined {
  return process.platform === 'linux'
    ? fromProc(pid)
    : fromPs(pid, spawnSync('ps', ['-o', 'stat=,lstart=,command=', '-p', `${pid}`], { encoding: 'utf8' }).stdout);
}

function fromProc(pid: number): ProcessInfo | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // After the name, which may hold spaces and brackets: state is field 3 of proc(5), starttime field 22.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // While other threads live, a zombie still has its files, locks and ports.
    if (fields[0] === 'Z' && readdirSync(`/proc/${pid}/task`).length === 1) return undefined;
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return { pid, started: fields[19] ?? '', command };
  } catch {
    return undefined;
  }
}

/** Reads one line of `ps -o stat=,lstart=,command=`. */
export function fromPs(pid: number, line: string): ProcessInfo | undefined {
  const match = /^\s*(\S+)\s+(\S+ \S+ +\d+ \S+ \d+)\s+(.*)$/m.exec(line);
  if (!match || match[1]?.startsWith('Z')) return undefined;
  return { pid, started: match[2] ?? '', command: match[3] ?? '' };
}

export const isAlive = ({ pid, started }: ProcessId): boolean => inspectProcess(pid)?.started === started;

/** Ends a process that leads its own group: SIGTERM, after `graceMs` SIGKILL to the group. Resolves once it is gone. */
export async function endProcess(id: ProcessId, graceMs: number): Promise<void> {
  const signal = (pid: number, name: NodeJS.Signals) => {
    try {
      process.kill(pid, name);
    } catch {
      // Gone between the look and the signal.
    }
  };
  if (!isAlive(id)) return;
  signal(id.pid, 'SIGTERM');
  const killAt = Date.now() + graceMs;
  while (isAlive(id)) {
    if (Date.now() > killAt) signal(-id.pid, 'SIGKILL');
    await sleep(25);
  }
}
