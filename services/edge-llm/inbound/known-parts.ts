import type { Span } from '../../../schemas/generated.ts';
import { topics } from '../../../topics/index.ts';
import type { Part } from '../openai/json-bytes.ts';
import { digestsOf, placesOf, type Stated, stated } from './what-is-new.ts';

/** About 40 MB, with their digests and places. */
const MAX_PARTS = 200_000;
const MAX_PARTS_OF_ONE = 4_096;
/** A smaller body is stated whole, and nothing is kept of it: naming its parts would cost as much. */
const MIN_BODY_BYTES = 512;
const DAY_MS = 24 * 60 * 60 * 1_000;

/** What is referred to is kept nearly as long as what refers to it: a day less, or half of that where a topic keeps less. */
const maxAgeMs = (): number => {
  const [, amount, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(topics['mesh.requests'].retention ?? '2d') ?? [];
  const ms = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: DAY_MS }[unit as 'd'];
  return Math.min(DAY_MS, (Number(amount) * ms) / 2);
};

interface Known {
  place: Span;
  /** When its record was stated, milliseconds since the epoch. */
  since: number;
}

/** A body as its request is to state it. */
export interface Cut extends Stated {
  /** Told once its record is durable, by its offset. */
  stored(offset: number): void;
}

/** What this edge knows of the conversations that pass through it: which bytes are in which record. */
export interface KnownParts {
  /** @param parts of the body, as its outline has them. */
  cut(contextId: string, body: Buffer, parts: readonly Part[]): Cut;
  /** Not to be referred to again: a part could not be read back. */
  forget(contextId: string): void;
}

/** A body that refers to nothing, and to which nothing will refer. */
export const stateWhole = (body: Buffer): Cut => ({ message: body, spans: [], stored: () => {} });

/**
 * @param now milliseconds since the epoch.
 * @param most how many parts are kept, of all conversations together.
 * @param durable told of each message that may be referred to from now on.
 */
export const createKnownParts = ({
  now,
  most = MAX_PARTS,
  durable = () => {},
}: {
  now(): number;
  most?: number;
  durable?(contextId: string, offset: number, message: Buffer): void;
}): KnownParts => {
  const maxAge = maxAgeMs();
  /** The one last used at the end, and so within each. */
  const conversations = new Map<string, Map<string, Known>>();
  let count = 0;

  const forget = (contextId: string) => {
    count -= conversations.get(contextId)?.size ?? 0;
    conversations.delete(contextId);
  };
  const learn = (contextId: string, places: readonly [string, Span][], since: number) => {
    const known = conversations.get(contextId) ?? new Map<string, Known>();
    forget(contextId);
    for (const [digest, place] of places) {
      known.delete(digest);
      known.set(digest, { place, since });
    }
    for (const digest of known.keys()) {
      if (known.size <= MAX_PARTS_OF_ONE) break;
      known.delete(digest);
    }
    if (known.size > 0) conversations.set(contextId, known);
    count += known.size;
    for (const oldest of conversations.keys()) {
      if (count <= most) break;
      forget(oldest);
    }
  };

  return {
    forget,
    cut: (contextId, body, parts) => {
      if (body.length < MIN_BODY_BYTES || parts.length === 0 || parts.length > MAX_PARTS_OF_ONE)
        return stateWhole(body);
      const since = now();
      const known = conversations.get(contextId);
      let digests = known && digestsOf(body, parts);
      const placeOf = (digest: string): Span | undefined => {
        const found = known?.get(digest);
        if (!found || found.since <= since - maxAge) return undefined;
        known?.delete(digest);
        known?.set(digest, found);
        return found.place;
      };
      const cut = digests ? stated(body, parts, digests, placeOf) : { message: body, spans: [] };
      const stored = (offset: number) => {
        digests ??= digestsOf(body, parts);
        learn(contextId, placesOf(cut, parts, digests, offset), since);
        durable(contextId, offset, cut.message);
      };
      return { ...cut, stored };
    },
  };
};
