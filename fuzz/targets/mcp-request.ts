/** What clients of MCP ask, from the JSON of their params to the record of it, and to what the outbound edge reads there. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { wholeSchema } from '../../schemas/index.ts';
import { type AskedMethod, asked } from '../../services/edge-mcp/inbound/asked.ts';
import { namesAt } from '../../services/edge-mcp/inbound/names.ts';
import { McpProblem } from '../../services/edge-mcp/inbound/problems.ts';
import { createCodec, localSchemaIds } from '../../services/runtime/codec.ts';
import { noLimits } from '../../services/runtime/configuration.ts';
import { argumentsOf } from '../../services/runtime/mcp/arguments.ts';
import { foldDefinition, noDefinitions } from '../../services/runtime/mcp/definitions.ts';
import { readRequest, writeRequest } from '../../services/runtime/mcp/message.ts';
import { requestForTests } from '../../services/runtime/request-for-tests.ts';
import { holds, type Target } from '../target.ts';

const methods: readonly AskedMethod[] = [
  'tools/call',
  'prompts/get',
  'resources/read',
  'resources/subscribe',
  'completion/complete',
];
const definitions = noDefinitions();
for (const [kind, name] of [
  ['TOOL', 'read'],
  ['PROMPT', 'summary'],
  ['RESOURCE', 'test://one'],
  ['RESOURCE_TEMPLATE', 'test://{id}/{+path}'],
] as const) {
  const data = { server: 'files', kind, name, definition: Buffer.from('{}'), digest: 'd', findings: [] };
  foldDefinition(definitions, { type: 'DefinitionObserved', data });
  const review = { verdict: 'APPROVED' as const, by: 'mesh', note: '' };
  foldDefinition(definitions, { type: 'DefinitionReviewed', data: { ...data, ...review } });
}
const servers = ['files', 'web'].map((name) => ({
  name,
  connection: name,
  version: '1',
  deprecated: null,
  review: 'changes' as const,
  callsInFlight: 10,
  ...noLimits,
}));
const names = namesAt({ endpoints: [], servers }, definitions, '', () => undefined)!;

const ids = localSchemaIds();
const codec = await createCodec(ids, ['RequestReceived']);
const frame = Buffer.alloc(5);
frame.writeUInt32BE(await ids.idOf('RequestReceived', wholeSchema('RequestReceived')), 1);
await codec.learn([frame]);

const jsonOf = (bytes: Buffer): unknown => {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
};

/** Leaves of JSON, as far as arguments are looked into. */
const leaves = (value: unknown, depth = 0): number => {
  if (typeof value !== 'object' || value === null || depth === 64) return 1;
  return Object.values(value).reduce<number>((sum, one) => sum + leaves(one, depth + 1), 0);
};

const checkArguments = (given: unknown) => {
  const found = argumentsOf(given);
  const texts = Object.values(found);
  holds(
    texts.every((text) => typeof text === 'string'),
    'an argument is told as text',
    () => JSON.stringify(found),
  );
  const all = typeof given === 'object' && given !== null ? leaves(given) : 0;
  holds(texts.length === all, 'no argument stands in for another', () => `${texts.length} of ${all}`);
};

const checkRecord = (one: ReturnType<typeof asked>) => {
  const message = writeRequest({ method: one.method, params: one.params });
  const again = readRequest(message);
  const isSame = again.method === one.method && isDeepStrictEqual(again.params, JSON.parse(JSON.stringify(one.params)));
  holds(isSame, 'what was asked is read as it was written', () => message.toString());
  const request = requestForTests({
    id: 'r',
    contextId: 'c',
    subject: { tenant: 't', unit: 'u', agent: 'a', person: 'p', credential: 'k', actors: [] },
    action: one.action,
    resource: { type: one.type, id: `${one.server}/${one.own}` },
    protocol: 'mcp',
    deadline: 1,
    repeatable: one.repeatable,
    streaming: true,
    message,
    arguments: argumentsOf(one.arguments),
  });
  const kept = codec.decode('RequestReceived', codec.encode('RequestReceived', { request }));
  holds(
    isDeepStrictEqual({ ...kept.request.arguments }, { ...request.arguments }),
    'arguments are in the log as they were said',
    () => JSON.stringify(request.arguments),
  );
  holds(kept.request.message.equals(message), 'a message is in the log as it was written');
};

const name = fc.constantFrom('files__read', 'files__summary', 'web__no', '__', 'files__', 'test://one', 'test://a/b/c');
const params = fc.record(
  {
    name: fc.oneof(name, fc.jsonValue()),
    uri: fc.oneof(name, fc.jsonValue()),
    arguments: fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue()),
    ref: fc.oneof(
      fc.record({ type: fc.constantFrom('ref/prompt', 'ref/resource', 'x'), name, uri: name }),
      fc.jsonValue(),
    ),
    argument: fc.oneof(fc.record({ name: fc.string(), value: fc.string() }), fc.jsonValue()),
    _meta: fc.jsonValue(),
  },
  { requiredKeys: [] },
);

/** The first byte says what is asked; the rest is its params. */
export const target: Target = {
  name: 'mcp-request',
  dictionary: [
    ...['"name":', '"files__read"', '"files__summary"', '"arguments":{', '"uri":', '"test://one"', '"test://a/b"'],
    ...['"ref":{"type":"ref/prompt",', '"ref":{"type":"ref/resource",', '"argument":{"name":"a","value":"b"}'],
    ...['"_meta":{', '"__proto__":', '"constructor":', '"a.b":', '"\\\\":', '\\ud800', '1e999', '[[[[[[[[', '{"a":'],
  ],
  structured: fc
    .tuple(fc.nat(methods.length - 1), params)
    .map(([which, json]) => Buffer.concat([Buffer.from([which]), Buffer.from(JSON.stringify(json))])),
  run: (input) => {
    const method = methods[(input[0] ?? 0) % methods.length]!;
    const given = jsonOf(input.subarray(1));
    let one: ReturnType<typeof asked>;
    try {
      checkArguments(given);
      one = asked(names, '', method, given);
    } catch (error) {
      // `received` says of what is nested too deeply that its params are not good.
      if (error instanceof McpProblem || error instanceof RangeError) return;
      throw error;
    }
    checkRecord(one);
  },
};
