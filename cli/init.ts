import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';

const TEMPLATE = join(import.meta.dirname, 'init');
const SDK = join(import.meta.dirname, '..', 'agent-sdk');
const PACKAGE = { private: true, type: 'module', devDependencies: { vitest: '^5.1.1' } };

const parseName = (text: string): string => {
  if (!/^[a-z0-9][a-z0-9-]*$/.test(text))
    throw new InvalidArgumentError('A name has lower case letters, digits and hyphens.');
  return text;
};

/** Makes a directory with an agent, its test and what to do next. @throws Error where there is something already. */
export const initAgent = (name: string, directory: string): string[] => {
  if (existsSync(directory) && readdirSync(directory).length > 0) throw new Error(`${directory} is not empty`);
  mkdirSync(directory, { recursive: true });
  const sdk = relative(directory, SDK).split(sep).join('/');
  const files = readdirSync(TEMPLATE).map((file) => {
    const text = readFileSync(join(TEMPLATE, file), 'utf8');
    return [file, text.replaceAll('new-agent', name).replaceAll('../../agent-sdk', sdk)] as const;
  });
  const manifest = ['package.json', `${JSON.stringify({ name, ...PACKAGE }, null, 2)}\n`] as const;
  for (const [file, text] of [...files, manifest]) writeFileSync(join(directory, file), text);
  return [...files.map(([file]) => file), 'package.json'];
};

const agent = new Command('agent')
  .description('make a directory with an agent that lives on the log, its test and what to do next')
  .argument('<name>', 'as mesh.yaml is to name it', parseName)
  .option('--dir <directory>', 'default: the name')
  .action((name: string, { dir = name }: { dir?: string }) => {
    const files = initAgent(name, resolve(dir));
    console.log(`${dir}/ has ${files.join(', ')}. README.md says what to do next.`);
  });

export const initCommand = new Command('init')
  .description('begin something new')
  .addCommand(agent)
  .addHelpText(
    'after',
    `
Example:
  parley init agent planner`,
  );
