import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lock, tryLock } from './lock.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'parley-lock-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

test('has one holder at a time', () => {
  const file = join(dir, 'a', 'lock');
  const unlock = tryLock(file);
  expect(unlock).toBeDefined();
  expect(tryLock(file)).toBeUndefined();
  unlock?.();
  unlock?.();
  const again = tryLock(file);
  expect(again).toBeDefined();
  again?.();
});

test('is free again once its holder was killed', async () => {
  const file = join(dir, 'lock');
  const module = JSON.stringify(join(import.meta.dirname, 'lock.ts'));
  const script = `import { tryLock } from ${module}; tryLock(${JSON.stringify(file)}); console.log('mine'); setInterval(() => {}, 1e6);`;
  const holder = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  expect(tryLock(file)).toBeUndefined();
  let waited = false;
  const waiting = lock(file, () => {
    waited = true;
  });
  holder.kill('SIGKILL');
  (await waiting)();
  expect(waited).toBe(true);
});
