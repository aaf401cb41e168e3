import { Command } from 'commander';
import { applyConfiguration } from '../services/configuration/apply.ts';
import type { Log } from '../services/runtime/log.ts';
import { findCluster, withLog } from './connect.ts';
import { provisionAgents } from './provision-agents.ts';

/** Reads the log, and leaves it as it is. */
const readOnly = (log: Log): Log => ({ ...log, append: async (events) => events.map(() => -1) });

export const applyCommand = new Command('apply')
  .description('put mesh.yaml and its policies in force, if all of it is right')
  .argument('[mesh.yaml]', 'the file; policies are found from it', 'mesh.yaml')
  .option('--allow-missing-env', 'the secrets it refers to are elsewhere, with the services that call the providers')
  .option('--dry-run', 'check it and show the difference only')
  .addHelpText(
    'after',
    `
Services follow at once, without a restart. A file with a problem changes nothing: each problem is printed with its line.

Example:
  parley apply mesh.yaml --dry-run`,
  )
  .action(async (path: string, { allowMissingEnv, dryRun }: { allowMissingEnv?: boolean; dryRun?: boolean }) => {
    const { version, previousVersion, changed, diff } = await withLog(
      (log) =>
        applyConfiguration({
          log: dryRun ? readOnly(log) : log,
          ...(dryRun ? {} : { provision: async (agents) => provisionAgents(await findCluster(), agents) }),
          path,
          env: process.env,
          ...(allowMissingEnv ? { allowMissingVariables: true } : {}),
          now: Date.now,
        }),
      ['MeshConfigured'],
    );
    if (!changed) return console.log(`Configuration ${version} is in force already.`);
    const after = previousVersion ? ` after ${previousVersion}` : '';
    console.log(`Configuration ${version} ${dryRun ? 'would be' : 'is'} in force${after}:`);
    for (const line of diff) console.log(`  ${line}`);
  });
