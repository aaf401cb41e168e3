import { Command } from 'commander';
import { approveCommand, rejectCommand } from './tools/decide.ts';
import { diffCommand, listCommand, pendingCommand, showCommand } from './tools/look.ts';

export const toolsCommand = new Command('tools')
  .description('what MCP servers offer, and the review of it: list, pending, show, diff, approve, reject')
  .addHelpText(
    'after',
    `
What a server offers is pinned as it was approved. When it changes, or is suspicious from the first, it is held back: nobody
sees it, and a call to it is refused, until somebody approves it.

Example:
  parley tools pending`,
  )
  .addCommand(listCommand)
  .addCommand(pendingCommand)
  .addCommand(showCommand)
  .addCommand(diffCommand)
  .addCommand(approveCommand)
  .addCommand(rejectCommand);
