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
  { offsets, prefix }: Pick<KafkaLogContext, 'offsets' | 'prefix'>,
  topics: readonly TopicName[],
  { from, partitions }: Pick<TailOptions, 'from' | 'partitions'>,
): Promise<Range[]> => {
  const names = topics.map((topic) => prefix + topic);
  const bounds = await offsets.bounds(names);
  const since = typeof from === 'object' ? await offsets.since(names, Math.max(0, from.time)) : undefined;
  return topics.flatMap((topic) => {
    const ends = bounds.get(prefix + topic) ?? [];
    const wanted = ends.filter((p) => partitions?.includes(p.partition) ?? true);
    return wanted.map(({ partition, low, high: end }): Range => {
      if (from === 'end') return { topic, partition, start: end, end };
      if (from === 'beginning') return { topic, partition, start: low, end };
      const first = Math.min(since?.get(prefix + topic)?.get(partition) ?? end, end - (from.atLeastLast ?? 0));
      return { topic, partition, start: Math.max(low, first), end };
    });
  });
};
