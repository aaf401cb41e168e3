/** A disk of one broker that can be made full: a tmpfs where this user may mount one, else a limit on what it may write. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import type { Broker } from './brokers.ts';

export interface Disk {
  broker: Broker;
  /** What a full disk is here. */
  how: string;
  /** From now on a write finds no room. */
  fill(): void;
  free(): void;
  /** Once the broker has ended. */
  remove(): void;
}

const SIZE = '4g';
const PAGE = 4096;
/** Of room that is left. */
const MOST_PAGES = 1024;
const run = (command: string, ...args: string[]) => execFileSync(command, args, { stdio: 'pipe' });

/** Has to come before the broker's first start, which formats it. */
export const createDisk = (broker: Broker): Disk => {
  const path = join(broker.dataDir, 'data');
  mkdirSync(path, { recursive: true });
  try {
    run('mount', '-t', 'tmpfs', '-o', `size=${SIZE}`, 'parley-chaos', path);
  } catch {
    const limit = (bytes: string) => run('prlimit', '--pid', String(broker.pid()), `--fsize=${bytes}:`);
    return {
      broker,
      how: 'writes fail by RLIMIT_FSIZE, since no tmpfs could be mounted',
      fill: () => void limit('1'),
      free: () => {},
      remove: () => {},
    };
  }
  const resize = (size: string) => void run('mount', '-o', `remount,size=${size}`, path);
  return {
    broker,
    how: 'its tmpfs has no room left (ENOSPC)',
    fill: () => {
      for (let pages = 1; ; pages *= 2)
        try {
          const { blocks, bfree, bsize } = statfsSync(path);
          return resize(String((blocks - bfree) * bsize + pages * PAGE));
        } catch (error) {
          // The broker wrote more than that since its disk was measured: a tmpfs cannot be smaller than what it holds.
          if (pages >= MOST_PAGES) throw error;
        }
    },
    free: () => resize(SIZE),
    remove: () => void run('umount', '-l', path),
  };
};
