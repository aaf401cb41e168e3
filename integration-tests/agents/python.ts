/** Python programs in an environment of their own. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TestContext } from 'vitest';

export const canRun = (python: string, code = ''): boolean => spawnSync(python, ['-c', code]).status === 0;

/** As long as an installation may take, of large packages on a busy machine. */
export const INSTALL_MS = 300_000;
/** Meanwhile a mesh of this process stays a member of its groups. */
const execute = promisify(execFile);

/**
 * A python with packages: the one at hand if it can do `imports`, else one in a temporary directory.
 * @param packages as pip is told of them
 */
export const pythonWith = async (
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
  packages: readonly string[],
  imports: string,
): Promise<string> => {
  if (canRun('python3', imports)) return 'python3';
  const directory = mkdtempSync(join(tmpdir(), 'parley-python-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  await execute('python3', ['-m', 'venv', directory]);
  const python = join(directory, 'bin', 'python');
  const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-compile', ...packages];
  await execute(python, install, { timeout: INSTALL_MS });
  return python;
};

/** What a program beside this file prints, as JSON. */
// biome-ignore lint/suspicious/noExplicitAny: it is what the program says it is.
export const runPython = async (python: string, file: string, args: readonly string[]): Promise<any> => {
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' };
  const { stdout } = await execute(python, [join(import.meta.dirname, file), ...args], { env });
  return JSON.parse(stdout);
};
