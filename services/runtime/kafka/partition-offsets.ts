import type { TopicName } from '../../../topics/index.ts';
import type { TailOptions } from '../log.ts';
import type { KafkaLogContext } from './shared.ts';

export interface Range {
  topic: TopicName;
  partition: number;
  /** The first offset to read. */
  start: number;
  /** The offset after the last record that was there. */
  end: number;
}

/** What a tail begins with: for each partition, where it starts and where the log ended just now. */
export const rangesOf = async (
  { admin, prefix }: KafkaLogContext,
  topics: readonly TopicName[],
  { from, partitions }: Pick<TailOptions, 'from' | 'partitions'>,
): Promise<Range[]> => {
  const ranges = topics.map(async (topic) => {
    const ends = await admin.fetchTopicOffsets(prefix + topic);
    const wanted = ends.filter((p) => partitions?.includes(p.partition) ?? true);
    const byTime = new Map<number, number>();
    if (typeof from === 'object')
      for (const found of await admin.fetchTopicOffsetsByTimestamp(prefix + topic, Math.max(0, from.time)))
        byTime.set(found.partition, Number(found.offset));
    return wanted.map(({ partition, low, high }): Range => {
      const end = Number(high);
      if (from === 'end') return { topic, partition, start: end, end };
      if (from === 'beginning') return { topic, partition, start: Number(low), end };
      const at = byTime.get(partition) ?? end;
      const first = Math.min(at < 0 ? end : at, end - (from.atLeastLast ?? 0));
      return { topic, partition, start: Math.max(Number(low), first), end };
    });
  });
  return (await Promise.all(ranges)).flat();
};
