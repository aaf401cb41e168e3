import type { TopicName } from '../../../topics/index.ts';
import type { KafkaLogContext } from './shared.ts';

export interface Committed {
  topic: string;
  offset: number;
  /** Time of the last record before it, milliseconds since the epoch; 0 when nothing was ever committed. */
  time: number;
  /** Whether no record was left. */
  finished: boolean;
  /** Time of the first record that is left; now where none is. */
  since: number;
}

/**
 * Where a group is in these partitions: the time of the last finished record travels in the commit's metadata. A topic
 * that the group never read starts at its beginning.
 * @throws when Kafka did not answer for all of them.
 */
export const committedOf = async (
  { offsets: where, reader, prefix }: Pick<KafkaLogContext, 'offsets' | 'reader' | 'prefix'>,
  groupId: string,
  topics: readonly string[],
  partitions: readonly number[],
): Promise<Map<number, Committed[]>> => {
  const committed = await where.committed(groupId, topics);
  const boundsByTopic = await where.bounds(topics);
  const ofTopic = async (topic: string): Promise<[number, Committed][]> => {
    const bounds = boundsByTopic.get(topic) ?? [];
    const offsets = committed.get(topic) ?? [];
    const ofPartition = async ({ partition, low, high }: (typeof bounds)[number]): Promise<[number, Committed]> => {
      const found = offsets.find((o) => o.partition === partition);
      if (!found) throw new Error(`Kafka did not say where ${groupId} is in ${topic} ${partition}`);
      // kafkajs commits a negative one when the next record has expired.
      const known = Number(found.offset) >= 0;
      const offset = known ? Number(found.offset) : low;
      const time = known ? Number(found.metadata) || 0 : 0;
      if (offset >= high) return [partition, { topic, offset, time, finished: true, since: Date.now() }];
      const first = await reader.timeOf(topic.slice(prefix.length) as TopicName, partition, offset);
      return [partition, { topic, offset, time, finished: false, since: first ?? time }];
    };
    return Promise.all(bounds.filter(({ partition }) => partitions.includes(partition)).map(ofPartition));
  };
  const byPartition = new Map<number, Committed[]>(partitions.map((partition) => [partition, []]));
  for (const found of await Promise.all(topics.map(ofTopic)))
    for (const [partition, where] of found) byPartition.get(partition)?.push(where);
  return byPartition;
};
