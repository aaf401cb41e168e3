import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { minimise } from './minimise.ts';
import { mutate } from './mutate.ts';
import { randomOf } from './random.ts';
import { corpusDirectory, openDirectory, readCorpus, runTarget, targetFile } from './run.ts';
import { targetNames } from './target.ts';

const HANG_MS = 4_000;
/** Where an input is expected to hang. */
const SURE_MS = 1_000;
/** Beside the corpus, of each target. */
const RUNS = 400;
const slow: Readonly<Record<string, number>> = {
  cedar: 32,
  http: 128,
  'mcp-definition': 128,
  'mcp-http': 64,
  'mcp-upstream': 64,
  'mesh-yaml': 128,
  sealed: 128,
};

const planted = (name: string) => new URL(`planted/${name}.ts`, import.meta.url).href;
const single = { seed: 1, seeds: [], runs: 0, seconds: 0, guided: false };

/** What is open of a target: found, reported and not mended yet. */
const openOf = async (name: string): Promise<{ file: string; kinds: string[] }[]> => {
  const directory = join(openDirectory, name);
  const files = existsSync(directory) ? readdirSync(directory).sort() : [];
  const inputs = readCorpus(directory);
  const kinds: string[][] = [];
  for (const only of inputs) {
    const { findings } = await runTarget({ ...single, file: targetFile(name), only }, SURE_MS);
    kinds.push(findings.map(({ kind }) => kind));
  }
  return files.map((file, i) => ({ file, kinds: kinds[i]! }));
};

test.for(targetNames)('%s: its corpus and what is made of it find nothing, and what is open is found', async (name) => {
  const open = await openOf(name);
  // Once it is mended, its file belongs into the corpus.
  for (const { file, kinds } of open) expect(kinds, `open/${name}/${file}`).not.toEqual([]);
  const known = open.flatMap(({ kinds }) => kinds);
  const seeds = readCorpus(join(corpusDirectory, name));
  expect(seeds.length).toBeGreaterThan(0);
  const runs = seeds.length + (slow[name] ?? RUNS);
  // Not guided: what inputs reach takes longer to find out than to run so few of them.
  const { stats, findings } = await runTarget(
    { file: targetFile(name), seed: 1, seeds, runs, seconds: 0, guided: false },
    HANG_MS,
  );
  expect(findings.filter(({ kind }) => !known.includes(kind))).toEqual([]);
  if (findings.length === 0) expect(stats?.executions).toBeGreaterThanOrEqual(runs);
});

test('a mistake behind nested conditions is found, block by block, and made small; without looking at blocks it is not', async () => {
  const job = { file: planted('magic'), seed: 1, seeds: [], runs: 60_000, seconds: 0, guided: true };
  const { stats, findings } = await runTarget(job);
  expect(findings.map(({ input }) => input)).toEqual([Buffer.from('PK\x03\x04')]);
  const reached = stats!.found.map((input) => Buffer.from(input).toString('latin1'));
  for (const step of ['P', 'PK', 'PK\x03']) expect(reached.some((input) => input.startsWith(step))).toBe(true);
  expect((await runTarget({ ...job, guided: false })).findings).toEqual([]);
});

test.each([
  ['hang', 'an input never ends', SURE_MS],
  ['prototype', 'no input changes a prototype', HANG_MS],
  ['memory', 'memory runs full, by this input or by those before it', 4 * HANG_MS],
])('what every target must hold: %s', async (name, kind, hangMs) => {
  const { findings } = await runTarget({ ...single, file: planted(name), only: Buffer.from('!') }, hangMs);
  expect(findings).toMatchObject([{ kind, input: Buffer.from('!') }]);
  const harmless = await runTarget({ ...single, file: planted(name), only: Buffer.from('?') }, HANG_MS);
  expect(harmless).toMatchObject({ findings: [], stats: { executions: 1 } });
});

test('inputs follow from the seed', () => {
  const others = [Buffer.from('{"model":"small"}'), Buffer.from('data: 7\n\n')];
  const some = (seed: number) => {
    const random = randomOf(seed);
    return Array.from({ length: 200 }, () => mutate(others[0]!, random, others, []).toString('latin1'));
  };
  expect(some(1)).toEqual(some(1));
  expect(some(1)).not.toEqual(some(2));
  expect(new Set(some(1)).size).toBeGreaterThan(150);
});

test('an input is made as small as what makes it fail', async () => {
  const fails = async (input: Buffer) => input.includes('b') && input.includes('\n');
  expect((await minimise(Buffer.from('xxxx\nxxxxbxxx'), fails)).toString()).toBe('\nb');
});

test('the command line names what it found and how to see it again', () => {
  const output = mkdtempSync(join(tmpdir(), 'parley-fuzz-test-'));
  onTestFinished(() => rmSync(output, { recursive: true }));
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], { encoding: 'utf8' });
  const input = join(output, 'input');
  writeFileSync(input, 'traceparent: 00\n');
  expect(run('--target', 'headers', '--input', input)).toMatchObject({ status: 0, stdout: 'Nothing found.\n' });
  expect(run('--target', 'nothing')).toMatchObject({ status: 2, stdout: '' });
  expect(run('--input', input)).toMatchObject({ status: 2, stdout: '' });
  expect(run('--help').stdout).toContain('Example:\n');
});
