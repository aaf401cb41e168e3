/** Whether one of a card's signatures holds (A2A 1.0, 8.4). */
import { type AgentCard, canonicalizeAgentCard } from '@a2a-js/sdk';
import { createLocalJWKSet, decodeProtectedHeader, flattenedVerify, type JSONWebKeySet } from 'jose';
import type { CardSignature } from '../../../schemas/generated.ts';
import { canonicalJson } from '../../runtime/canonical-json.ts';
import { Unfit } from './fetch-bounded.ts';
import type { ReadCard } from './read-card.ts';

/** What may have been signed: the card as it came, or as the A2A SDKs write it down, which leaves empty members out. */
const payloadsOf = ({ raw, card }: ReadCard): Uint8Array[] => {
  const { signatures, ...unsigned } = raw;
  return [...new Set([canonicalJson(unsigned), canonicalizeAgentCard(card)])].map((text) => Buffer.from(text));
};

type Signature = AgentCard['signatures'][number];

const ASYMMETRIC = /^(ES|RS|PS)(256|384|512)$|^(EdDSA|Ed25519)$/;

const verifyOne = async (
  { protected: protectedHeader, signature, header }: Signature,
  payloads: readonly Uint8Array[],
  origin: string,
  fetchKeys: (url: URL) => Promise<JSONWebKeySet>,
): Promise<void> => {
  const { alg, kid, jku } = decodeProtectedHeader({ protected: protectedHeader });
  if (!alg || !kid || !jku) throw new Error('it does not name its alg, kid and jku');
  if (!ASYMMETRIC.test(alg)) throw new Error('its algorithm needs no private key');
  const url = new URL(jku);
  // Whoever serves the card vouches for it; a key from elsewhere would be anybody's.
  if (url.origin !== origin) throw new Error('its key is not where the card is');
  const keys = createLocalJWKSet(await fetchKeys(url));
  let why: unknown;
  for (const payload of payloads) {
    try {
      const jws = { payload: Buffer.from(payload).toString('base64url'), protected: protectedHeader, signature };
      await flattenedVerify(header ? { ...jws, header } : jws, keys);
      return;
    } catch (error) {
      why = error;
    }
  }
  throw why;
};

/**
 * Keys come from the card's own origin only. Of several signatures one has to hold: the others may be of keys that are gone.
 * @param from where the card was fetched.
 * @throws Unfit where it is signed and no signature holds.
 */
export const verifyCard = async (
  read: ReadCard,
  from: URL,
  fetchKeys: (url: URL) => Promise<JSONWebKeySet>,
  body: Buffer,
): Promise<CardSignature> => {
  const { signatures } = read.card;
  if (signatures.length === 0) {
    if (read.raw.signatures === undefined || (Array.isArray(read.raw.signatures) && read.raw.signatures.length === 0))
      return 'UNSIGNED';
    throw new Unfit('its signatures cannot be read', body);
  }
  const payloads = payloadsOf(read);
  let why = '';
  for (const signature of signatures.slice(0, 10)) {
    try {
      await verifyOne(signature, payloads, from.origin, fetchKeys);
      return 'VERIFIED';
    } catch (error) {
      why ||= error instanceof Error ? error.message : String(error);
    }
  }
  throw new Unfit(`its signature does not hold: ${why}`, body);
};
