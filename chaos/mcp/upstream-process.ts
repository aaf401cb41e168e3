/** The MCP server of a run, as a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface ToolUpstream {
  url: string;
  close(): Promise<void>;
}

/** @param accessLog the file that it writes down its calls in. @throws where it does not start */
export const startToolUpstream = async (accessLog: string, seed: number): Promise<ToolUpstream> => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'upstream.ts'), accessLog, String(seed)], {
    stdio: ['pipe', 'pipe', 'ignore'],
    // A group of its own: Ctrl-C on the terminal is ours.
    detached: true,
  });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const line = await Promise.race([once(lines, 'line'), exited.then(() => undefined)]);
  if (!line) throw new Error('the MCP server of the run did not start');
  return {
    url: String(line[0]),
    close: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
};
