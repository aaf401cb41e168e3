import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

// SQLite's lock is the operating system's: it ends with its holder, even one killed with -9, so there are no stale locks.

const SQLITE_BUSY = 5;

/** Takes the lock that the file stands for, or gives undefined when another holds it. The result lets go; again is no error. */
export function tryLock(file: string): (() => void) | undefined {
  mkdirSync(dirname(file), { recursive: true });
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    database.exec('BEGIN EXCLUSIVE');
    return () => {
      if (database.isOpen) database.close();
    };
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return undefined;
    throw error;
  }
}

/** Waits for the lock; `waiting` is called once when it is not free at once. */
export async function lock(file: string, waiting?: () => void): Promise<() => void> {
  for (let first = true; ; first = false) {
    const unlock = tryLock(file);
    if (unlock) return unlock;
    if (first) waiting?.();
    await sleep(250);
  }
}
