import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parsePolicies } from '../runtime/cedar.ts';
import { type Compiled, compile } from './compile.ts';
import { type Environment, missingVariables, urlFindings } from './environment.ts';
import { readPolicyFiles } from './policy-files.ts';
import { ConfigurationRefused, type Finding, type Problem } from './problem.ts';
import { readMeshFile } from './read-mesh-file.ts';

export interface ConfigurationFiles {
  /** Of mesh.yaml; policies are found from it. */
  path: string;
  /** Resolves URLs, and shows whether the secrets are there. */
  env: Environment;
  /** The secrets are elsewhere, with whoever calls the providers: references to them need not resolve here. */
  allowMissingVariables?: boolean;
}

/** What a record of Kafka takes by default, less its envelope. */
const maxDocumentBytes = 15_000_000;

/** Reads, checks and compiles mesh.yaml and its policies. @throws ConfigurationRefused with every problem. */
export const loadConfiguration = async ({
  path,
  env,
  allowMissingVariables = false,
}: ConfigurationFiles): Promise<Compiled> => {
  const read = readMeshFile(await readBytes(path), path);
  if (Array.isArray(read)) throw new ConfigurationRefused(read);
  const { file, locate } = read;

  const directory = dirname(path);
  const { texts, findings } = await readPolicyFiles(file.policies, directory);
  const policies = parsePolicies(texts);
  const missing = missingVariables(file, env).filter(({ secret }) => !(secret && allowMissingVariables));
  const problems: Problem[] = [
    ...[...missing, ...urlFindings(file, env), ...findings].map(locate),
    ...(Array.isArray(policies) ? policies : []).map(({ id, ...rest }) => ({
      file: join(directory, id),
      path: '',
      ...rest,
    })),
  ];
  if (problems.length > 0) throw new ConfigurationRefused(problems);

  const compiled = compile(file, texts, env);
  if (Buffer.byteLength(compiled.document) > maxDocumentBytes) {
    const tooLarge: Finding = { path: [], message: 'makes, with its policies, more than 15 MB: no record holds that' };
    throw new ConfigurationRefused([locate(tooLarge)]);
  }
  return compiled;
};

const readBytes = async (path: string): Promise<Uint8Array> => {
  const refuse = (message: string) => new ConfigurationRefused([{ file: path, line: 1, column: 1, path: '', message }]);
  try {
    if ((await stat(path)).size > 16 * 1024 ** 2) throw refuse('is larger than 1 MiB');
    return await readFile(path);
  } catch (error) {
    if (error instanceof ConfigurationRefused) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw refuse(code === 'ENOENT' ? 'there is no such file' : `cannot be read: ${message}`);
  }
};
