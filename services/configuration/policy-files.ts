import { glob, readFile, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { PolicyText } from '../runtime/cedar.ts';
import type { Finding } from './problem.ts';

const maxBytes = 1024 ** 2;

/** The files that `policies` names, relative to the directory of mesh.yaml, each once, sorted. */
export const policyFiles = async (patterns: readonly string[], directory: string): Promise<string[]> => {
  const found = new Set<string>();
  for (const pattern of patterns) for await (const file of glob(pattern, { cwd: directory })) found.add(file);
  return [...found].sort();
};

/** Their texts, and what could not be found or read. A text's id is its path from mesh.yaml, with slashes. */
export const readPolicyFiles = async (
  patterns: readonly string[],
  directory: string,
): Promise<{ texts: PolicyText[]; findings: Finding[] }> => {
  const texts = new Map<string, PolicyText>();
  const findings: Finding[] = [];
  for (const [index, pattern] of patterns.entries()) {
    const files = await policyFiles([pattern], directory);
    const finding = (message: string) => findings.push({ path: ['policies', index], message });
    if (files.length === 0) finding(`${pattern} matches no file in ${directory}`);
    for (const file of files)
      try {
        texts.set(file, { id: file.replaceAll(sep, '/'), text: await readText(join(directory, file)) });
      } catch (error) {
        finding(`${file} cannot be read: ${(error as Error).message}`);
      }
  }
  return { texts: [...texts.values()], findings };
};

const readText = async (path: string): Promise<string> => {
  if ((await stat(path)).size > maxBytes) throw new Error('it is larger than 1 MiB');
  return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
};
