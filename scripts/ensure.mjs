// Makes node_modules agree with package-lock.json, then runs its arguments with node_modules/.bin first on PATH:
//   node scripts/ensure.mjs node cli/main.ts up
// Plain JavaScript for Node 20: it runs before Node 24 is there.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE = 20;
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const stamp = join(root, 'node_modules', '.parley-lock');

function fail(message, status = 1) {
  console.error(message);
  process.exit(status);
}

function ensurePackages() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8').trim() === lock) return;
  const why = existsSync(join(root, 'node_modules')) ? 'package-lock.json has changed' : 'first start';
  console.error(`Installing packages with npm ci (${why}); this takes a minute`);
  // Errors only: npm warns of each package that wants a newer Node, which is among what it installs.
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  // To standard error: standard output is the command's.
  const npm = spawnSync('npm', args, { cwd: root, stdio: ['inherit', 2, 2] });
  if (npm.error) fail(`Cannot run npm: ${npm.error.message}`);
  if (npm.signal) process.exit(128 + constants.signals[npm.signal]);
  if (npm.status !== 0) fail(`npm ci failed with exit code ${npm.status}; what it says is above. Nothing was started.`);
  writeFileSync(stamp, `${lock}\n`);
}

function run([command, ...args]) {
  const env = { ...process.env, PATH: [join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter) };
  // Before the command starts, so that none comes too early. The terminal sends these two to the child as well, which
  // shares our process group.
  process.on('SIGINT', () => {});
  process.on('SIGHUP', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  const child = spawn(command, args, { stdio: 'inherit', env });
  child.on('error', (error) => fail(`Cannot run ${command}: ${error.message}`, 127));
  child.on('exit', (status, signal) => {
    if (signal === null) process.exit(status);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
  fail(`Parley needs Node ${OLDEST_NODE} or newer to start; this is ${process.version}.`);
}
if (process.argv.length < 3) fail('Usage: node scripts/ensure.mjs <command> [arguments]', 2);
ensurePackages();
run(process.argv.slice(2));
