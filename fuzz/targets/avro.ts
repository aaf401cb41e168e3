/** Values of records: Avro in Confluent's wire format, read with this version's schemas. */
import { isDeepStrictEqual } from 'node:util';
import avro from 'avsc';
import fc from 'fast-check';
import { wholeSchema } from '../../schemas/index.ts';
import { createCodec, localSchemaIds } from '../../services/runtime/codec.ts';
import { RuntimeError } from '../../services/runtime/errors.ts';
import { type EventType, topicOf } from '../../topics/index.ts';
import { Broken, holds, type Target } from '../target.ts';

const types = Object.keys(topicOf).sort() as EventType[];
const ids = localSchemaIds();
const codec = await createCodec(ids, types);
const frames = await Promise.all(
  types.map(async (type) => {
    const frame = Buffer.alloc(5);
    frame.writeUInt32BE(await ids.idOf(type, wholeSchema(type)), 1);
    return frame;
  }),
);
await codec.learn(frames);
const avroTypes = types.map((type) => avro.Type.forSchema(wholeSchema(type) as avro.Schema));

/** The first byte says which type the record's headers name, the second by which schema it says that it was written. */
export const target: Target = {
  name: 'avro',
  libraries: ['avsc'],
  structured: fc.nat(types.length - 1).map((of) => {
    const value = avroTypes[of]!.toBuffer(avroTypes[of]!.random());
    return Buffer.concat([Buffer.from([of, of]), value]);
  }),
  run: (input) => {
    const type = types[(input[0] ?? 0) % types.length]!;
    const frame = frames[(input[1] ?? 0) % frames.length]!;
    const value = Buffer.concat([frame, input.subarray(2)]);
    let data: ReturnType<typeof codec.decode>;
    try {
      data = codec.decode(type, value);
    } catch (error) {
      if (error instanceof RuntimeError && error.code === 'PARLEY_UNDECODABLE') return;
      throw error;
    }
    let again: typeof data;
    try {
      again = codec.decode(type, codec.encode(type, data));
    } catch (error) {
      throw new Broken('what was decoded can be encoded', `${type}: ${(error as Error).message}`);
    }
    holds(isDeepStrictEqual(again, data), 'what was decoded is the same when it is encoded and decoded', () => type);
  },
};
