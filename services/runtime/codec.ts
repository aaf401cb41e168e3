/**
 * Events' data ↔ Avro in Confluent's wire format: a zero byte, the writer schema's id (4 bytes, big endian), the value.
 * Data is read with this version's schema whatever schema it was written with; the resolver is made once per writer id.
 */
import avro from 'avsc';
import { wholeSchema } from '../../schemas/index.ts';
import type { EventData, EventType } from '../../topics/index.ts';
import { topicOf } from '../../topics/index.ts';
import { RuntimeError } from './errors.ts';
import './avro-bounds.ts';

/** Where schema ids come from: a registry, or numbers given out locally. */
export interface SchemaIds {
  /** @throws RuntimeError PARLEY_NOT_APPLIED when the schema is not registered. */
  idOf(type: EventType, schema: object): Promise<number>;
  /** The schema of an id; undefined when there is none of that id. */
  schemaOf(id: number): Promise<object | undefined>;
}

export interface Codec {
  encode<T extends EventType>(type: T, data: EventData[T]): Buffer;
  /** @throws RuntimeError PARLEY_UNDECODABLE */
  decode<T extends EventType>(type: T, value: Buffer): EventData[T];
  /** Whether the writer schema of a value is known, or there is none to know. */
  knows(value: Buffer | null): boolean;
  /** Asks for the writer schemas of these values, where they are not known yet. Decoding needs no waiting after that. */
  learn(values: Iterable<Buffer | null>): Promise<void>;
}

const FRAME = 5;
/** For how long a registry is not asked again for an id that it did not know: one that lags behind may know it later. */
const UNKNOWN_MS = 30_000;
const eventTypes = Object.keys(topicOf) as EventType[];

/** A codec that can write `writes`, and read every event. */
export const createCodec = async (ids: SchemaIds, writes: readonly EventType[]): Promise<Codec> => {
  const types = new Map(eventTypes.map((type) => [type, avro.Type.forSchema(wholeSchema(type) as avro.Schema)]));
  const idOf = new Map(
    await Promise.all(writes.map(async (type) => [type, await ids.idOf(type, wholeSchema(type))] as const)),
  );
  const writers = new Map<number, avro.Type | 'none'>();
  const askedAt = new Map<number, number>();
  const resolvers = new Map<string, { resolver: unknown }>();
  let scratch = Buffer.allocUnsafe(64 * 1024);

  const resolverOf = (type: EventType, reader: avro.Type, id: number) => {
    const key = `${id} ${type}`;
    const known = resolvers.get(key);
    if (known) return known;
    const writer = writers.get(id);
    if (writer === undefined || writer === 'none') throw new Error(`schema id ${id} is not in the registry`);
    const made = { resolver: reader.createResolver(writer) };
    resolvers.set(key, made);
    return made;
  };

  const knows = (value: Buffer | null): boolean => {
    if (!value || value.length < FRAME || value[0] !== 0) return true;
    const id = value.readUInt32BE(1);
    const known = writers.get(id);
    return known !== undefined && (known !== 'none' || Date.now() - (askedAt.get(id) ?? 0) < UNKNOWN_MS);
  };

  return {
    encode: (type, data) => {
      const avroType = types.get(type);
      const id = idOf.get(type);
      if (!avroType || id === undefined) throw new Error(`this process does not write ${type}`);
      let end = avroType.encode(data, scratch, FRAME);
      if (end < 0) {
        scratch = Buffer.allocUnsafe(2 * (scratch.length - end));
        end = avroType.encode(data, scratch, FRAME);
      }
      const value = Buffer.from(scratch.subarray(0, end));
      value[0] = 0;
      value.writeUInt32BE(id, 1);
      return value;
    },
    decode: (type, value) => {
      const reader = types.get(type);
      if (!reader) throw new RuntimeError('PARLEY_UNDECODABLE', `this version does not know ${type}`);
      if (value.length < FRAME || value[0] !== 0)
        throw new RuntimeError('PARLEY_UNDECODABLE', "not in Confluent's wire format");
      try {
        const { resolver } = resolverOf(type, reader, value.readUInt32BE(1)) as { resolver: never };
        return reader.fromBuffer(value.subarray(FRAME), resolver) as never;
      } catch (error) {
        throw new RuntimeError('PARLEY_UNDECODABLE', `not a ${type}: ${(error as Error).message}`, error);
      }
    },
    knows,
    learn: async (values) => {
      for (const value of values) {
        if (!value || knows(value)) continue;
        const id = value.readUInt32BE(1);
        const schema = await ids.schemaOf(id);
        askedAt.set(id, Date.now());
        writers.set(id, schema ? typeOrNone(schema) : 'none');
      }
    },
  };
};

/** A registry may hold what Avro does not know: a value of such an id is undecodable, nothing worse. */
const typeOrNone = (schema: object): avro.Type | 'none' => {
  try {
    return avro.Type.forSchema(schema as avro.Schema);
  } catch {
    return 'none';
  }
};

/** Ids given out in this process, one per event type: for the memory log. */
export const localSchemaIds = (): SchemaIds => ({
  idOf: async (type) => eventTypes.indexOf(type) + 1,
  schemaOf: async (id) => {
    const type = eventTypes[id - 1];
    return type && wholeSchema(type);
  },
});
