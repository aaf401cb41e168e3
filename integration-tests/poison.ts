import kafkajs from 'kafkajs';
import type { GovernanceOptions } from '../services/runtime/governance/index.ts';
import { meshTopicFiles } from '../topics/index.ts';

/** Puts records that nobody can read on every partition of every topic: rubbish, and rubbish under a good envelope. */
export const produceRaw = async ({ kafka, topicPrefix }: GovernanceOptions): Promise<void> => {
  const client = new kafkajs.Kafka({ brokers: kafka.brokers, logLevel: kafkajs.logLevel.NOTHING });
  const producer = client.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  const topicMessages = meshTopicFiles.map((topic) => ({
    topic: topicPrefix + topic.name,
    messages: Array.from({ length: topic.partitions }, (_, partition) => [
      { partition, key: 'poison', value: 'rubbish' },
      {
        partition,
        key: 'poison',
        value: 'rubbish',
        headers: {
          ce_id: `poison-${partition}`,
          ce_type: `mesh.${topic.events[0]}`,
          ce_time: new Date().toISOString(),
        },
      },
      { partition, key: null, value: null },
    ])
      .flat()
      .filter((m) => topic.cleanup === 'delete' || m.key !== null),
  }));
  await producer.sendBatch({ topicMessages });
  await producer.disconnect();
};
