/**
 * Measures Parley against the same upstream called directly. Figures as Markdown on standard error, as JSON on standard output or in a file.
 *   npm run bench -- --help
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { type AgentsOptions, agents } from './agents.ts';
import { type McpOptions, mcp } from './mcp.ts';
import { besideMcpPeers } from './mcp-peers.ts';
import { measuring, progress } from './measuring.ts';
import { positive, whole, wholes } from './numbers.ts';
import { besidePeers, compare, soakFor } from './sessions.ts';

interface CommandLine extends AgentsOptions, McpOptions {
  soak: boolean;
  peers: boolean;
  agents: boolean;
  mcp: boolean;
  data?: string;
}

const chosen = ({ soak, peers, agents: ofAgents, mcp: ofMcp }: CommandLine) => {
  if (soak) return soakFor;
  if (peers) return ofMcp ? besideMcpPeers : besidePeers;
  return ofMcp ? mcp : ofAgents ? agents : compare;
};

const bench = (options: CommandLine): Promise<void> =>
  measuring(options, async (directory, undo, signal) => {
    const { document, text, faults } = await chosen(options)(options, directory, undo, signal);
    progress.done(`\n${text}\n`);
    return { document, faults };
  });

await new Command('bench')
  .description(
    'Measures what Parley adds to a call: the same upstream, direct and through Parley on its embedded Kafka (acks=all), in turn.',
  )
  .option('--rounds <n>', 'how often everything is measured', whole, 3)
  .option('--duration <seconds>', 'of each run', positive, 5)
  .option('--warm-up <seconds>', 'before each run, not counted', positive, 1)
  .option('--concurrency <n,…>', 'calls in flight; empty: none of these runs', wholes, [1, 16, 64, 256])
  .option('--stream-concurrency <n,…>', 'streams in flight; empty: none of these runs', wholes, [1, 16, 64, 256])
  .option('--chunk-gap <ms>', 'between two chunks of a stream', whole, 20)
  .option('--peers', 'instead: beside other gateways, which --kit installs and measures', false)
  .option('--kit <directory>', 'where setup-peers.sh and measure.mjs are', '../shared/bench')
  .option('--peers-root <directory>', 'where the other gateways are installed', join(homedir(), '.cache/parley-peers'))
  .option('--agents', 'instead: a mesh with agents; nothing in a list leaves its part out', false)
  .option('--tasks <n,…>', 'of --agents: tasks in the log, about 3 kB each', wholes, [100_000])
  .option('--registered <n,…>', 'of --agents: agents on the log', wholes, [2, 2_000])
  .option(
    '--mcp',
    'instead: a mesh with MCP servers; nothing in a list leaves its part out. With --peers: beside other gateways',
    false,
  )
  .option('--tools <n,…>', 'of --mcp: tools in a list', wholes, [5_000])
  .option('--quick', 'of --agents and --mcp: all of it, small, to see that it works', false)
  .option('--soak', 'instead: half of the possible load for long, watching memory, open files, lag and the log', false)
  .option('--minutes <n>', 'how long to soak', positive, 10)
  .option('--in-flight <n>', 'calls in flight at most while soaking, and a quarter as many streams', whole, 32)
  .option(
    '--rebalance <minutes>',
    'how long a second instance stays while soaking, and is away; 0: none comes',
    Number,
    2,
  )
  .option('--data <directory>', "keep Kafka's data and the logs there")
  .option(
    '--profile <directory>',
    'leave V8 CPU profiles of Parley there, one a start; they cost it a tenth of its speed',
  )
  .option('--out <file>', 'the JSON, instead of standard output')
  .addHelpText(
    'after',
    `
One JSON document on standard output, the tables on standard error. Linux only: CPU and memory come from /proc.
The exit status is 1 when a call was answered wrongly or, with --soak, when Parley grows.

Examples:
  npm run -s bench -- --out figures.json
  npm run -s bench -- --rounds 1 --duration 3 --concurrency 1,64 --stream-concurrency ''
  npm run -s bench -- --peers --concurrency 1,16,64 --stream-concurrency 1,16,64 --out bench/results/peers.json
  npm run -s bench -- --agents --concurrency 1,16,64 --stream-concurrency 1,16,64 --out bench/results/agents.json
  npm run -s bench -- --mcp --concurrency 1,16 --stream-concurrency 1,16 --out bench/results/mcp.json
  npm run -s bench -- --mcp --peers --concurrency 1,16 --out bench/results/mcp-peers.json
  npm run -s bench -- --soak --minutes 10`,
  )
  .action(bench)
  .parseAsync()
  .catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
