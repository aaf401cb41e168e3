import { randomBytes } from 'node:crypto';
import { stringify } from 'yaml';
import { hashOfKey } from '../runtime/configuration.ts';

export interface NewKey {
  /** What the log calls it. */
  id: string;
  agent: string;
  /** Default: the agent's owner. */
  person?: string;
  /** As mesh.yaml writes it, e.g. 2027-01-31. */
  expires?: string;
}

/** A new key, to be shown once, and its entry for `keys:` in mesh.yaml. */
export const createKey = ({ id, ...fields }: NewKey): { key: string; entry: string } => {
  const key = `sk-parley-${randomBytes(32).toString('base64url')}`;
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  const text = stringify(
    { [id]: { hash: `sha256:${hashOfKey(key)}`, ...Object.fromEntries(given) } },
    { lineWidth: 0 },
  );
  return { key, entry: text.replaceAll(/^(?=.)/gm, '  ') };
};
