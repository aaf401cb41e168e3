/**
 * Parley beside other gateways, in the same rounds: the kit that installs and measures them is not part of this repository.
 * It starts one upstream, warms everything, and loads one target after the other with wrk.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { PeerRow } from './peers-table.ts';
import { ownEnvironment } from './scale/cluster.ts';

/** Where the kit's upstream listens. */
export const PEERS_UPSTREAM_URL = 'http://127.0.0.1:9100/v1';

export interface PeersOptions {
  /** Where the kit is: measure.mjs and setup-peers.sh. */
  kit: string;
  /** Where it installs the peers. */
  root: string;
  rounds: number;
  /** Seconds of each run, and before it. */
  duration: number;
  warmUp: number;
  /** Calls in flight of each suite that is run. */
  suites: Partial<Record<PeerRow['suite'], readonly number[]>>;
}

/** What the kit measures beside the peers; it starts it, or is told which processes it is. */
export interface Target {
  name: 'parley';
  kind: PeerRow['suite'];
  url: string;
  headers: Record<string, string>;
  /** Of MCP: the tool that says again what it is told. */
  tool?: string;
  pids?: readonly number[];
  start?: { cmd: readonly string[]; cwd: string; env: Record<string, string>; ready: string };
}

/** How the kit is told of calls in flight; the suites of MCP share it. */
const CONCURRENCY = { llm: 'conc', stream: 'stream-conc', mcp: 'mcp-conc', 'mcp-mock': 'mcp-conc' } as const;

/** As the kit is meant to be run: with the machine's own Node, not with the one that Parley brings. */
const NODE = process.env.npm_node_execpath ?? process.execPath;

/** Runs a command to its end. @throws when it fails. @param line told of each line of its standard error. */
const run = async (command: readonly string[], line: (text: string) => void, signal: AbortSignal): Promise<string> => {
  const [file = '', ...args] = command;
  const child = spawn(file, args, { env: ownEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
  const stop = () => child.kill('SIGTERM');
  signal.addEventListener('abort', stop);
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => {
    output += bytes;
  });
  createInterface(child.stderr).on('line', line);
  try {
    const [code] = await once(child, 'close');
    signal.throwIfAborted();
    if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}`);
    return output;
  } finally {
    signal.removeEventListener('abort', stop);
  }
};

/** Installs what is missing of the peers. @throws when the kit is not there. */
export const installPeers = async (
  { kit, root }: Pick<PeersOptions, 'kit' | 'root'>,
  progress: (text: string) => void,
  signal: AbortSignal,
): Promise<void> => {
  const setup = resolve(kit, 'setup-peers.sh');
  if (!existsSync(setup))
    throw new Error(`there is no ${setup}: --kit says where the kit is that installs and measures the other gateways`);
  await run([setup, resolve(root)], progress, signal);
};

/**
 * Measures all that is installed, and Parley.
 * @returns a row for each gateway, interface and number of calls in flight; all that the kit wrote; and which Node ran it.
 */
export const measurePeers = async (
  { kit, root, rounds, duration, warmUp, suites }: PeersOptions,
  targets: readonly Target[],
  progress: (text: string) => void,
  signal: AbortSignal,
): Promise<{ rows: PeerRow[]; lines: unknown[]; node: string }> => {
  const directory = mkdtempSync(join(tmpdir(), 'parley-peers-'));
  try {
    const add = join(directory, 'parley.json');
    writeFileSync(add, JSON.stringify(targets));
    const out = join(directory, 'results.jsonl');
    const chosen = Object.entries(suites).filter(([, inFlight]) => inFlight.length > 0) as [
      PeerRow['suite'],
      number[],
    ][];
    const options: Record<string, string | number> = {
      root: resolve(root),
      add,
      out,
      suite: chosen.map(([suite]) => suite).join(','),
      rounds,
      duration,
      warmup: warmUp,
      ...Object.fromEntries(chosen.map(([suite, inFlight]) => [CONCURRENCY[suite], inFlight.join(',')])),
    };
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    await run([NODE, resolve(kit, 'measure.mjs'), ...args], progress, signal);
    const lines = readFileSync(out, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string });
    const environment = lines.find(({ type }) => type === 'env') as { node?: string } | undefined;
    const rows = lines.filter(({ type }) => type === 'summary') as unknown as PeerRow[];
    return { rows, lines, node: environment?.node?.slice(1) ?? 'unknown' };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
};
