import { Command } from 'commander';
import { listCommand } from './mcp/list.ts';
import { loginCommand, logoutCommand } from './mcp/login.ts';
import { registerCommand } from './mcp/register.ts';

export const mcpCommand = new Command('mcp')
  .description('the MCP servers behind the mesh: list, register, login, logout')
  .addHelpText('after', '\nExample:\n  parley mcp list')
  .addCommand(listCommand)
  .addCommand(registerCommand)
  .addCommand(loginCommand)
  .addCommand(logoutCommand);
