import { readFile, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';

/**
 * Writes a mesh.yaml anew.
 * @param changed of its text, and what problems call it.
 * @throws what `changed` throws; Error that says what to do, where there is no such file
 */
export const changeMeshFile = async (path: string, changed: (text: string, file: string) => string): Promise<void> => {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new Error(`there is no ${path}: name your mesh.yaml with --mesh (examples/mesh.yaml is one to begin with)`);
  });
  await writeFile(path, changed(text, basename(path)));
};
