import type { KafkaLogContext } from './shared.ts';

export interface Committed {
  topic: string;
  offset: number;
  /** Time of the last record before it, milliseconds since the epoch; 0 when nothing was ever committed. */
  time: number;
}

/**
 * Where a group is in these partitions: the time of the last finished record travels in the commit's metadata. A topic
 * that the group never read starts at its beginning; one that is empty says nothing about time.
 */
export const committedOf = async (
  { admin }: KafkaLogContext,
  groupId: string,
  topics: readonly string[],
  partitions: readonly number[],
): Promise<Map<number, Committed[]>> => {
  const committed = await admin.fetchOffsets({ groupId, topics: [...topics] });
  const byPartition = new Map<number, Committed[]>(partitions.map((partition) => [partition, []]));
  const missing = new Set(committed.flatMap((c) => (c.partitions.some((p) => Number(p.offset) < 0) ? [c.topic] : [])));
  const bounds = new Map(
    await Promise.all([...missing].map(async (topic) => [topic, await admin.fetchTopicOffsets(topic)] as const)),
  );
  for (const { topic, partitions: offsets } of committed)
    for (const { partition, offset, metadata } of offsets) {
      const found = byPartition.get(partition);
      if (!found) continue;
      // kafkajs commits a negative one when the next record has expired.
      if (Number(offset) >= 0) found.push({ topic, offset: Number(offset), time: Number(metadata) || 0 });
      else {
        const bound = bounds.get(topic)?.find((b) => b.partition === partition);
        const empty = !bound || bound.low === bound.high;
        found.push({ topic, offset: Number(bound?.low ?? 0), time: empty ? Number.MAX_SAFE_INTEGER : 0 });
      }
    }
  return byPartition;
};
