import { AgentCard } from '@a2a-js/sdk';
import type { Signing } from '../../runtime/signing.ts';
import type { KnownCards } from '../cards/known-cards.ts';
import { blankCard, meshCard, type Place } from './mesh-card.ts';

export const KEY_SET_PATH = '/.well-known/jwks.json';

/** A card of the mesh, signed; written as ProtoJSON wherever it is written as JSON. */
export interface SignedCard {
  card: AgentCard;
  /** When this edge signed it. */
  since: Date;
  /** Whether the agent itself has clients of A2A before 1.0, who may not say which version they speak. */
  isOlder: boolean;
}

export interface MeshCards {
  /** The card under which an agent is reached; one without skills while it has published none. */
  of(agent: string): Promise<SignedCard>;
  isPublished(agent: string): boolean;
}

/** The SDK writes cards with JSON.stringify, and its own form of them is not ProtoJSON. */
const asProtoJson = (card: AgentCard): AgentCard =>
  Object.defineProperty({ ...card }, 'toJSON', { value: () => AgentCard.toJSON(card), enumerable: false });

/** Signs each card once for as long as it and its place stay as they are. */
export const createMeshCards = (
  known: Pick<KnownCards, 'of'>,
  signing: Signing,
  placeOf: (agent: string) => Place,
): MeshCards => {
  const signed = new Map<string, { from: string; card: Promise<SignedCard> }>();
  const sign = async (agent: string, place: Place): Promise<SignedCard> => {
    const published = known.of(agent)?.card ?? blankCard(agent);
    const signed = await signing.signCard(meshCard(published, place), place.publicUrl + KEY_SET_PATH);
    const isOlder = published.supportedInterfaces.some(({ protocolVersion }) => protocolVersion.startsWith('0.'));
    return { card: asProtoJson(signed), since: new Date(), isOlder };
  };
  return {
    isPublished: (agent) => known.of(agent) !== undefined,
    of: (agent) => {
      const place = placeOf(agent);
      const from = JSON.stringify([known.of(agent)?.digest, place]);
      const before = signed.get(agent);
      if (before?.from === from) return before.card;
      const card = sign(agent, place);
      signed.set(agent, { from, card });
      return card;
    },
  };
};
