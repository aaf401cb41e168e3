import { expect, test } from 'vitest';
import { wholeSchema } from '../../schemas/index.ts';
import { type Codec, createCodec, localSchemaIds, type SchemaIds } from './codec.ts';

const data = { reason: 'CLIENT_GONE' as const };

const learned = async (codec: Codec, value: Buffer) => {
  await codec.learn([value]);
  return codec;
};

test("a value is in Confluent's wire format and comes back as it was", async () => {
  const codec = await createCodec(localSchemaIds(), ['CancelRequested']);
  const value = codec.encode('CancelRequested', data);
  expect(value[0]).toBe(0);
  expect(value.readUInt32BE(1)).toBe(await localSchemaIds().idOf('CancelRequested', {}));
  await learned(codec, value);
  expect({ ...codec.decode('CancelRequested', value) }).toEqual(data);
});

test('a value larger than the scratch buffer is whole', async () => {
  const codec = await createCodec(localSchemaIds(), ['ResponseChunk']);
  const chunk = { index: 0, attempt: 1, payload: Buffer.alloc(300_000, 7) };
  const value = codec.encode('ResponseChunk', chunk);
  await learned(codec, value);
  expect(codec.decode('ResponseChunk', value).payload.equals(chunk.payload)).toBe(true);
});

test('what a newer version wrote is read by this one: fields it does not know are left out, symbols it does not know defaulted', async () => {
  const newer = structuredClone(wholeSchema('CancelRequested'));
  newer.fields.push({ name: 'note', type: 'string', doc: 'new', default: '' });
  const reason = newer.fields[0]!.type as { symbols: string[] };
  reason.symbols.push('SOMETHING_NEW');
  const ids: SchemaIds = { idOf: async () => 77, schemaOf: async () => newer };
  const codec = await createCodec(ids, []);
  const avro = (await import('avsc')).default;
  const body = avro.Type.forSchema(newer as never).toBuffer({ reason: 'SOMETHING_NEW', note: 'hello' });
  const value = Buffer.concat([Buffer.from([0, 0, 0, 0, 77]), body]);
  await learned(codec, value);
  expect({ ...codec.decode('CancelRequested', value) }).toEqual({ reason: 'UNSPECIFIED' });
});

test.each([
  ['empty', Buffer.alloc(0)],
  ['of another format', Buffer.from('{"reason":1}')],
  ['of an unknown schema', Buffer.from([0, 0, 0, 200, 200, 1])],
  ['cut off', Buffer.from([0, 0, 0, 0, 1])],
])('a value that is %s is undecodable', async (_, value) => {
  const codec = await createCodec(localSchemaIds(), []);
  await codec.learn([value]);
  expect(() => codec.decode('RequestReceived', value)).toThrow(expect.objectContaining({ code: 'PARLEY_UNDECODABLE' }));
});

test('a type that this process did not ask to write is refused', async () => {
  const codec = await createCodec(localSchemaIds(), []);
  expect(() => codec.encode('CancelRequested', data)).toThrow('does not write');
});

test.each([
  ['more headers than bytes', 'EventDeadLettered', [0, 0, 0, 0, 0, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x40]],
  ['an int of more than 32 bits', 'ResponseChunk', [0x80, 0x80, 0x80, 0x80, 0x40, 0, 0]],
] as const)('a value with %s is undecodable', async (_, type, bytes) => {
  const ids = localSchemaIds();
  const codec = await createCodec(ids, []);
  const value = Buffer.from([0, 0, 0, 0, await ids.idOf(type, {}), ...bytes]);
  await learned(codec, value);
  expect(() => codec.decode(type, value)).toThrow(expect.objectContaining({ code: 'PARLEY_UNDECODABLE' }));
});
