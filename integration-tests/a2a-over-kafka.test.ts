/** The conformance kit of docs/a2a-over-kafka.md against agents that keep its rules, and against none. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { agentProcess } from '../conformance/agent-process.ts';
import { runKit } from '../conformance/kit.ts';
import { newId } from '../services/runtime/event.ts';

const AGENTS = join(import.meta.dirname, '..', 'examples', 'agents');
const KIT_MS = 180_000;
const INSTALL_MS = 120_000;

/** How many rules the kit finds kept. @throws at the first that is not: with an agent that hangs each would be waited for. */
const conformance = async (command: readonly string[], env: NodeJS.ProcessEnv = {}) => {
  const prefix = `t${newId().slice(-8)}.`;
  const agent = 'subject';
  const kafka = { brokers: inject('brokers'), clientId: 'conformance' };
  const registry = { url: inject('registryUrl'), prefix };
  const told = {
    ...env,
    KAFKA_BROKERS: kafka.brokers.join(','),
    SCHEMA_REGISTRY_URL: registry.url,
    PARLEY_TOPIC_PREFIX: prefix,
    PARLEY_AGENT: agent,
  };
  const child = agentProcess(command, told);
  onTestFinished(() => child.kill());
  let passed = 0;
  const options = { agent, prefix, kafka, registry, partitions: 3, patience: 60_000 };
  await runKit(options, child, ({ rule, what, outcome, why }) => {
    if (outcome !== 'pass') throw new Error(`${outcome} ${rule} ${what}: ${why}\n${child.errors()}`);
    passed += 1;
  });
  return passed;
};

const MANY = 40;

test('an agent made with the SDK keeps the rules', { timeout: KIT_MS }, async () => {
  expect(await conformance([process.execPath, join(AGENTS, 'conformance-agent.ts')])).toBeGreaterThan(MANY);
});

const canRun = (python: string, code: string) => spawnSync(python, ['-c', code]).status === 0;

/** A Python with what the example needs: the one at hand, or one made in a temporary directory. */
const pythonWithPackages = (): string => {
  if (canRun('python3', 'import confluent_kafka, fastavro')) return 'python3';
  const directory = mkdtempSync(join(tmpdir(), 'parley-python-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  execFileSync('python3', ['-m', 'venv', directory]);
  const python = join(directory, 'bin', 'python');
  const requirements = join(AGENTS, 'log-python', 'requirements.txt');
  const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements];
  execFileSync(python, install, { timeout: INSTALL_MS, stdio: 'pipe' });
  return python;
};

test('an agent in another language keeps the rules', { timeout: KIT_MS + INSTALL_MS }, async (context) => {
  if (!canRun('python3', '')) context.skip('there is no python3 on this machine');
  const command = [pythonWithPackages(), join(AGENTS, 'log-python', 'agent.py')];
  expect(await conformance(command, { PYTHONDONTWRITEBYTECODE: '1' })).toBeGreaterThan(MANY);
});

test('an agent that is not there fails, in a line', () => {
  const where = ['--brokers', inject('brokers').join(), '--registry', inject('registryUrl')];
  const args = [...where, '--prefix', `t${newId().slice(-8)}.`, '--agent', 'nobody', '--timeout', '1'];
  const kit = join(import.meta.dirname, '..', 'conformance', 'main.ts');
  const { status, stdout } = spawnSync(process.execPath, [kit, ...args], { encoding: 'utf8' });
  expect(stdout).toMatch(/^fail {2}T1 .*\n.*waited 1 s in vain/);
  expect(stdout.trim().split('\n').at(-1)).toMatch(/^0 passed, 1 failed, \d+ skipped$/);
  expect(status).toBe(1);
});
