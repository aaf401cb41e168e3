/** MCP's official conformance suite. */
import { execFile } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { parse } from 'yaml';

const suite = join(import.meta.dirname, '../../node_modules/@modelcontextprotocol/conformance');

interface Check {
  id: string;
  status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO';
  errorMessage?: string;
}

/**
 * Runs the scenarios of a revision. @param who is tested: `--url` of a server, or `--command` of a client.
 * @returns every check of the scenarios that the revision requires, in the suite's own words
 */
export const checksOf = async (
  role: 'server' | 'client',
  who: readonly string[],
  revision: string,
): Promise<[scenario: string, Check][]> => {
  const out = mkdtempSync(join(tmpdir(), 'parley-mcp-conformance-'));
  onTestFinished(() => rmSync(out, { recursive: true, force: true }));
  const options = [...who, '--requirements', revision, '-o', out];
  // It fails where a scenario fails, also one that is not required.
  await promisify(execFile)(process.execPath, [join(suite, 'dist/index.js'), role, ...options], {
    maxBuffer: 2 ** 26,
  }).catch((error: Error & { code?: number }) => {
    if (error.code !== 1) throw error;
  });
  const files = globSync('**/checks.json', { cwd: out });
  const scenarioOf = (file: string) => file.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT.*$/, '');
  const required: string[] = parse(readFileSync(join(suite, `requirements/${revision}.yaml`), 'utf8'))[role];
  return required.flatMap((scenario) => {
    const ran = files.find((file) => scenarioOf(file) === scenario);
    if (!ran) throw new Error(`${scenario} did not run`);
    const checks: Check[] = JSON.parse(readFileSync(join(out, ran), 'utf8'));
    return checks.map((check): [string, Check] => [scenario, check]);
  });
};

/** Those that are told as wrong. What is skipped had no occasion, e.g. sessions in a revision without them. */
export const failedIn = (checks: readonly [string, Check][]) =>
  checks
    .filter(([, { status }]) => status === 'FAILURE' || status === 'WARNING')
    .map(([scenario, { id, errorMessage }]) => [scenario, id, errorMessage]);

export const passedIn = (checks: readonly [string, Check][]) =>
  checks.filter(([, { status }]) => status === 'SUCCESS').length;
