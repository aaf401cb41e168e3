import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const MAIN = join(import.meta.dirname, '..', '..', 'cli', 'main.ts');

/** What a command of the CLI prints. @throws where it exits with another code than 0. */
export const parley = async (env: NodeJS.ProcessEnv, ...args: readonly string[]): Promise<string> => {
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, ...args], { env, maxBuffer: 64 * 1024 * 1024 });
  return stdout;
};
