import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newSigningKey } from '../../services/runtime/signing.ts';

/** The environment, with a key that signs cards and seals secrets: one of this directory, unless it names another. */
export const withSigningKey = async (env: NodeJS.ProcessEnv, directory: string): Promise<NodeJS.ProcessEnv> => {
  if (env.PARLEY_SIGNING_KEY || env.PARLEY_SIGNING_KEY_FILE) return env;
  const file = join(directory, 'signing-key.json');
  if (!existsSync(file)) await writeFile(file, await newSigningKey(), { mode: 0o600 });
  return { ...env, PARLEY_SIGNING_KEY_FILE: file };
};
