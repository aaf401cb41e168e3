/** Reads an agent's card as it came: A2A 1.0 or 0.3 in, A2A 1.0 out. */
import { createHash } from 'node:crypto';
import { AgentCard } from '@a2a-js/sdk';
import { isLegacyAgentCard, parseLegacyAgentCard } from '@a2a-js/sdk/compat/v0_3/client';
import { z } from 'zod';
import { Unfit } from './fetch-bounded.ts';

export const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

export interface ReadCard {
  /** As the card came, for its signatures. */
  raw: Record<string, unknown>;
  card: AgentCard;
}

/** What the mesh can't do without; the rest is for whoever calls the agent. A2A 1.0, 4.4.1. */
const least = z.looseObject({
  name: z.string().min(1),
  supportedInterfaces: z.array(z.looseObject({ url: z.string().min(1), protocolBinding: z.string().min(1) })).min(1),
  skills: z.array(z.looseObject({ id: z.string() })).optional(),
});

/** @throws Unfit */
export const readCard = (body: Buffer): ReadCard => {
  const unfit = (why: string) => new Unfit(why, body);
  let raw: unknown;
  try {
    raw = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw unfit('it is not JSON');
  }
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) throw unfit('it is not a JSON object');
  let card: AgentCard;
  try {
    card = isLegacyAgentCard(raw) ? parseLegacyAgentCard(raw) : AgentCard.fromJSON(raw);
  } catch {
    throw unfit('it is not an agent card of A2A 1.0 or 0.3');
  }
  const checked = least.safeParse(card);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    throw unfit(`it is not an agent card: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  return { raw: raw as Record<string, unknown>, card };
};

/** A2A 1.0 ProtoJSON of a card, the same bytes for the same card. */
export const bytesOfCard = (card: AgentCard): Buffer => Buffer.from(JSON.stringify(AgentCard.toJSON(card)));
