/** Records' values: Avro in Confluent's wire format, a zero byte, the writer schema's id (4 bytes, big endian), the value. */
import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import avro from 'avsc';
import { wholeSchema } from '../../schemas/index.ts';
import type { Environment } from '../environment.ts';

const FRAME = 5;
const LOOK_MS = 5_000;
const INBOX = ['MessageDelivered', 'CallAnswered', 'CallUpdated', 'TimerElapsed', 'CancelDelivered', 'ReportReturned'];
const OUTBOX = ['AgentAnnounced', 'AgentReported', 'AgentCalled', 'AgentSlept', 'StepRecorded'];

export type Box = 'inbox' | 'outbox';
const boxes: Record<Box, readonly string[]> = { inbox: INBOX, outbox: OUTBOX };

export interface Codec {
  /** @param type one of the outbox. */
  encode(type: string, data: unknown): Buffer;
  /** With this version's schema, whatever schema it was written with. @throws Undecodable, or what the registry client throws. */
  decode(box: Box, type: string, value: Buffer): Promise<unknown>;
}

/** A value that is not what its headers say. */
export class Undecodable extends Error {
  override readonly name = 'Undecodable';
}

const notFound = (error: unknown): boolean => (error as { status?: unknown }).status === 404;

/** What answers 404 to everything, such as a proxy before a registry that is away, knows nothing of a schema. */
const isRegistry = async ({ registryUrl, registryAuth }: Environment): Promise<boolean> => {
  const basic = Buffer.from(`${registryAuth?.username}:${registryAuth?.password}`).toString('base64');
  const headers = registryAuth ? { authorization: `Basic ${basic}` } : {};
  const signal = AbortSignal.timeout(LOOK_MS);
  return (await fetch(`${registryUrl.replace(/\/$/, '')}/schemas/types`, { headers, signal })).ok;
};

/** @throws Error when the schemas are not in the registry. */
export const createCodec = async (environment: Environment): Promise<Codec> => {
  const { registryUrl, registryAuth, prefix } = environment;
  const registry = new SchemaRegistry({
    host: registryUrl,
    ...(registryAuth ? { auth: { ...registryAuth } } : {}),
    retry: { retries: 4, initialRetryTimeInSecs: 0.2, maxRetryTimeInSecs: 2 },
  });
  const types = new Map(
    [...INBOX, ...OUTBOX].map((name) => [name, avro.Type.forSchema(wholeSchema(name) as avro.Schema)]),
  );
  const idOf = async (name: string): Promise<number> => {
    const schema = JSON.stringify(wholeSchema(name));
    const subject = `${prefix}mesh.${name}`;
    return await registry.getRegistryIdBySchema(subject, { type: SchemaType.AVRO, schema }).catch((cause: unknown) => {
      throw new Error(`${subject} is not in the registry at ${registryUrl}: is the mesh's, and of this version?`, {
        cause,
      });
    });
  };
  const ids = new Map(await Promise.all(OUTBOX.map(async (name) => [name, await idOf(name)] as const)));
  const resolvers = new Map<string, unknown>();

  const writerOf = async (id: number): Promise<avro.Type> => {
    try {
      return (await registry.getSchema(id)) as avro.Type;
    } catch (error) {
      if (notFound(error) && (await isRegistry(environment)))
        throw new Undecodable(`the registry has no schema of id ${id}`);
      throw error;
    }
  };

  const resolverOf = async (name: string, reader: avro.Type, id: number): Promise<unknown> => {
    const key = `${id} ${name}`;
    if (!resolvers.has(key)) {
      const writer = await writerOf(id);
      try {
        resolvers.set(key, reader.createResolver(writer));
      } catch (error) {
        throw new Undecodable(`the schema of id ${id} is none of a ${name}: ${(error as Error).message}`);
      }
    }
    return resolvers.get(key);
  };

  return {
    encode: (name, data) => {
      const value = types.get(name)!.toBuffer(data);
      const framed = Buffer.allocUnsafe(FRAME + value.length);
      framed[0] = 0;
      framed.writeUInt32BE(ids.get(name)!, 1);
      value.copy(framed, FRAME);
      return framed;
    },
    decode: async (box, name, value) => {
      const reader = boxes[box].includes(name) ? types.get(name) : undefined;
      if (!reader) throw new Undecodable(`this version knows no ${name} in an ${box}`);
      if (value.length < FRAME || value[0] !== 0) throw new Undecodable("not in Confluent's wire format");
      const resolver = await resolverOf(name, reader, value.readUInt32BE(1));
      try {
        return reader.fromBuffer(value.subarray(FRAME), resolver as never);
      } catch (error) {
        throw new Undecodable(`not a ${name}: ${(error as Error).message}`);
      }
    },
  };
};
