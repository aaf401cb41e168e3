import { createSigning, newSigningKey } from './signing.ts';

/** A mesh's signing, with a key of this run. */
export const signing = await createSigning(await newSigningKey());
