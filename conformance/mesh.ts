/** The mesh's part on the topics of one agent: it says what a test wants said, and waits for what the agent says. */
import avro from 'avsc';
import { wholeSchema } from '../schemas/index.ts';
import { newId } from '../services/runtime/event.ts';
import type { KafkaOptions } from '../services/runtime/kafka/connection.ts';
import { partitionOfKey } from '../services/runtime/kafka/murmur2.ts';
import type { RegistryOptions } from '../services/runtime/registry.ts';
import type { EventData } from '../topics/index.ts';
import { createReader, type Heard, outboxTypes } from './heard.ts';
import { openRegistry } from './registry.ts';
import { type OutgoingRecord, openTopics } from './topics.ts';

export interface MeshOptions {
  agent: string;
  prefix: string;
  kafka: KafkaOptions;
  registry: RegistryOptions;
  /** Of topics that have to be made. */
  partitions: number;
  /** For how long one thing is waited for, milliseconds. */
  patience: number;
}

export const inboxTypes = [
  'MessageDelivered',
  'CallAnswered',
  'CallUpdated',
  'TimerElapsed',
  'CancelDelivered',
  'ReportReturned',
] as const;
export type InboxType = (typeof inboxTypes)[number];

export interface Mesh {
  readonly options: MeshOptions;
  readonly partitions: number;
  /** All of the outbox, in order within each partition. */
  readonly heard: readonly Heard[];
  /** The `ce_id`s of what was delivered. */
  readonly delivered: ReadonlySet<string>;
  /** The conversation of each task that was begun. */
  readonly contextOf: Map<string, string>;
  /** Makes a record of the inbox, with this data. */
  record<T extends InboxType>(type: T, key: string, data: EventData[T], correlationId: string): OutgoingRecord;
  /** Puts it into the inbox, as often as it is called. */
  deliver(record: OutgoingRecord): Promise<void>;
  /** The id of a schema, registered where it is not. */
  schemaId(subject: string, schema: object): Promise<number>;
  /** Resolves with what `find` finds, as soon as it does. @throws after `patience`, saying what was waited for. */
  until<T>(what: string, find: () => T | undefined | false): Promise<T>;
  close(): Promise<void>;
}

/** A value in Confluent's wire format. */
export const framed = (id: number, schema: object, data: unknown): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(id, 1);
  return Buffer.concat([head, avro.Type.forSchema(schema as avro.Schema).toBuffer(data)]);
};

const randomHex = (): string => newId().replaceAll('-', '');

export const openMesh = async (options: MeshOptions): Promise<Mesh> => {
  const { agent, prefix, kafka, patience } = options;
  const registry = openRegistry(options.registry);
  const ids = new Map<InboxType, number>();
  for (const type of inboxTypes) ids.set(type, await registry.idOf(`${prefix}mesh.${type}`, wholeSchema(type)));
  for (const type of outboxTypes) await registry.idOf(`${prefix}mesh.${type}`, wholeSchema(type));

  const heard: Heard[] = [];
  const delivered = new Set<string>();
  const contextOf = new Map<string, string>();
  const waiting = new Set<() => void>();
  const read = createReader(registry);
  const names = {
    inbox: `${prefix}agents.${agent}.inbox`,
    outbox: `${prefix}agents.${agent}.outbox`,
    group: `${prefix}conformance-${newId()}`,
  };
  const topics = await openTopics(kafka, names, options.partitions, async (raw) => {
    heard.push(await read(raw));
    for (const look of [...waiting]) look();
  });

  return {
    options,
    partitions: topics.partitions,
    heard,
    delivered,
    contextOf,
    record: (type, key, data, correlationId) => ({
      partition: partitionOfKey(key, topics.partitions),
      key: Buffer.from(key),
      value: framed(ids.get(type)!, wholeSchema(type), data),
      headers: {
        ce_specversion: '1.0',
        ce_id: newId(),
        ce_type: `mesh.${type}`,
        ce_source: 'conformance',
        ce_subject: key,
        ce_time: new Date().toISOString(),
        ce_correlationid: correlationId,
        ce_causationid: '',
        traceparent: `00-${randomHex()}-${randomHex().slice(16)}-01`,
        'content-type': 'application/avro',
      },
    }),
    deliver: async (record) => {
      await topics.deliver(record);
      if (record.headers.ce_id) delivered.add(record.headers.ce_id);
    },
    schemaId: registry.idOf,
    until: (what, find) =>
      new Promise((resolve, reject) => {
        const done = () => {
          waiting.delete(look);
          clearTimeout(timer);
        };
        const look = () => {
          try {
            const found = find();
            if (!found) return;
            done();
            resolve(found);
          } catch (error) {
            done();
            reject(error);
          }
        };
        const timer = setTimeout(() => {
          done();
          reject(new Error(`${what}: waited ${patience / 1_000} s in vain`));
        }, patience);
        waiting.add(look);
        look();
      }),
    close: topics.close,
  };
};
