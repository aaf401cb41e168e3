/** The official suite's servers and authorization servers, with the outbound edge as the client under test. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checksOf, failedIn } from './mcp/conformance.ts';

const command = `"${process.execPath}" "${join(import.meta.dirname, 'mcp/client-command.ts')}"`;

// The suite starts a process for each scenario, all at once: on a busy machine each of them is slow.
const patience = ['--timeout', '240000'];

test.each([
  ['2025-11-25', 18],
  ['2026-07-28', 32],
])('%s: everything that it requires of a client, OAuth too', { timeout: 300_000 }, async (revision, scenarios) => {
  const checks = await checksOf('client', ['--command', command, ...patience], revision);
  expect(failedIn(checks)).toEqual([]);
  // How many requests are checked differs from run to run.
  const passed = new Set(checks.filter(([, { status }]) => status === 'SUCCESS').map(([scenario]) => scenario));
  expect(passed.size).toBe(scenarios);
});
