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
  /** What the agent tells of itself to who is authenticated; undefined where it gave the mesh no such card. */
  extendedOf(agent: string): Promise<SignedCard> | undefined;
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
  const sign = async (published: AgentCard, place: Place, isExtended: boolean): Promise<SignedCard> => {
    const card = isExtended ? meshCard(published, place, true) : meshCard(published, place);
    const whole = await signing.signCard(card, place.publicUrl + KEY_SET_PATH);
    const isOlder = published.supportedInterfaces.some(({ protocolVersion }) => protocolVersion.startsWith('0.'));
    return { card: asProtoJson(whole), since: new Date(), isOlder };
  };
  const once = (agent: string, published: AgentCard, isExtended: boolean): Promise<SignedCard> => {
    const place = placeOf(agent);
    const from = JSON.stringify([known.of(agent)?.digest, place]);
    const key = `${agent} ${isExtended}`;
    const before = signed.get(key);
    if (before?.from === from) return before.card;
    const card = sign(published, place, isExtended);
    signed.set(key, { from, card });
    return card;
  };
  return {
    isPublished: (agent) => known.of(agent) !== undefined,
    of: (agent) => once(agent, known.of(agent)?.card ?? blankCard(agent), false),
    extendedOf: (agent) => {
      const extended = known.of(agent)?.extended;
      return extended && once(agent, extended, true);
    },
  };
};
