import { Command } from 'commander';
import { listCommand } from './effects/list.ts';
import { settleCommand } from './effects/settle.ts';

export const effectsCommand = new Command('effects')
  .description('calls that may have taken effect, though nobody knows: list, settle')
  .addHelpText(
    'after',
    `
A call that does harm when it is made twice is made once. Where the mesh was cut off in the middle, or the server did not answer,
somebody has to look whether it happened, and say so.

Example:
  parley effects list`,
  )
  .addCommand(listCommand)
  .addCommand(settleCommand);
