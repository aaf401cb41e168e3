/** The conformance kit of docs/a2a-over-kafka.md against agents that keep its rules, and against none. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, inject, type TestContext, test } from 'vitest';
import { agentProcess } from '../conformance/agent-process.ts';
import { runKit } from '../conformance/kit.ts';
import { newId } from '../services/runtime/event.ts';
import { canRun, INSTALL_MS, pythonWith } from './agents/python.ts';

const AGENTS = join(import.meta.dirname, '..', 'examples', 'agents');
const KIT_MS = 180_000;

/** How many rules the kit finds kept. @throws at the first that is not: with an agent that hangs each would be waited for. */
const conformance = async (
  { onTestFinished }: TestContext,
  command: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<number> => {
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

const run = promisify(execFile);

// Each has topics of its own, and waits for most of its time.
describe.concurrent('the conformance kit', () => {
  test('an agent made with the SDK keeps the rules', { timeout: KIT_MS }, async (context) => {
    const command = [process.execPath, join(AGENTS, 'conformance-agent.ts')];
    context.expect(await conformance(context, command)).toBeGreaterThan(MANY);
  });

  test('an agent in another language keeps the rules', { timeout: KIT_MS + INSTALL_MS }, async (context) => {
    if (!canRun('python3')) context.skip('there is no python3 on this machine');
    const requirements = join(AGENTS, 'log-python', 'requirements.txt');
    const python = await pythonWith(context, ['-r', requirements], 'import confluent_kafka, fastavro');
    const command = [python, join(AGENTS, 'log-python', 'agent.py')];
    const passed = await conformance(context, command, { PYTHONDONTWRITEBYTECODE: '1' });
    context.expect(passed).toBeGreaterThan(MANY);
  });

  test('an agent that is not there fails, in a line', async ({ expect }) => {
    const where = ['--brokers', inject('brokers').join(), '--registry', inject('registryUrl')];
    const args = [...where, '--prefix', `t${newId().slice(-8)}.`, '--agent', 'nobody', '--timeout', '1'];
    const kit = join(import.meta.dirname, '..', 'conformance', 'main.ts');
    const ended = run(process.execPath, [kit, ...args]);
    const { code, stdout } = await ended
      .catch((error: { code: number; stdout: string }) => error)
      .then((one) => ({ code: 0, ...one }));
    expect(stdout).toMatch(/^fail {2}T1 .*\n.*waited 1 s in vain/);
    expect(stdout.trim().split('\n').at(-1)).toMatch(/^0 passed, 1 failed, \d+ skipped$/);
    expect(code).toBe(1);
  });
});
