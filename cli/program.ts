/** `parley`: 0 done, 1 failed or found something, 2 called the wrong way. */
import { Command, CommanderError } from 'commander';
import { agentsCommand } from './agents.ts';
import { applyCommand } from './apply.ts';
import { auditCommand } from './audit.ts';
import { deadLettersCommand } from './dead-letters.ts';
import { devCommand } from './dev.ts';
import { effectsCommand } from './effects.ts';
import { explain } from './failure.ts';
import { initCommand } from './init.ts';
import { keysCommand } from './keys.ts';
import { mcpCommand } from './mcp.ts';
import { reconcileCommand } from './reconcile.ts';
import { replayCommand } from './replay.ts';
import { tailCommand } from './tail.ts';
import { tasksCommand } from './tasks.ts';
import { toolsCommand } from './tools.ts';
import { topicsCommand } from './topics.ts';
import { upCommand } from './up.ts';
import { usageCommand } from './usage.ts';

const commands = [
  upCommand,
  tailCommand,
  replayCommand,
  usageCommand,
  tasksCommand,
  agentsCommand,
  mcpCommand,
  toolsCommand,
  effectsCommand,
  auditCommand,
  reconcileCommand,
  applyCommand,
  initCommand,
  devCommand,
  keysCommand,
  topicsCommand,
  deadLettersCommand,
];

const program = new Command('parley')
  .description(
    'An agent mesh on Kafka: every call between agents, models and tools is a durable, governed conversation.',
  )
  .addHelpText(
    'after',
    `
The cluster is the one that KAFKA_BROKERS and SCHEMA_REGISTRY_URL name (TLS and SASL: \`parley up --help\`), or else the one
that \`npm start\` runs in this directory. DEBUG=1 shows what the libraries say, and where an error comes from.

Example:
  parley tail --from 10m`,
  );
for (const command of commands) program.addCommand(command);

/** Errors of usage are thrown, so that they get an exit code of their own. */
const strict = (command: Command): void => {
  command.exitOverride().showHelpAfterError('(--help says how)');
  command.commands.forEach(strict);
};
strict(program);

// A reader that has seen enough, such as head, is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    console.error(`parley: ${explain(error, Boolean(process.env.DEBUG))}`);
    process.exitCode = 1;
  }
}
