/**
 * Everything that must hold: format and lint, types, generated files, unit tests, a thousand simulated meshes, a short
 * fuzz, integration tests on a real Kafka, and a short chaos on three brokers.
 * Goes on after a failed check, so that one run tells all, and ends with the counts.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const scratch = mkdtempSync(join(tmpdir(), 'parley-checks-'));
let passed = 0;
let failed = 0;

const run = (command: string, args: string[]): Promise<number> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });

const check = async (name: string, command: string, ...args: string[]): Promise<void> => {
  console.log(`\n── ${name}`);
  const ok = (await run(command, args)) === 0;
  if (ok) passed += 1;
  else failed += 1;
  console.log(ok ? `✓ ${name}` : `✗ ${name}`);
};

const suite = async (project: string): Promise<void> => {
  console.log(`\n── ${project} tests`);
  const report = join(scratch, `${project}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const code = await run('vitest', ['run', '--project', project, ...reporters]);
  const counts = JSON.parse(readFileSync(report, 'utf8')) as { numPassedTests: number; numFailedTests: number };
  passed += counts.numPassedTests;
  // A suite can fail without a failed test: a file that does not load, an error nobody caught.
  failed += code === 0 ? counts.numFailedTests : Math.max(1, counts.numFailedTests);
};

try {
  await check('format and lint', 'biome', 'ci', '--error-on-warnings');
  await check('types', 'tsc', '-p', '.');
  await check('generated files are current', 'node', 'scripts/generate.ts', '--check');
  await suite('unit');
  await check('simulation', 'node', 'simulation/main.ts', '--seeds', '1000');
  await check('fuzz', 'node', 'fuzz/main.ts', '--seconds', '2');
  await suite('integration');
  await check('chaos', 'node', 'chaos/main.ts', '--minutes', '0.7', '--faults', 'kill,broker', '--seed', '1');
} catch (error) {
  console.error(error);
  failed += 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
