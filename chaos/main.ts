/**
 * Chaos on a real Kafka: three brokers, the mesh as processes, load, faults by a seed, and the evidence checked afterwards.
 *   npm run chaos -- --help
 */
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { terminalProgress } from '../embedded/progress.ts';
import { type Fault, faults } from './faults/index.ts';
import { reportText } from './report.ts';
import { run, type Undo } from './run.ts';

interface CommandLine {
  minutes: number;
  seed: number;
  faults?: readonly Fault[];
  load: number;
  data?: string;
  out?: string;
}

const positive = (text: string): number => {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('must be a number above 0.');
  return value;
};
const whole = (text: string): number => {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('must be a whole number of at most nine digits.');
  return Number(text);
};
const named = (text: string): Fault[] =>
  text
    .split(',')
    .filter(Boolean)
    .map((name) => {
      const found = faults.find((fault) => fault.name === name);
      if (!found) throw new InvalidArgumentError(`${name} is none of ${faults.map((f) => f.name).join(', ')}.`);
      return found;
    });

const chaos = async (options: CommandLine): Promise<void> => {
  const progress = terminalProgress();
  const stopping = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(name, () => stopping.abort(new Error(`stopped by ${name}`)));
  const dir = options.data ? resolve(options.data) : mkdtempSync(join(tmpdir(), 'parley-chaos-'));
  const undo: Undo = [];
  let keep = options.data !== undefined;
  try {
    const { seed, minutes, load } = options;
    const report = await run(
      { seed, minutes, faults: options.faults ?? faults, inFlight: load, dir, progress, signal: stopping.signal },
      undo,
    );
    progress.done(`\n${reportText(report)}`);
    if (options.out) writeFileSync(options.out, `${JSON.stringify(report, undefined, 2)}\n`);
    if (report.violations.length > 0) process.exitCode = 1;
  } catch (error) {
    process.exitCode = 1;
    // Ctrl-C leaves nothing behind that anyone would want to look into.
    if (!stopping.signal.aborted) throw error;
    console.error((stopping.signal.reason as Error).message);
  } finally {
    stopping.abort(new Error('over'));
    progress.update('Stopping everything');
    for (const step of undo.reverse())
      await Promise.resolve()
        .then(step)
        .catch((error: Error) => console.error(error.message));
    progress.update('');
    keep ||= process.exitCode === 1 && stopping.signal.reason?.message === 'over';
    if (keep) progress.done(`Logs, data and violations.txt, which has the events of each, are in ${dir}`);
    else rmSync(dir, { recursive: true, force: true });
  }
};

await new Command('chaos')
  .description(
    'Three brokers, the mesh in processes of its own, load, and faults by a seed; then log, upstream and clients are compared.',
  )
  .option('--minutes <n>', 'how long faults are made', positive, 10)
  .option('--seed <n>', 'what happens when; default: a random one', whole, randomInt(1_000_000))
  .option('--faults <name,…>', 'only these; default: all', named)
  .option('--load <n>', 'calls in flight', positive, 16)
  .option('--data <directory>', "keep Kafka's data and the logs there; it must be empty")
  .option('--out <file>', 'the report as JSON')
  .addHelpText(
    'after',
    `
Faults:
${faults.map(({ name, description }) => `  ${name.padEnd(14)} ${description}`).join('\n')}

Linux only. The exit status is 1 when a promise of the mesh was not kept; its logs and data are kept then.

Examples:
  npm run -s chaos -- --minutes 1 --faults kill,broker
  npm run -s chaos -- --minutes 10 --seed 4 --out chaos.json`,
  )
  .action(chaos)
  .parseAsync()
  .catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  })
  // Clients of brokers that are gone by now may hold timers.
  .finally(() => process.exit());
