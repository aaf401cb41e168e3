/**
 * Everything that must hold: format and lint, types, generated files, unit tests, a thousand simulated meshes, a short
 * fuzz, integration tests on a real Kafka, conformance suites, and a short chaos on three brokers.
 * Goes on after a failed check, so that one run tells all, and ends with what failed and the counts.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

const scratch = mkdtempSync(join(tmpdir(), 'parley-checks-'));
let passed = 0;
const failed: string[] = [];

const run = (command: string, args: string[]): Promise<number> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });

type Check = readonly [name: string, command: string, ...args: string[]];

const counted = (name: string, ok: boolean): void => {
  if (ok) passed += 1;
  else failed.push(name);
  console.log(ok ? `✓ ${name}` : `✗ ${name}`);
};

const check = async (...[name, command, ...args]: Check): Promise<void> => {
  console.log(`\n── ${name}`);
  counted(name, (await run(command, args)) === 0);
};

/** Checks that each leave a core idle for a part of their time. What one says is printed whole, when it has ended. */
const sideBySide = async (...checks: Check[]): Promise<void> => {
  const running = checks.map(async ([name, command, ...args]) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const said: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => said.push(data));
    const [code] = await once(child, 'close');
    console.log(`\n── ${name}\n${Buffer.concat(said).toString().trimEnd()}`);
    counted(name, code === 0);
  });
  await Promise.all(running);
};

/** The part read here of Vitest's JSON report, which is Jest's. */
interface Report {
  readonly numPassedTests: number;
  readonly testResults: readonly FileResult[];
}

interface FileResult {
  readonly name: string;
  readonly status: string;
  readonly message: string;
  readonly assertionResults: readonly { status: string; fullName: string; failureMessages?: readonly string[] }[];
}

const failuresOf = (project: string, file: FileResult): string[] => {
  const path = `${project}: ${relative(process.cwd(), file.name)}`;
  const tests = file.assertionResults.filter(({ status }) => status === 'failed');
  if (tests.length === 0) return file.status === 'failed' ? [`${path}: ${file.message}`] : [];
  return tests.map(({ fullName, failureMessages }) => [`${path}: ${fullName}`, ...(failureMessages ?? [])].join('\n'));
};

const suite = async (project: string): Promise<void> => {
  console.log(`\n── ${project} tests`);
  const report = join(scratch, `${project}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const code = await run('vitest', ['run', '--project', project, ...reporters]);
  const results = JSON.parse(readFileSync(report, 'utf8')) as Report;
  passed += results.numPassedTests;
  const failures = results.testResults.flatMap((file) => failuresOf(project, file));
  // A suite can fail without a failed test: a file that does not load, an error nobody caught.
  if (code !== 0 && failures.length === 0) failures.push(`${project}: vitest exited with ${code}`);
  failed.push(...failures);
};

try {
  await sideBySide(
    ['format and lint', 'biome', 'ci', '--error-on-warnings'],
    ['types', 'tsc', '-p', '.'],
    ['generated files are current', 'node', 'scripts/generate.ts', '--check'],
  );
  await suite('unit');
  await sideBySide(
    ['simulation', 'node', 'simulation/main.ts', '--seeds', '1000'],
    ['fuzz', 'node', 'fuzz/main.ts', '--seconds', '2'],
  );
  await suite('integration');
  await suite('conformance');
  await check('chaos', 'node', 'chaos/main.ts', '--minutes', '0.7', '--faults', 'kill,broker', '--seed', '1');
} catch (error) {
  failed.push(String(error));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
for (const failure of failed) console.log(`\n✗ ${failure}`);
console.log(`\n${passed} passed, ${failed.length} failed`);
process.exitCode = failed.length === 0 ? 0 : 1;
