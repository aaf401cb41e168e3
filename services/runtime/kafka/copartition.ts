import { AssignerProtocol, type PartitionAssigner } from 'kafkajs';

const NAME = 'parley-copartition';

export interface Claim {
  memberId: string;
  /** The partitions that it owns. */
  owned: readonly number[];
}

/**
 * Shares partitions out: evenly, and each to who owns it wherever that is even, so that as few conversations as possible
 * change hands. Where two claim one, as after a network split, neither is believed.
 */
export const shareOut = (members: readonly Claim[], partitions: readonly number[]): Map<string, number[]> => {
  const claims = [...members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
  const shares = new Map<string, number[]>(claims.map(({ memberId }) => [memberId, []]));
  if (claims.length === 0) return shares;
  const [few, more] = [Math.floor(partitions.length / claims.length), partitions.length % claims.length];
  const claimed = new Map<number, string[]>();
  for (const { memberId, owned } of claims)
    for (const partition of owned) claimed.set(partition, [...(claimed.get(partition) ?? []), memberId]);
  let larger = 0;
  const free: number[] = [];
  for (const partition of [...partitions].sort((a, b) => a - b)) {
    const [owner, ...others] = claimed.get(partition) ?? [];
    const share = owner !== undefined && others.length === 0 ? shares.get(owner) : undefined;
    if (share && share.length < few) share.push(partition);
    else if (share && share.length === few && larger < more) {
      larger += 1;
      share.push(partition);
    } else free.push(partition);
  }
  for (const partition of free) {
    const least = [...shares.values()].reduce((a, b) => (b.length < a.length ? b : a));
    least.push(partition);
  }
  return shares;
};

const encodeOwned = (owned: readonly number[]) => Buffer.from(JSON.stringify(owned));

const decodeOwned = (userData: Buffer): number[] => {
  try {
    const owned: unknown = JSON.parse(userData.toString());
    return Array.isArray(owned) ? owned.filter((p) => Number.isInteger(p)) : [];
  } catch {
    return [];
  }
};

/** Gives partition p of every topic to the same member, so that a member owns whole conversations. */
export const copartition =
  ({ owned }: { owned(): readonly number[] }): PartitionAssigner =>
  ({ cluster }) => ({
    name: NAME,
    version: 0,
    assign: async ({ members, topics }) => {
      const claims = members.map(({ memberId, memberMetadata }) => ({
        memberId,
        owned: decodeOwned(AssignerProtocol.MemberMetadata.decode(memberMetadata)?.userData ?? Buffer.alloc(0)),
      }));
      const partitionsOf = (topic: string) =>
        cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId);
      const all = [...new Set(topics.flatMap(partitionsOf))];
      return [...shareOut(claims, all)].map(([memberId, share]) => ({
        memberId,
        memberAssignment: AssignerProtocol.MemberAssignment.encode({
          version: 0,
          assignment: Object.fromEntries(
            topics.map((topic) => [topic, partitionsOf(topic).filter((p) => share.includes(p))]),
          ),
          userData: Buffer.alloc(0),
        }),
      }));
    },
    protocol: ({ topics }) => ({
      name: NAME,
      metadata: AssignerProtocol.MemberMetadata.encode({ version: 0, topics, userData: encodeOwned(owned()) }),
    }),
  });
