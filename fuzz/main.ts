#!/usr/bin/env node
import { hash } from 'node:crypto';
/** Fuzzes everything that parses bytes from outside: 0 nothing found, 1 found something, 2 called the wrong way. */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Finding, Stats } from './loop.ts';
import { corpusDirectory, readCorpus, runTarget, targetFile } from './run.ts';
import { targetNames } from './target.ts';

interface Options {
  target?: string;
  seconds: number;
  runs: number;
  seed: number;
  corpus?: string;
  input?: string;
  output?: string;
}

const wholeNumber = (text: string): number => {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It is a whole number.');
  return Number(text);
};

const nameOf = (input: Uint8Array) => hash('sha1', input, 'hex').slice(0, 12);
const grouped = new Intl.NumberFormat('en');

const statsLine = (name: string, { executions, ms, blocks, corpus, found }: Stats): string =>
  [
    name.padEnd(14),
    `${grouped.format(executions).padStart(10)} executions`,
    `${grouped.format(Math.round((executions * 1_000) / Math.max(1, ms))).padStart(7)} a second`,
    `${grouped.format(blocks).padStart(6)} blocks`,
    `corpus ${corpus} (${found.length} new)`,
  ].join('  ');

const program = new Command('fuzz')
  .description('fuzz everything that parses bytes from outside, guided by the blocks of code that inputs reach')
  .addOption(new Option('--target <name>', 'only this one').choices(targetNames))
  .option('--seconds <n>', 'for so long, each target', wholeNumber, 10)
  .option('--runs <n>', 'so many executions each target instead', wholeNumber, 0)
  .option('--seed <n>', 'what the inputs follow from', wholeNumber, 1)
  .option('--corpus <dir>', 'begin with the inputs of <dir>/<target> too, and keep there those that reach new blocks')
  .option('--input <file>', 'run nothing but this input; needs --target')
  .option('--output <dir>', 'where findings go (default: a new temporary directory)')
  .addHelpText(
    'after',
    `
The seed corpus is fuzz/corpus/<target>/. A finding is made as small as it can be and written to a file.

Example:
  node fuzz/main.ts --seconds 60
  node fuzz/main.ts --target sse --input finding`,
  )
  .exitOverride()
  .showHelpAfterError('(--help says how)');

/** Prints it, and keeps its input. */
const tell = (name: string, finding: Finding, output: () => string) => {
  const file = join(output(), `${name}-${nameOf(finding.input)}`);
  writeFileSync(file, finding.input);
  console.log(`\nFOUND in ${name}, ${finding.input.length} bytes: ${finding.message}`);
  console.log(`  node fuzz/main.ts --target ${name} --input ${file}\n`);
};

const main = async (): Promise<number> => {
  const { target, seconds, runs, seed, corpus, input, output } = program.parse().opts<Options>();
  if (input !== undefined && target === undefined) program.error('--input needs --target', { exitCode: 2 });
  let directory = output;
  const outputDirectory = () => {
    directory ??= mkdtempSync(join(tmpdir(), 'parley-fuzz-'));
    mkdirSync(directory, { recursive: true });
    return directory;
  };
  let found = 0;
  for (const name of target === undefined ? targetNames : [target]) {
    const only = input === undefined ? {} : { only: readFileSync(input) };
    const kept = corpus === undefined ? [] : readCorpus(join(corpus, name));
    const seeds = [...readCorpus(join(corpusDirectory, name)), ...kept];
    const { stats, findings } = await runTarget({
      file: targetFile(name),
      seed,
      seeds,
      runs,
      seconds,
      guided: true,
      ...only,
    });
    if (stats && input === undefined) console.log(statsLine(name, stats));
    for (const finding of findings) tell(name, finding, outputDirectory);
    found += findings.length;
    if (corpus === undefined || !stats) continue;
    mkdirSync(join(corpus, name), { recursive: true });
    for (const one of stats.found) writeFileSync(join(corpus, name, nameOf(one)), one);
  }
  if (found === 0) console.log('Nothing found.');
  return found === 0 ? 0 : 1;
};

try {
  process.exitCode = await main();
} catch (error) {
  const { exitCode, message } = error as { exitCode?: number; message: string };
  if (exitCode === undefined) console.error(`fuzz: ${message}`);
  process.exitCode = exitCode === 0 ? 0 : 2;
}
