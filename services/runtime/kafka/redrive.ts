import type { Logger } from 'pino';
import type { EventDeadLettered } from '../../../schemas/generated.ts';
import { createKafka, type KafkaOptions } from './connection.ts';

/**
 * Puts a dead letter's record back: on its topic and partition, with its key, headers and value as they were.
 * @returns its new offset. @throws when Kafka does not confirm it.
 */
export const redrive = async (
  { kafka, topicPrefix, logger }: { kafka: KafkaOptions; topicPrefix: string; logger: Logger },
  { topic, partition, recordKey, recordValue, recordHeaders }: EventDeadLettered,
): Promise<number> => {
  const producer = createKafka(kafka, logger).producer({ idempotent: true, allowAutoTopicCreation: false });
  await producer.connect();
  try {
    const message = { partition, key: recordKey, value: recordValue, headers: recordHeaders };
    const [written] = await producer.send({ topic: topicPrefix + topic, acks: -1, messages: [message] });
    return Number(written?.baseOffset);
  } finally {
    await producer.disconnect();
  }
};
