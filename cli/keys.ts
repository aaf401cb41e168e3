import { Command } from 'commander';
import { createKey } from '../services/configuration/keys.ts';

interface Options {
  agent: string;
  person?: string;
  expires?: string;
}

const create = new Command('create')
  .description('make a key for an agent')
  .argument('<id>', 'what the log and mesh.yaml call it, e.g. support-bot-1')
  .requiredOption('--agent <agent>', 'the agent of mesh.yaml that calls with it; its unit and tenant follow from there')
  .option('--person <person>', "who is accountable for these calls; default: the agent's owner")
  .option('--expires <day>', 'from then on it is refused, e.g. 2027-01-31')
  .addHelpText(
    'after',
    `
The key is shown this once and kept nowhere: only its hash is in mesh.yaml. The key goes to standard output, the rest to
standard error.

Example:
  parley keys create support-bot-1 --agent support-bot --person owner@example.com`,
  )
  .action((id: string, options: Options) => {
    const { key, entry } = createKey({ id, ...options });
    console.log(key);
    console.error(
      `\nThis is the key: hand it over now, it is not shown again. Under keys: of mesh.yaml, paste\n\n${entry}`,
    );
    console.error('and run `parley apply`.');
  });

export const keysCommand = new Command('keys')
  .description('the API keys that agents call with')
  .addHelpText('after', '\nExample:\n  parley keys create support-bot-1 --agent support-bot')
  .addCommand(create);
