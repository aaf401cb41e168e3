/** Asks an agent for its extended card (A2A 1.0, 3.1.11; 0.3: agent/getAuthenticatedExtendedCard). */
import type { AgentCard } from '@a2a-js/sdk';
import type { JSONWebKeySet } from 'jose';
import type { AgentClient } from '../outbound/agent-client.ts';
import { CallFailed } from '../outbound/call-failed.ts';
import { MAX_BYTES, TIME_MS, Unfit } from './fetch-bounded.ts';
import { bytesOfCard, readCard } from './read-card.ts';
import { verifyCard } from './verify-card.ts';

export interface Asking {
  /** With the agent's credential. @throws CallFailed */
  client(): Promise<Pick<AgentClient, 'extendedCard'>>;
  /** Where the agent's own card is: a signature's key has to be there too. */
  from: URL;
  fetchKeys(url: URL): Promise<JSONWebKeySet>;
  signal: AbortSignal;
}

const ask = async ({ client, signal }: Asking): Promise<AgentCard> => {
  try {
    return await (await client()).extendedCard(AbortSignal.any([signal, AbortSignal.timeout(TIME_MS)]));
  } catch (error) {
    // Only codes: what it says otherwise may be anything.
    const why = error instanceof CallFailed ? error.reason || error.fault.failure.reason : (error as Error).name;
    throw new Unfit(`it was not given (${why})`);
  }
};

/** @returns the same bytes for the same card. @throws Unfit where none came that can be taken. */
export const takeExtendedCard = async (asking: Asking): Promise<Buffer> => {
  const card = bytesOfCard(await ask(asking));
  if (card.length > MAX_BYTES) throw new Unfit(`it is larger than ${MAX_BYTES} bytes`);
  await verifyCard(readCard(card), asking.from, asking.fetchKeys, card);
  return card;
};
