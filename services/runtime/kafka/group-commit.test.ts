import type { Kafka, ProducerBatch, RecordMetadata } from 'kafkajs';
import { expect, test, vi } from 'vitest';
import { createGroupCommit, type Outgoing } from './group-commit.ts';

const PARTITION_LIMIT = 1_048_588;

interface Fake {
  sent: ProducerBatch[];
  /** How many of the next connections fail. */
  refusals: number;
  /** What is done with a send instead of answering for all of it. */
  answer?: ((batch: ProducerBatch) => RecordMetadata[]) | undefined;
}

const answerAll = (batch: ProducerBatch): RecordMetadata[] =>
  (batch.topicMessages ?? []).flatMap(({ topic, messages }) =>
    [...new Set(messages.map((m) => m.partition!))].map((partition) => {
      const bytes = messages
        .filter((m) => m.partition === partition)
        .reduce((sum, { key, value, headers }) => sum + `${key}${value}${JSON.stringify(headers ?? {})}`.length, 0);
      if (bytes > PARTITION_LIMIT) throw new Error('MESSAGE_TOO_LARGE');
      return { topicName: topic, partition, errorCode: 0, baseOffset: '0' };
    }),
  );

/** A Kafka that measures what goes to a partition in one request as a whole, as Kafka does. */
const kafkaOf = (fake: Fake): Kafka => {
  const producer = () => {
    let connected = false;
    return {
      connect: async () => {
        if (fake.refusals-- > 0) throw new Error('refused');
        connected = true;
      },
      disconnect: async () => {
        connected = false;
      },
      sendBatch: async (batch: ProducerBatch) => {
        if (!connected) throw new Error('The producer is disconnected');
        fake.sent.push(batch);
        return (fake.answer ?? answerAll)(batch);
      },
    };
  };
  return { producer } as unknown as Kafka;
};

const record = (topic: string, partition = 0, key = 'k'): Outgoing => ({
  topic,
  message: { key, value: Buffer.alloc(200), headers: { ce_subject: key }, partition },
  landed: () => {},
});

test('many small appends to one partition are not too large together', async () => {
  const fake: Fake = { sent: [], refusals: 0 };
  const commit = await createGroupCommit(kafkaOf(fake));
  const key = 'k'.repeat(300);
  await Promise.all(Array.from({ length: 2_500 }, () => commit.append([record('t', 3, key)], undefined)));
  expect(fake.sent.flatMap((b) => b.topicMessages ?? []).flatMap((t) => t.messages)).toHaveLength(2_500);
  await commit.close();
});

test('what Kafka did not answer for is not taken for durable', async () => {
  const fake: Fake = { sent: [], refusals: 0, answer: (batch) => answerAll(batch).slice(1) };
  const commit = await createGroupCommit(kafkaOf(fake));
  await expect(commit.append([record('a'), record('b')], undefined)).rejects.toThrow('Kafka did not confirm');
  await commit.close();
});

test('after a failed send it is healthy as soon as it is connected, whether or not anything is appended', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const fake: Fake = { sent: [], refusals: 0 };
  const commit = await createGroupCommit(kafkaOf(fake));
  fake.answer = () => {
    fake.refusals = 1;
    throw new Error('gone');
  };
  await expect(commit.append([record('a')], undefined)).rejects.toThrow();
  fake.answer = undefined;
  vi.advanceTimersByTime(60_000);
  expect(commit.healthy()).toBe(false);
  vi.useRealTimers();
  await commit.append([record('a')], undefined);
  expect(commit.healthy()).toBe(true);
  fake.answer = () => {
    throw new Error('refused');
  };
  await expect(commit.append([record('a')], undefined)).rejects.toThrow();
  vi.useFakeTimers({ toFake: ['performance'] });
  await new Promise((resolve) => setTimeout(resolve, 20));
  vi.advanceTimersByTime(60_000);
  expect(commit.healthy()).toBe(true);
  vi.useRealTimers();
  await commit.close();
});
