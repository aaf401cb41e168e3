import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'parley-ensure-'));
  for (const dir of ['scripts', 'bin']) mkdirSync(join(root, dir));
  cpSync(join(import.meta.dirname, 'ensure.mjs'), join(root, 'scripts', 'ensure.mjs'));
  writeFileSync(join(root, 'package-lock.json'), '{}');
  npmIs(
    'echo "$@" >> npm-calls; mkdir -p node_modules/.bin; echo "echo a tool from .bin" > node_modules/.bin/tool; chmod +x node_modules/.bin/tool',
  );
});

afterEach(() => rmSync(root, { recursive: true }));

function npmIs(script: string) {
  const npm = join(root, 'bin', 'npm');
  writeFileSync(npm, `#!/bin/sh\n${script}\n`);
  chmodSync(npm, 0o755);
}

function ensure(...command: string[]): ChildProcess & { printed(): string } {
  const child = spawn(process.execPath, [join(root, 'scripts', 'ensure.mjs'), ...command], {
    env: { ...process.env, PATH: `${join(root, 'bin')}:${process.env.PATH}` },
    detached: true,
  });
  let printed = '';
  child.stdout.on('data', (chunk) => {
    printed += chunk;
  });
  child.stderr.on('data', (chunk) => {
    printed += chunk;
  });
  return Object.assign(child, { printed: () => printed });
}

/** Exit code or signal, and what was printed. */
async function outcome(child: ReturnType<typeof ensure>) {
  const [status, signal] = await once(child, 'close');
  return { ended: status ?? signal, printed: child.printed() };
}

const npmCalls = () => readFileSync(join(root, 'npm-calls'), 'utf8').trim().split('\n');

const until = async (child: ReturnType<typeof ensure>, text: string) => {
  while (!child.printed().includes(text)) await once(child.stdout as NonNullable<typeof child.stdout>, 'data');
};

test('installs once, and again when the lock changes', async () => {
  const first = await outcome(ensure('tool'));
  expect(first).toMatchObject({ ended: 0, printed: expect.stringMatching(/first start.*a tool from \.bin/s) });
  expect(await outcome(ensure('tool'))).toEqual({ ended: 0, printed: 'a tool from .bin\n' });
  expect(npmCalls()).toEqual(['ci --no-audit --no-fund --loglevel=error']);
  writeFileSync(join(root, 'package-lock.json'), '{"changed": true}');
  expect((await outcome(ensure('tool'))).printed).toContain('package-lock.json has changed');
  expect(npmCalls()).toHaveLength(2);
});

test('says so when npm ci fails, starts nothing, and tries again next time', async () => {
  npmIs('echo no network; exit 3');
  const failed = await outcome(ensure('echo', 'unreachable'));
  expect(failed.ended).toBe(1);
  expect(failed.printed).toMatch(/no network.*npm ci failed with exit code 3/s);
  expect(failed.printed).not.toContain('unreachable');
  expect((await outcome(ensure('true'))).printed).toContain('npm ci failed');
});

test('gives the exit code of the command, and 127 when there is no such command', async () => {
  expect((await outcome(ensure('sh', '-c', 'exit 7'))).ended).toBe(7);
  expect(await outcome(ensure('no-such-command'))).toMatchObject({
    ended: 127,
    printed: expect.stringContaining('Cannot run no-such-command'),
  });
});

test('Ctrl-C reaches the command once and it may take its time', async () => {
  const count =
    'let n = 0; process.on("SIGINT", () => { n++; setTimeout(() => { console.log("SIGINTs:", n); process.exit(5) }, 300) }); setInterval(() => {}, 1e6); console.log("ready")';
  const child = ensure('node', '-e', count);
  await until(child, 'ready');
  // As a terminal does: to the whole group.
  process.kill(-(child.pid as number), 'SIGINT');
  expect(await outcome(child)).toMatchObject({ ended: 5, printed: expect.stringContaining('SIGINTs: 1') });
});

test('SIGTERM is handed on, and an end by a signal shows', async () => {
  const child = ensure('sh', '-c', 'echo ready; exec sleep 60');
  await until(child, 'ready');
  process.kill(child.pid as number, 'SIGTERM');
  expect((await outcome(child)).ended).toBe('SIGTERM');
});
