import { type Configuration, type Credential, hashOfKey } from '../configuration.ts';

/** What was wrong with what a caller presented. */
export type AuthenticationProblem = 'missing' | 'malformed' | 'unknown' | 'revoked' | 'expired';

export type Authentication =
  | { credential: Credential }
  /** `presented` names the credential without being it: its id where it is known, else 12 digits of its hash. */
  | { problem: AuthenticationProblem; presented: string };

const BEARER = /^bearer +([\x21-\x7e]+) *$/i;
const FINGERPRINT_DIGITS = 12;

const hasExpired = ({ expiresAt }: Credential, now: number) => expiresAt !== null && Date.parse(expiresAt) <= now;

/**
 * Judges an `Authorization` header (RFC 6750).
 * Keys are found by their hash, so how long the search takes tells nothing about a key.
 */
export const authenticate = (
  header: string | undefined,
  byHash: ReadonlyMap<string, Credential>,
  now: number,
): Authentication => {
  if (header === undefined || header === '') return { problem: 'missing', presented: '' };
  const key = BEARER.exec(header)?.[1];
  if (key === undefined) return { problem: 'malformed', presented: '' };
  const keyHash = hashOfKey(key);
  const credential = byHash.get(keyHash);
  if (!credential) return { problem: 'unknown', presented: keyHash.slice(0, FINGERPRINT_DIGITS) };
  if (credential.revoked) return { problem: 'revoked', presented: credential.id };
  if (hasExpired(credential, now)) return { problem: 'expired', presented: credential.id };
  return { credential };
};

/** The `WWW-Authenticate` of a 401 (RFC 6750, section 3): what was wrong is only said of a token that was given. */
export const challengeOf = (problem: AuthenticationProblem): string =>
  problem === 'missing' ? 'Bearer realm="parley"' : 'Bearer realm="parley", error="invalid_token"';

/** The credentials by the hash of their key, indexed once per configuration. */
export const credentialIndex = (): ((configuration: Configuration) => ReadonlyMap<string, Credential>) => {
  let indexed: Configuration | undefined;
  let byHash = new Map<string, Credential>();
  return (configuration) => {
    if (configuration !== indexed) {
      byHash = new Map(configuration.credentials.map((credential) => [credential.hash, credential]));
      indexed = configuration;
    }
    return byHash;
  };
};
