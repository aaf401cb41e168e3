#!/usr/bin/env node
/** Tests an agent against docs/a2a-over-kafka.md. 0: it keeps the rules; 1: it does not; 2: called the wrong way. */
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { readEnvironment } from '../services/runtime/environment.ts';
import { agentProcess } from './agent-process.ts';
import { runKit } from './kit.ts';
import { type Result, rules } from './rules.ts';

interface Options {
  agent: string;
  brokers?: string;
  registry?: string;
  prefix?: string;
  partitions: number;
  timeout: number;
}

const whole = (text: string): number => {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new InvalidArgumentError('It is a whole number above 0.');
  return Number(text);
};

const print = ({ rule, what, outcome, why }: Result): void => {
  console.log(`${outcome}  ${rule}  ${rules[rule]}: ${what}`);
  if (why) console.log(`          ${why}`);
};

const test = async (command: string[], options: Options): Promise<void> => {
  const { agent, partitions, timeout } = options;
  const given = {
    ...(options.brokers ? { KAFKA_BROKERS: options.brokers } : {}),
    ...(options.registry ? { SCHEMA_REGISTRY_URL: options.registry } : {}),
    ...(options.prefix !== undefined ? { PARLEY_TOPIC_PREFIX: options.prefix } : {}),
  };
  const { cluster, topicPrefix: prefix } = readEnvironment({ ...process.env, ...given });
  if (!cluster) throw new Error('say where Kafka and the registry are: --brokers and --registry, or the environment');
  const child = command.length > 0 ? agentProcess(command, { ...given, PARLEY_AGENT: agent }) : undefined;
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void (child?.kill() ?? Promise.resolve()).then(() => process.exit(1)));
  const count = { pass: 0, fail: 0, skip: 0 };
  await runKit({ agent, prefix, ...cluster, partitions, patience: timeout * 1_000 }, child, (result) => {
    count[result.outcome] += 1;
    print(result);
  });
  if (count.fail > 0 && child?.errors()) console.error(`\nThe agent's last words:\n${child.errors()}`);
  const skipped = count.skip > 0 ? `, ${count.skip} skipped` : '';
  console.log(`${count.pass} passed, ${count.fail} failed${skipped}`);
  if (count.fail > 0) process.exitCode = 1;
};

try {
  await new Command('conformance')
    .description("test an agent against docs/a2a-over-kafka.md, playing the mesh's part on its topics")
    .argument('[command...]', 'starts the agent; without it the agent must be running, and is not killed')
    .requiredOption('--agent <name>', 'the agent under test')
    .option('--brokers <list>', 'Kafka, host:port (default: KAFKA_BROKERS)')
    .option('--registry <url>', 'the schema registry (default: SCHEMA_REGISTRY_URL)')
    .option('--prefix <prefix>', 'before every topic and subject (default: PARLEY_TOPIC_PREFIX)')
    .option('--partitions <n>', "of the agent's topics, where they have to be made", whole, 3)
    .option('--timeout <seconds>', 'for how long one thing is waited for', whole, 60)
    .addHelpText('after', '\nExample:\n  node conformance/main.ts --agent scribe -- python3 agent.py')
    .exitOverride()
    .showHelpAfterError('(--help says how)')
    .action(test)
    .parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) console.error(`conformance: ${(error as Error).message}`);
  process.exitCode =
    error instanceof CommanderError && error.exitCode === 0 ? 0 : error instanceof CommanderError ? 2 : 1;
}
