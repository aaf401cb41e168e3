import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createSigning, type Signing, signingKeyOf } from '../../services/runtime/signing.ts';

/** Where `parley up` keeps the key of the mesh that it runs in this directory. */
const OF_THIS_DIRECTORY = resolve('.parley', 'signing-key.json');

/** The mesh's key. @throws Error that says what to do, where the environment names none */
export const signingOfMesh = async (env: NodeJS.ProcessEnv): Promise<Signing> => {
  const key = signingKeyOf(env);
  if (key !== undefined) return createSigning(key);
  // A cluster that is named is another's than this directory's.
  if (env.KAFKA_BROKERS === undefined && existsSync(OF_THIS_DIRECTORY))
    return createSigning(readFileSync(OF_THIS_DIRECTORY, 'utf8'));
  throw new Error(
    'set PARLEY_SIGNING_KEY (or PARLEY_SIGNING_KEY_FILE) to the mesh’s key: a login is stored in the log, sealed with it',
  );
};
