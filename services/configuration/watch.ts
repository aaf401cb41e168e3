import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { policyFiles } from './policy-files.ts';
import { readMeshFile } from './read-mesh-file.ts';

const everyMs = 250;

export interface Watch {
  /** No callback begins after it; one that has begun is awaited. */
  close(): Promise<void>;
}

/**
 * Calls back when mesh.yaml or a policy file of it has changed, appeared or gone, and has then been left alone for a
 * moment. Never two at a time; one that rejects is called again. Problems of the files are the callback's to report:
 * `applyConfiguration` raises them all.
 *
 * It looks, rather than be told: so it sees through editors that replace files, mounted ConfigMaps and network disks.
 */
export const watchMeshFile = async (path: string, onChange: () => Promise<void>): Promise<Watch> => {
  const look = lookAt(path);
  let handled = await look();
  const stop = new AbortController();

  const watch = async () => {
    let before = handled;
    while (!stop.signal.aborted) {
      await setTimeout(everyMs, undefined, { signal: stop.signal }).catch(() => {});
      const now = await look();
      if (now !== handled && now === before && !stop.signal.aborted)
        await onChange().then(
          () => (handled = now),
          () => {},
        );
      before = now;
    }
  };
  const watching = watch();
  return {
    close: async () => {
      stop.abort();
      await watching;
    },
  };
};

/** Prints what there is now: a print that differs is a change. */
const lookAt = (path: string) => {
  let meshBefore = '';
  let patterns: readonly string[] = [];
  return async (): Promise<string> => {
    const mesh = await printOf(path);
    if (mesh !== meshBefore) patterns = (await patternsOf(path)) ?? patterns;
    meshBefore = mesh;
    const directory = dirname(path);
    const files = await policyFiles(patterns, directory).catch(() => []);
    return [mesh, ...(await Promise.all(files.map((file) => printOf(join(directory, file)))))].join('\n');
  };
};

/** Changes when the file does. */
const printOf = (path: string): Promise<string> =>
  stat(path, { bigint: true }).then(
    ({ ino, size, mtimeNs }) => `${path} ${ino} ${size} ${mtimeNs}`,
    () => `${path} gone`,
  );

/** Undefined while the file is not right. */
const patternsOf = async (path: string): Promise<readonly string[] | undefined> => {
  try {
    const read = readMeshFile(await readFile(path), path);
    return Array.isArray(read) ? undefined : read.file.policies;
  } catch {
    return undefined;
  }
};
