import { AssignerProtocol, type PartitionAssigner } from 'kafkajs';

const NAME = 'parley-copartition';

/**
 * Gives partition p of every topic to the same member, so that a member owns whole conversations.
 * @param wanted the only partitions to assign; default all.
 */
export const copartition =
  (wanted?: readonly number[]): PartitionAssigner =>
  ({ cluster }) => ({
    name: NAME,
    version: 0,
    assign: async ({ members, topics }) => {
      const ids = members.map(({ memberId }) => memberId).sort();
      const assignment = new Map<string, Record<string, number[]>>(ids.map((id) => [id, {}]));
      for (const topic of topics)
        for (const { partitionId } of cluster.findTopicPartitionMetadata(topic)) {
          if (wanted && !wanted.includes(partitionId)) continue;
          const owned = assignment.get(ids[partitionId % ids.length]!)!;
          owned[topic] = [...(owned[topic] ?? []), partitionId];
        }
      return [...assignment].map(([memberId, owned]) => ({
        memberId,
        memberAssignment: AssignerProtocol.MemberAssignment.encode({
          version: 0,
          assignment: owned,
          userData: Buffer.alloc(0),
        }),
      }));
    },
    protocol: ({ topics }) => ({
      name: NAME,
      metadata: AssignerProtocol.MemberMetadata.encode({ version: 0, topics, userData: Buffer.alloc(0) }),
    }),
  });
