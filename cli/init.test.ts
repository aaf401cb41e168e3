import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { initAgent } from './init.ts';

const fresh = () => {
  const dir = mkdtempSync(join(tmpdir(), 'parley-init-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  return join(dir, 'planner');
};

test('an agent anywhere finds the SDK, and bears its name', () => {
  const dir = fresh();
  initAgent('planner', dir);
  const program = "import { agent } from './agent.ts'; console.log(agent.name, typeof agent.handler)";
  const args = ['--input-type=module', '--eval', program];
  expect(execFileSync(process.execPath, args, { cwd: dir, encoding: 'utf8' })).toBe('planner function\n');
  expect(readFileSync(join(dir, 'README.md'), 'utf8')).not.toContain('new-agent');
});

test('nothing is written over', () => {
  const dir = fresh();
  initAgent('planner', dir);
  expect(() => initAgent('other', dir)).toThrow('is not empty');
});
