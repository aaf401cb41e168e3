import { Command } from 'commander';
import { cancelCommand } from './tasks/cancel.ts';
import { listCommand } from './tasks/list.ts';
import { historyCommand, showCommand } from './tasks/show.ts';

export const tasksCommand = new Command('tasks')
  .description('the tasks of agents: list, show, history, cancel')
  .addHelpText('after', '\nExample:\n  parley tasks list --open')
  .addCommand(listCommand)
  .addCommand(showCommand)
  .addCommand(historyCommand)
  .addCommand(cancelCommand);
