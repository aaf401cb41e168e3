/** The mesh's own key, ES256 (RFC 7518): signs agent cards and tokens, and seals what only the mesh may read. */
import { hkdfSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type AgentCard, generateAgentCardSignature } from '@a2a-js/sdk';
import {
  CompactEncrypt,
  type CryptoKey,
  calculateJwkThumbprint,
  compactDecrypt,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JSONWebKeySet,
  type JWK,
  jwtVerify,
  SignJWT,
} from 'jose';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { SignJwt, VerifyJwt } from './edge/actor-token.ts';
import { RuntimeError } from './errors.ts';

export interface Signing {
  /** The public key, as a JWKS (RFC 7517). */
  keySet: JSONWebKeySet;
  /** The card with the mesh's signature as its only one (A2A 1.0, 8.4). @param keySetUrl where `keySet` is published. */
  signCard(card: AgentCard, keySetUrl: string): Promise<AgentCard>;
  signJwt: SignJwt;
  verifyJwt: VerifyJwt;
  /** Encrypts for the mesh itself: JWE (RFC 7516), compact. */
  seal(plain: Uint8Array): Promise<Buffer>;
  /** @throws where it was not sealed with this key. */
  open(sealed: Uint8Array): Promise<Buffer>;
}

const ALGORITHM = 'ES256';
const SEALING = { alg: 'dir', enc: 'A256GCM' };

const privateKey = z.object({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.string(),
  y: z.string(),
  d: z.string(),
  kid: z.string().min(1).optional(),
});
type PrivateKey = z.infer<typeof privateKey>;

/** What PARLEY_SIGNING_KEY holds: a fresh private key as JWK in JSON. */
export const newSigningKey = async (): Promise<string> => {
  const { privateKey: made } = await generateKeyPair(ALGORITHM, { extractable: true });
  const jwk = await exportJWK(made);
  return JSON.stringify({ ...jwk, alg: ALGORITHM, kid: await calculateJwkThumbprint(jwk) });
};

/** The key that the environment names, as JSON; undefined where it names none. @throws where the file cannot be read. */
export const signingKeyOf = (environment: Readonly<Record<string, string | undefined>>): string | undefined => {
  const { PARLEY_SIGNING_KEY: key, PARLEY_SIGNING_KEY_FILE: file } = environment;
  if (key) return key;
  return file ? readFileSync(file, 'utf8') : undefined;
};

/** By the key that the environment names, else by a new one that ends with the process. @throws as `createSigning` does */
export const signingOf = async (
  environment: Readonly<Record<string, string | undefined>>,
  logger: Logger,
): Promise<Signing> => {
  const key = signingKeyOf(environment);
  if (key === undefined)
    logger.warn(
      'no PARLEY_SIGNING_KEY: a key of this process signs cards and seals secrets, which no other process and no later one can verify or open',
    );
  return createSigning(key ?? (await newSigningKey()));
};

/** The message never quotes the key. */
const readKey = (json: string): PrivateKey => {
  let read: unknown;
  try {
    read = JSON.parse(json);
  } catch {
    throw new RuntimeError('PARLEY_ENVIRONMENT', 'the signing key is not JSON: a private JWK is wanted');
  }
  const parsed = privateKey.safeParse(read);
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.map(({ path }) => path.join('.')).join(', ');
  throw new RuntimeError('PARLEY_ENVIRONMENT', `the signing key is no private JWK for ES256 (P-256): see ${fields}`);
};

/** @param key a private JWK in JSON. @throws RuntimeError PARLEY_ENVIRONMENT where it is none. */
export const createSigning = async (key: string): Promise<Signing> => {
  const jwk = readKey(key);
  const kid = jwk.kid ?? (await calculateJwkThumbprint(jwk));
  const { d, ...publicHalf } = jwk;
  const load = async (half: JWK): Promise<CryptoKey> => {
    try {
      return (await importJWK(half, ALGORITHM)) as CryptoKey;
    } catch {
      throw new RuntimeError('PARLEY_ENVIRONMENT', 'the signing key cannot be used: its numbers make no P-256 key');
    }
  };
  const signingKey = await load(jwk);
  const verifyingKey = await load(publicHalf);
  const sealingKey = new Uint8Array(hkdfSync('sha256', Buffer.from(d, 'base64url'), '', 'parley sealing', 32));
  return {
    keySet: { keys: [{ ...publicHalf, kid, alg: ALGORITHM, use: 'sig' }] },
    signCard: (card, keySetUrl) =>
      generateAgentCardSignature(signingKey, { alg: ALGORITHM, kid, typ: 'JOSE', jku: keySetUrl })({
        ...card,
        signatures: [],
      }),
    signJwt: (claims, typ) => new SignJWT(claims).setProtectedHeader({ alg: ALGORITHM, kid, typ }).sign(signingKey),
    verifyJwt: async (token, typ) =>
      (await jwtVerify(token, verifyingKey, { algorithms: [ALGORITHM], typ, requiredClaims: ['exp'] })).payload,
    seal: async (plain) =>
      Buffer.from(await new CompactEncrypt(plain).setProtectedHeader({ ...SEALING, kid }).encrypt(sealingKey)),
    open: async (sealed) => Buffer.from((await compactDecrypt(sealed, sealingKey)).plaintext),
  };
};
