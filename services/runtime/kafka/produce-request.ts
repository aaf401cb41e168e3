/**
 * A produce request of kafkajs, written in one pass: kafkajs copies each record through an encoder of its own for the batch,
 * the partition, the topic and the request. Kafka protocol: Produce request v3 to v8, record batch v2.
 */
import { createRequire } from 'node:module';
import { crc32c } from './crc32c.ts';
import { encodeRecord } from './record-encoding.ts';

type Bytes = Buffer | string | null | undefined;

interface Message {
  key?: Bytes;
  value?: Bytes;
  headers?: Record<string, Bytes | Bytes[]>;
  timestamp?: string | undefined;
}

interface PartitionData {
  partition: number;
  messages: Message[];
  firstSequence?: number;
}

interface Produce {
  acks: number;
  timeout: number;
  transactionalId?: string | null;
  producerId?: unknown;
  producerEpoch?: number;
  compression?: number;
  topicData: { topic: string; partitions: PartitionData[] }[];
}

interface Encoded {
  buf: Buffer;
  buffer: Buffer;
  size(): number;
}

interface Request {
  encode(): Promise<Encoded>;
}

const require = createRequire(import.meta.url);
const REQUEST = require.resolve('kafkajs/src/protocol/requests/produce/v3/request');

/** Of a batch, before its records. */
const OVERHEAD = 61;
/** Its offset and its length, which the length does not count. */
const BEFORE_LENGTH = 12;
/** Where what the checksum covers begins. */
const SUMMED = 21;
const MAGIC = 2;

/** An id of a producer: a number, its digits, or kafkajs's own 64 bits, which print as digits. */
const long = (value: unknown): bigint => BigInt(String(value ?? -1));

const writeBatch = (
  to: Buffer,
  from: number,
  records: readonly Encoded[],
  { firstSequence = 0 }: PartitionData,
  { producerId, producerEpoch = 0 }: Produce,
  time: number,
): number => {
  let at = to.writeBigInt64BE(0n, from);
  const lengthAt = at;
  at = to.writeInt32BE(0, at);
  // The leader's epoch, which it fills in.
  at = to.writeInt32BE(0, at);
  at = to.writeInt8(MAGIC, at);
  const sumAt = at;
  // No compression, times of the producer, no transaction.
  at = to.writeInt16BE(0, at + 4);
  at = to.writeInt32BE(records.length - 1, at);
  at = to.writeBigInt64BE(BigInt(time), at);
  at = to.writeBigInt64BE(BigInt(time), at);
  at = to.writeBigInt64BE(long(producerId), at);
  at = to.writeInt16BE(producerEpoch, at);
  at = to.writeInt32BE(firstSequence, at);
  at = to.writeInt32BE(records.length, at);
  for (const { buffer } of records) at += buffer.copy(to, at);
  to.writeInt32BE(at - from - BEFORE_LENGTH, lengthAt);
  to.writeUInt32BE(crc32c(to.subarray(from + SUMMED, at)), sumAt);
  return at;
};

const encode = (produce: Produce): Encoded => {
  const time = Date.now();
  const topics = produce.topicData.map(({ topic, partitions }) => ({
    name: Buffer.from(topic),
    partitions: partitions.map((data) => {
      const records = data.messages.map(({ key, value, headers = {} }, offsetDelta) =>
        encodeRecord({ key, value, headers, offsetDelta, timestampDelta: 0 }),
      );
      return { data, records, size: records.reduce((sum, { buffer }) => sum + buffer.length, OVERHEAD) };
    }),
  }));
  const sizeOfTopic = ({ name, partitions }: (typeof topics)[number]) =>
    partitions.reduce((sum, { size }) => sum + 8 + size, 6 + name.length);
  const to = Buffer.allocUnsafe(topics.reduce((sum, topic) => sum + sizeOfTopic(topic), 12));
  // No transactional id.
  let at = to.writeInt16BE(-1, 0);
  at = to.writeInt16BE(produce.acks, at);
  at = to.writeInt32BE(produce.timeout, at);
  at = to.writeInt32BE(topics.length, at);
  for (const { name, partitions } of topics) {
    at = to.writeInt16BE(name.length, at);
    at += name.copy(to, at);
    at = to.writeInt32BE(partitions.length, at);
    for (const { data, records, size } of partitions) {
      at = to.writeInt32BE(data.partition, at);
      at = to.writeInt32BE(size, at);
      at = writeBatch(to, at, records, data, produce, time);
    }
  }
  return { buf: to, buffer: to, size: () => to.length };
};

const requestOfKafkajs = require(REQUEST) as (produce: Produce) => Request;

/** As kafkajs has it. What the mesh does not do, compression, transactions and times of its own, it leaves to kafkajs. */
export const produceRequest = (produce: Produce): Request => {
  const request = requestOfKafkajs(produce);
  const { transactionalId, compression = 0, topicData } = produce;
  const plain = !transactionalId && compression === 0;
  const isDated = topicData.some(({ partitions }) =>
    partitions.some(({ messages }) => messages.some(({ timestamp }) => timestamp != null)),
  );
  return plain && !isDated ? { ...request, encode: async () => encode(produce) } : request;
};

require.cache[REQUEST]!.exports = produceRequest;
