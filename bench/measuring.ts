/** What a measurement stands in: the parts that happen once on a machine, a directory, signals that end it, and where its figures go. */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { installJars } from '../embedded/install.ts';
import { findJava } from '../embedded/java.ts';
import { terminalProgress } from '../embedded/progress.ts';
import { makeClassArchives } from '../embedded/train.ts';
import { makeDataDirectory } from './parley.ts';

/** What a stopped benchmark must not leave behind, undone in reverse. */
export type Undo = (() => unknown)[];

export const progress = terminalProgress();

/**
 * Measures, and gives the document to standard output or the file `out`. A fault makes the exit status 1.
 * @param options data: the directory to measure in, which is kept; default: one of its own, which is not.
 */
export const measuring = async (
  { data, out }: { data?: string; out?: string },
  measure: (directory: string, undo: Undo, signal: AbortSignal) => Promise<{ document: object; faults: string[] }>,
): Promise<void> => {
  const stopping = new AbortController();
  const { signal } = stopping;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(name, () => stopping.abort(new Error(`stopped by ${name}`)));
  const undo: Undo = [];
  try {
    // Not part of a start that is measured: this happens once on a machine.
    const jars = await installJars({ progress, signal });
    await makeClassArchives(jars, findJava(), { progress, signal });
    const directory = data ? { path: resolve(data) } : makeDataDirectory();
    if ('remove' in directory) undo.push(directory.remove);
    const { document, faults } = await measure(directory.path, undo, signal);
    const json = `${JSON.stringify(document)}\n`;
    if (out) writeFileSync(out, json);
    else process.stdout.write(json);
    for (const fault of new Set(faults)) console.error(fault);
    if (faults.length > 0) process.exitCode = 1;
  } finally {
    progress.update('');
    for (const step of undo.reverse()) await step();
  }
};
