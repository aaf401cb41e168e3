import { agentOf, meshTopics, type TopicName } from '../../../topics/index.ts';
import { RuntimeError } from '../errors.ts';
import type { TopicOffsets } from './topic-offsets.ts';

/** How many partitions topics have, as Kafka says. */
export interface PartitionCounts {
  /** Undefined where it has to be learned first. */
  of(topic: TopicName): number | undefined;
  /**
   * Asks Kafka. Who learns of one topic at the same time goes on in the order of the calls.
   * @throws RuntimeError PARLEY_NOT_APPLIED where an agent's topic does not exist, PARLEY_LOG_UNAVAILABLE where one of the mesh's
   * does not, or Kafka did not say.
   */
  learn(topics: readonly TopicName[]): Promise<Map<TopicName, number>>;
}

export const createPartitionCounts = (
  offsets: Pick<TopicOffsets, 'partitionsOf' | 'partitionsKnown'>,
  prefix: string,
): PartitionCounts => {
  const known = new Map(
    meshTopics.flatMap((topic) => {
      const count = offsets.partitionsKnown(prefix + topic);
      return count === undefined ? [] : [[topic as TopicName, count]];
    }),
  );
  const asked = new Map<TopicName, Promise<number>>();

  const ask = async (topic: TopicName): Promise<number> => {
    try {
      return await offsets.partitionsOf(prefix + topic);
    } catch (error) {
      if ((error as { type?: unknown }).type === 'UNKNOWN_TOPIC_OR_PARTITION') {
        // The mesh cannot go on without its own; an agent's may be gone with the agent.
        const code = agentOf(topic) === undefined ? 'PARLEY_LOG_UNAVAILABLE' : 'PARLEY_NOT_APPLIED';
        throw new RuntimeError(code, `there is no topic ${topic}: run \`parley topics apply\``, error);
      }
      throw new RuntimeError('PARLEY_LOG_UNAVAILABLE', `Kafka did not say how many partitions ${topic} has`, error);
    }
  };
  const learnOne = (topic: TopicName): Promise<number> => {
    const before = asked.get(topic);
    if (before !== undefined) return before;
    const answer = ask(topic);
    asked.set(topic, answer);
    answer
      // In a later turn: whoever waits for it goes on before anybody who did not have to wait.
      .then((count) => setImmediate(() => known.set(topic, count)))
      .catch(() => {})
      .finally(() => setImmediate(() => asked.delete(topic)));
    return answer;
  };

  return {
    of: (topic) => known.get(topic),
    learn: async (topics) => {
      const names = [...new Set(topics)];
      const counts = await Promise.all(names.map(learnOne));
      return new Map(names.map((name, i) => [name, counts[i]!]));
    },
  };
};
