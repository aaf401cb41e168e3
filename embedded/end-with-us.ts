import { spawn } from 'node:child_process';

/**
 * Kills a process group when this process ends, even by kill -9. In: the pid of the group's leader. Out: takes that back.
 * A shell waits on a pipe of which only we hold the other end.
 */
export function endWithUs(group: number): () => void {
  const watcher = spawn('sh', ['-c', 'read _; kill -s KILL -- "-$1"', 'sh', `${group}`], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watcher.unref();
  // The pipe is a socket to Node, which keeps the event loop alive unless told not to.
  (watcher.stdin as unknown as { unref(): void }).unref();
  return () => watcher.kill('SIGKILL');
}
