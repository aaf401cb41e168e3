import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { endProcess, fromPs, inspectProcess, isAlive } from './processes.ts';

test('knows this process and its command', () => {
  const self = inspectProcess(process.pid);
  expect(self).toMatchObject({ pid: process.pid, started: expect.stringMatching(/\d/) });
  expect(self?.command).toContain('node');
});

test('reads ps', () => {
  const line = 'Ss   Thu Aug  7 09:05:01 2025 java -Dparley.dir=/tmp/a b/kafka kafka.Kafka\n';
  expect(fromPs(7, line)).toEqual({
    pid: 7,
    started: 'Thu Aug  7 09:05:01 2025',
    command: 'java -Dparley.dir=/tmp/a b/kafka kafka.Kafka',
  });
  expect(fromPs(7, 'Z    Thu Aug  7 09:05:01 2025 (java)\n')).toBeUndefined();
  expect(fromPs(7, '')).toBeUndefined();
});

test('ends a process, one that ignores SIGTERM too', async () => {
  const deaf = spawn('sh', ['-c', 'trap "" TERM; echo ready; while :; do sleep 1; done'], { detached: true });
  await once(deaf.stdout, 'data');
  const id = inspectProcess(deaf.pid as number);
  if (!id) throw new Error('not running');
  const began = Date.now();
  await endProcess(id, 300);
  expect(Date.now() - began).toBeGreaterThanOrEqual(300);
  expect(isAlive(id)).toBe(false);
  await endProcess(id, 300);
});

test('leaves a later process of the same pid alone', async () => {
  await endProcess({ pid: process.pid, started: 'before' }, 0);
  expect(inspectProcess(process.pid)).toBeDefined();
});
