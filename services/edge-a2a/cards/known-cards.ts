import { AgentCard } from '@a2a-js/sdk';
import type { Logger } from 'pino';
import type * as mesh from '../../../schemas/generated.ts';
import type { Log } from '../../runtime/log.ts';

/** A card as `mesh.agents` has it. */
export interface KnownCard {
  agent: string;
  card: AgentCard;
  /** What it tells of itself to who is authenticated; undefined where it gave the mesh no such card. */
  extended: AgentCard | undefined;
  /** Of both, as they are in the log. */
  digest: string;
  signature: mesh.CardSignature;
}

const read = (card: Buffer): AgentCard => AgentCard.fromJSON(JSON.parse(card.toString()));

/** The cards of all agents, of those on the log too, kept current. */
export interface KnownCards {
  of(agent: string): KnownCard | undefined;
  all(): readonly KnownCard[];
  /** What was last said against an agent's card; undefined: nothing. */
  refusalOf(agent: string): mesh.AgentCardRefused | undefined;
  /** Calls back with the agent's name whenever a card is another one. @returns ends it. */
  changed(listener: (agent: string) => void): () => void;
  close(): Promise<void>;
}

/** Resolves once the cards in the log are known. */
export const followCards = async (log: Log, logger: Logger): Promise<KnownCards> => {
  const cards = new Map<string, KnownCard>();
  const refusals = new Map<string, mesh.AgentCardRefused>();
  const listeners = new Set<(agent: string) => void>();
  const tail = await log.tail(
    ['mesh.agents'],
    (record) => {
      try {
        if (record.type === 'AgentCardRefused') refusals.set(record.data.agent, record.data);
        if (record.type !== 'AgentCardPublished') return;
        const { agent, card, digest, signature, extendedCard } = record.data;
        const extended = extendedCard ? read(extendedCard) : undefined;
        cards.set(agent, { agent, card: read(card), extended, digest, signature });
        for (const listener of listeners) listener(agent);
      } catch (error) {
        logger.error({ err: error, topic: record.topic, offset: record.offset }, 'an agent card was passed over');
      }
    },
    { from: 'beginning', types: ['AgentCardPublished', 'AgentCardRefused'] },
  );
  await tail.caughtUp;
  return {
    of: (agent) => cards.get(agent),
    all: () => [...cards.values()],
    refusalOf: (agent) => refusals.get(agent),
    changed: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => tail.close(),
  };
};
