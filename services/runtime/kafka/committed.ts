import type { KafkaLogContext } from './shared.ts';

export interface Committed {
  topic: string;
  offset: number;
  /** Time of the last record before it, milliseconds since the epoch; 0 when nothing was ever committed. */
  time: number;
  /** Whether no record was left: then its time, which may be long ago, says nothing about where work begins. */
  finished: boolean;
}

/**
 * Where a group is in these partitions: the time of the last finished record travels in the commit's metadata. A topic
 * that the group never read starts at its beginning.
 */
export const committedOf = async (
  { admin }: KafkaLogContext,
  groupId: string,
  topics: readonly string[],
  partitions: readonly number[],
): Promise<Map<number, Committed[]>> => {
  const committed = await admin.fetchOffsets({ groupId, topics: [...topics] });
  const bounds = new Map(
    await Promise.all(topics.map(async (topic) => [topic, await admin.fetchTopicOffsets(topic)] as const)),
  );
  const byPartition = new Map<number, Committed[]>(partitions.map((partition) => [partition, []]));
  for (const { topic, partitions: offsets } of committed)
    for (const { partition, offset, metadata } of offsets) {
      const bound = bounds.get(topic)?.find((b) => b.partition === partition);
      // kafkajs commits a negative one when the next record has expired.
      const known = Number(offset) >= 0;
      const at = known ? Number(offset) : Number(bound?.low ?? 0);
      const time = known ? Number(metadata) || 0 : 0;
      byPartition.get(partition)?.push({ topic, offset: at, time, finished: at >= Number(bound?.high ?? 0) });
    }
  return byPartition;
};
