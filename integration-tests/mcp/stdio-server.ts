/** The server for tests as a process that speaks over its stdin and stdout. */
import type { McpServer } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { buildServer } from './offered.ts';
import { ownTools } from './own-tools.ts';

let current: McpServer | undefined;
const house = {
  released: new Promise<void>(() => {}),
  changed: () => current?.sendToolListChanged(),
  updated: (uri: string) => void current?.server.sendResourceUpdated({ uri }),
};
serveStdio(() => {
  current = buildServer({ descriptions: {}, own: ownTools(() => {}), house, called: () => {} }).server;
  return current;
});
