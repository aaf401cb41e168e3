/** What MCP servers say that they offer, as the catalogue reads, judges, compares and shows it. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { assess, assessText } from '../../services/edge-mcp/catalogue/assess.ts';
import { difference, inWords, visible } from '../../services/edge-mcp/catalogue/difference.ts';
import { digestOf } from '../../services/edge-mcp/catalogue/json.ts';
import { MAX_BYTES, type Offered, readOffered } from '../../services/edge-mcp/catalogue/offered.ts';
import { notHarmless } from '../../services/edge-mcp/catalogue/wording.ts';
import { InvalidHeader, mirroredBy, mirroringHeaders } from '../../services/edge-mcp/outbound/param-headers.ts';
import { canonicalJson } from '../../services/runtime/canonical-json.ts';
import { holds, type Target } from '../target.ts';

const kinds = ['TOOL', 'PROMPT', 'RESOURCE', 'RESOURCE_TEMPLATE'] as const;
const MOST_FINDINGS = 21;

const jsonOf = (bytes: Buffer): unknown => {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
};

const read = (kind: (typeof kinds)[number], listed: unknown): Offered | undefined => {
  const one = readOffered(kind, listed);
  if ('reason' in one) {
    holds(one.reason.length < 5_000 && one.name.length <= 200, 'why something is left out is said briefly');
    return undefined;
  }
  const { definition, digest } = one;
  holds(definition.length <= MAX_BYTES && digest === digestOf(definition), 'a definition is pinned by its digest');
  const again: unknown = JSON.parse(definition.toString());
  holds(canonicalJson(again) === definition.toString(), 'canonical JSON is read as it was written', () =>
    definition.toString(),
  );
  const second = readOffered(kind, again);
  holds('digest' in second && second.digest === digest, 'what is recorded is what was offered', () =>
    definition.toString(),
  );
  return one;
};

const judge = (one: Offered) => {
  const findings = assess(one);
  const isBrief = findings.length <= MOST_FINDINGS && findings.every((text) => typeof text === 'string' && text !== '');
  holds(isBrief, 'findings are sentences, and not many');
  holds(
    findings.every((text) => visible(text) === text),
    'nothing that cannot be seen is in a finding',
    () => JSON.stringify(findings),
  );
  holds(isDeepStrictEqual(assess(one), findings), 'findings follow from the definition');
  assessText('instructions', one.definition.toString());
  const { inputSchema } = JSON.parse(one.definition.toString()) as { inputSchema?: unknown };
  try {
    for (const value of Object.values(mirroringHeaders(mirroredBy(inputSchema), inputSchema)))
      holds(/^[\t -~]*$/.test(value), 'a header is one', () => value);
  } catch (error) {
    if (!(error instanceof InvalidHeader)) throw error;
  }
};

const compare = (one: Offered, other: Offered) => {
  const [before, after] = [one, other].map(({ definition }) => JSON.parse(definition.toString()) as unknown);
  const changes = difference(before, after);
  holds(
    (changes.length === 0) === (one.digest === other.digest),
    'what is another definition differs somewhere',
    () => `${one.definition} ${other.definition}`,
  );
  for (const change of changes) holds(inWords(change).length < 10_000, 'a change is told briefly');
  const other_ = notHarmless(changes);
  holds(other_ === undefined || other_.length > 0, 'what is not harmless says why');
};

const schema = fc.record(
  {
    type: fc.constantFrom('object', 'string', 7),
    properties: fc.dictionary(
      fc.string(),
      fc.record(
        { type: fc.constant('string'), description: fc.string(), 'x-mcp-header': fc.string() },
        { requiredKeys: [] },
      ),
    ),
    required: fc.jsonValue(),
  },
  { requiredKeys: [] },
);
const offered = fc.record(
  {
    name: fc.string({ minLength: 1 }),
    uri: fc.string({ minLength: 1 }),
    uriTemplate: fc.string({ minLength: 1 }),
    title: fc.jsonValue(),
    description: fc.oneof(fc.string(), fc.lorem(), fc.jsonValue()),
    inputSchema: fc.oneof(schema, fc.jsonValue()),
    annotations: fc.jsonValue(),
    arguments: fc.jsonValue(),
    size: fc.nat(),
    _meta: fc.jsonValue(),
  },
  { requiredKeys: ['name', 'uri', 'uriTemplate'] },
);

/** The first byte says of which kind; two definitions are parted by a zero byte. */
export const target: Target = {
  name: 'mcp-definition',
  batch: 128,
  dictionary: [
    ...['"name":"', '"uri":"', '"uriTemplate":"', '"description":"', '"inputSchema":{"type":"object","properties":{'],
    ...['"annotations":{"readOnlyHint":true}', '"x-mcp-header":"A"', '"lastModified":', '"size":1', '"__proto__":{'],
    ...['ignore previous instructions', '\u202e', '\u200b', '\u{e0041}', '<IMPORTANT>', 'https://', '\\ud800', 'é'],
    ...['data:text/html;base64,', '/read_file', 'conversation history', '-0', '1e400', '"default":', '[[[[[[', '\0'],
  ],
  structured: fc
    .tuple(fc.nat(kinds.length - 1), offered, offered)
    .map(([kind, one, other]) =>
      Buffer.concat([Buffer.from([kind]), Buffer.from(`${JSON.stringify(one)}\0${JSON.stringify(other)}`)]),
    ),
  run: (input) => {
    const kind = kinds[(input[0] ?? 0) % kinds.length]!;
    const rest = input.subarray(1);
    const parted = rest.indexOf(0);
    const first = read(kind, jsonOf(parted < 0 ? rest : rest.subarray(0, parted)));
    const second = parted < 0 ? undefined : read(kind, jsonOf(rest.subarray(parted + 1)));
    if (first) judge(first);
    if (first && second) compare(first, second);
  },
};
