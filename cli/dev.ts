import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { findCluster } from './connect.ts';

/** What an agent has to be told to find the cluster. */
const environmentOf = async (): Promise<NodeJS.ProcessEnv> => {
  const { kafka, registry, topicPrefix } = await findCluster();
  return {
    ...process.env,
    KAFKA_BROKERS: kafka.brokers.join(','),
    SCHEMA_REGISTRY_URL: registry.url,
    PARLEY_TOPIC_PREFIX: topicPrefix,
  };
};

const dev = async (file: string): Promise<void> => {
  const path = resolve(file);
  if (!existsSync(path)) throw new Error(`there is no ${path}`);
  const env = await environmentOf();
  const child = spawn(process.execPath, ['--watch', '--watch-preserve-output', path], { env, stdio: 'inherit' });
  // A terminal tells both; who is told alone tells the other.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 0));
  });
  process.exitCode = code === 0 ? 0 : 1;
};

export const devCommand = new Command('dev')
  .description('run an agent against the local mesh, and again whenever one of its files is saved')
  .argument('<file>', 'the agent, e.g. agent.ts')
  .addHelpText(
    'after',
    `
What the agent was doing goes on where it was: its journal is on the log. Where the code does not follow it any more,
the task fails and says so.

Example:
  parley dev examples/agents/planner/agent.ts`,
  )
  .action(dev);
