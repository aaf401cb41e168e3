import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { printProblem } from './problem.ts';
import { readMeshFile } from './read-mesh-file.ts';

const problems = (text: string | Uint8Array): string[] => {
  const read = readMeshFile(Buffer.from(text as string), 'mesh.yaml');
  return Array.isArray(read) ? read.map(printProblem) : [];
};
const fileOf = (text: string) => {
  const read = readMeshFile(Buffer.from(text), 'mesh.yaml');
  if (Array.isArray(read)) throw new Error(read.map(printProblem).join('\n'));
  return read.file;
};

/** A file that is right but for what is added to it. */
const provider = 'providers:\n  one: { url: https://models.example.com/v1, interfaces: [chat] }\n';
const model = 'models:\n  small:\n    targets: [{ provider: one }]\n';

test('the example is right', () => {
  expect(problems(readFileSync('examples/mesh.yaml'))).toEqual([]);
});

test('what is left out has its default', () => {
  const file = fileOf(provider + model);
  expect(file.limits).toEqual({
    requestsInFlight: 1000,
    requestsInFlightPerKey: 100,
    bodySize: 10 * 1024 ** 2,
    deadline: 120_000,
    maxDeadline: 600_000,
  });
  expect(file.providers.one).toMatchObject({ timeouts: { connect: 5000, firstByte: 60_000, idle: 30_000 } });
  expect(file.models.small).toMatchObject({ targets: [{ provider: 'one', weight: 1 }], fallbacks: [] });
});

test.each([
  ['an empty file', '', 'mesh.yaml:1:1 is empty'],
  ['only comments', '# later\n', 'mesh.yaml:1:1 is empty'],
  ['a list', '- a\n', 'mesh.yaml:1:1 must be a mapping, not a list'],
  ['text', 'hello', 'mesh.yaml:1:1 must be a mapping, not a string'],
  ['an empty section', `${provider}models:\n`, 'mesh.yaml:3:1 models: is empty: give it a mapping or remove the line'],
  ['not UTF-8', Buffer.from([0x61, 0xff]), 'mesh.yaml:1:1 is not UTF-8 text'],
  ['over 1 MiB', `#${'x'.repeat(1024 ** 2)}`, 'mesh.yaml:1:1 is larger than 1 MiB'],
  [
    'a syntax error',
    `${provider}models:\n  small: { targets: [\n`,
    'mesh.yaml:5:1 YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
  ],
  ['a key twice', `${provider}${model}  small:\n    targets: []\n`, 'mesh.yaml:6:3 small is there twice: remove one'],
  ['an unknown tag', 'models: !!js/function x\n', 'mesh.yaml:1:9 YAML: Unresolved tag'],
  ['two documents', `${provider}${model}---\n{}\n`, 'mesh.yaml:6:1 a second document begins here: remove it'],
  ['deep nesting', `a: ${'['.repeat(400)}${']'.repeat(400)}`, 'mesh.yaml:1:1 is nested too deeply'],
  ['very deep nesting', '['.repeat(100_000), 'mesh.yaml:1:1 is nested too deeply'],
  [
    'an alias bomb',
    `a: &a [x,x,x,x,x,x]\n${['b', 'c', 'd', 'e', 'f'].map((k, i) => `${k}: &${k} [${`*${'abcde'[i]},`.repeat(6)}]`).join('\n')}`,
    'mesh.yaml:1:1 cannot be read: Excessive alias count indicates a resource exhaustion attack',
  ],
])('%s', (_, text, problem) => {
  expect(problems(text)[0]).toBe(problem);
});

test.each([
  ['unit: {}', '6:1 unit: is not a known field; did you mean units?'],
  ['limits: { deadlin: 3s }', '6:11 limits.deadlin: is not a known field; did you mean deadline?'],
  ['routing: { breaker: { opens: 1s } }', '6:23 routing.breaker.opens: is not a known field; did you mean open?'],
  [
    'limits: { deadline: 30 }',
    '6:11 limits.deadline: must be a whole number and ms, s, m, h or d, e.g. 30s, not a number',
  ],
  ['limits: { deadline: 0s }', '6:11 limits.deadline: must be a whole number and ms, s, m, h or d, e.g. 30s'],
  ['limits: { deadline: 11m }', '6:11 limits.deadline: must not be longer than maxDeadline'],
  ['limits: { bodySize: 10MB }', '6:11 limits.bodySize: must be a whole number and B, KiB, MiB or GiB, e.g. 10MiB'],
  ['limits: { requestsInFlight: 0 }', '6:11 limits.requestsInFlight: must be at least 1'],
  ['routing: { maxAttempts: 1.5 }', '6:12 routing.maxAttempts: must be a whole number'],
  ['prices: { currency: dollars }', '6:11 prices.currency: must be an ISO 4217 code, e.g. USD'],
  ['prices: { models: { smal: {} } }', '6:21 prices.models.smal: no model is called smal; did you mean small?'],
  ['prices: { models: { small: { input: -1 } } }', '6:30 prices.models.small.input: must be at least 0'],
  [
    'prices: { targets: { one/smal: {} } }',
    '6:22 prices.targets.one/smal: no model has the target one/smal; did you mean one/small?',
  ],
  ['tenants: [a, b, a]', '6:17 tenants[2]: is listed twice'],
  ['people: [a b]', "6:10 people[0]: must be a person's id without spaces, slashes and quotes, e.g. owner@example.com"],
  ['units: { u: { tenant: acme } }', '6:15 units.u.tenant: no tenant is called acme; there are none yet'],
  ['agents: { a: { unit: u } }', '6:11 agents.a.owner: is required'],
  ['keys: { k: { agent: x, hash: 12 } }', '6:14 keys.k.agent: no agent is called x; there are none yet'],
  ['policies: policies/*.cedar', '6:1 policies: must be a list, not a string'],
  [`tenants: ["\${TENANT}"]`, '6:11 tenants[0]: must be a name of letters, digits, dots, dashes and underscores'],
  [
    '__proto__: {}',
    '6:1 __proto__: is not a known field; known: providers, models, prices, tenants, units, people, agents, keys, limits, routing, a2a, mcp, redaction, policies',
  ],
])('%s', (line, problem) => {
  expect(problems(`${provider}${model}${line}\n`)[0]).toBe(`mesh.yaml:${problem}`);
});

test.each([
  ['provider: on', 'mesh.yaml:5:17 models.small.targets[0].provider: no provider is called on; did you mean one?'],
  ['provider: toString', 'mesh.yaml:5:17 models.small.targets[0].provider: no provider is called toString; known: one'],
  [
    'provider: one, wieght: 2',
    'mesh.yaml:5:32 models.small.targets[0].wieght: is not a known field; did you mean weight?',
  ],
  [
    'provider: one, weight: 0',
    'mesh.yaml:5:32 models.small.targets[0].weight: must be greater than 0; leave the target out to send it nothing',
  ],
  [
    'provider: one }, { provider: one, model: small',
    'mesh.yaml:5:34 models.small.targets[1]: is the same target as targets[0]; give one of them the weight of both',
  ],
  ['model: x', 'mesh.yaml:5:15 models.small.targets[0].provider: is required'],
])('a target with %s', (target, problem) => {
  expect(problems(`${provider}models:\n  small:\n    targets: [{ ${target} }]\n`)).toEqual([problem]);
});

const fallingBack = (fallbacks: Record<string, string[]>) =>
  `${provider}models:\n${Object.entries(fallbacks)
    .map(([name, to]) => `  ${name}:\n    targets: [{ provider: one }]\n    fallbacks: [${to}]\n`)
    .join('')}`;

test.each([
  ['a value without a place', 'a\n: \n apiKey: SECRET', '3:10 YAML: Unexpected scalar token in YAML stream'],
  ['a block of text', 'apiKey: |SECRET\n', '1:10 YAML: Block scalar header includes extra characters'],
  ['an escape', 'apiKey: "\\USECRET"', '1:10 YAML: Invalid escape sequence'],
  ['a tag', 'apiKey: !SECRET\n', '1:9 YAML: Unresolved tag'],
  ['an alias', 'apiKey: *SECRET\n', '1:1 cannot be read: Unresolved alias (the anchor must be set before the alias)'],
  ['a directive', '%SECRET\n---\na: 1\n', '1:1 YAML: a line that begins with % is not a directive of YAML 1.2'],
])('what is wrong with %s does not say what stands there', (_, text, expected) => {
  const said = problems(text.replace('SECRET', 'sk-live-0123'));
  expect(said).toContain(`mesh.yaml:${expected}`);
  expect(said.join()).not.toContain('sk-');
});

test('a cycle of fallbacks is told once, with its way', () => {
  expect(problems(fallingBack({ a: ['b'], b: ['c'], c: ['a'], d: ['a'] }))).toEqual([
    'mesh.yaml:6:5 models.a.fallbacks: cycle a → b → c → a',
  ]);
  expect(problems(fallingBack({ a: ['a'] }))).toEqual(['mesh.yaml:6:5 models.a.fallbacks: cycle a → a']);
  expect(problems(fallingBack({ a: ['b', 'c'], b: ['c'], c: [] }))).toEqual([]);
});

test('fallbacks that exist, and not too many', () => {
  expect(problems(fallingBack({ a: ['nope'] }))).toEqual([
    'mesh.yaml:6:17 models.a.fallbacks[0]: no model is called nope; known: a',
  ]);
  const chain = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`m${i}`, i < 999 ? [`m${i + 1}`] : []]));
  expect(problems(fallingBack(chain))[0]).toBe('mesh.yaml:6:5 models.m0.fallbacks: lead to more than 31 other models');
});

test('a model is for what all of its targets can do', () => {
  const two =
    'providers:\n  one: { url: https://a.example.com }\n  two: { url: https://b.example.com, interfaces: [embeddings] }\n';
  expect(problems(`${two}models:\n  m: { targets: [{ provider: one }, { provider: two }] }\n`)).toEqual([
    'mesh.yaml:5:3 models.m: its targets and fallbacks have no interface in common',
  ]);
  expect(problems(`${two}models:\n  m: { targets: [{ provider: one }], interfaces: [chat, embeddings] }\n`)).toEqual([
    'mesh.yaml:5:57 models.m.interfaces[1]: embeddings is not an interface of one/m',
  ]);
  expect(problems(`${two}models:\n  m: { targets: [{ provider: one }], interfaces: [responses] }\n`)).toEqual([]);
});

const secret = 'sk-abcdefghijklmnopqrstuvwxyz';
test.each([
  [
    `apiKey: ${secret}`,
    `3:5 providers.one.apiKey: must be a reference to an environment variable, e.g. \${OPENAI_API_KEY}, never the key itself`,
  ],
  [
    `headers: { x-api-key: plain }`,
    `3:16 providers.one.headers.x-api-key: is a secret by its name: put it into an environment variable and write \${ITS_NAME}`,
  ],
  [
    `headers: { Authorization: Basic abc }`,
    `3:16 providers.one.headers.Authorization: is a secret by its name: put it into an environment variable and write \${ITS_NAME}`,
  ],
  [
    `headers: { x-other: ${secret} }`,
    `3:16 providers.one.headers.x-other: looks like a secret: put it into an environment variable and write \${ITS_NAME}`,
  ],
  [
    `headers: { x-other: "\${not closed" }`,
    `3:16 providers.one.headers.x-other: holds a reference that cannot be read; write \${NAME}`,
  ],
  ['headers: { x-a: b, X-A: c }', '3:24 providers.one.headers.X-A: is the same header, in other letters'],
])('a provider with %s', (line, problem) => {
  const told = problems(`providers:\n  one:\n    ${line}\n    url: https://models.example.com/v1\n${model}`);
  expect(told).toEqual([`mesh.yaml:${problem}`]);
  expect(told.join()).not.toContain(secret);
});

test('secrets by reference are no problem', () => {
  const headers = `headers: { Authorization: "Basic \${BASIC}", x-version: "2" }`;
  expect(problems(`providers:\n  one: { url: "\${URL}/v1", apiKey: "\${KEY}", ${headers} }\n${model}`)).toEqual([]);
});

test('a key is told by its hash', () => {
  const people = 'tenants: [t]\nunits: { u: { tenant: t } }\npeople: [p]\nagents: { a: { unit: u, owner: p } }\n';
  const hash = `sha256:${'0'.repeat(64)}`;
  const keys = `keys:\n  k1: { agent: a, hash: ${hash} }\n`;
  expect(problems(provider + model + people + keys)).toEqual([]);
  expect(problems(`${provider}${model}${people}${keys}  k2: { agent: a, hash: ${hash} }\n`)).toEqual([
    'mesh.yaml:12:19 keys.k2.hash: is the same key as keys.k1',
  ]);
  expect(
    problems(`${provider}${model}${people}keys:\n  k1: { agent: a, hash: ${secret}, expires: 2027-02-30 }\n`),
  ).toEqual([
    'mesh.yaml:11:19 keys.k1.hash: must be sha256:<64 hexadecimal digits>; `parley keys create` makes one',
    `mesh.yaml:11:19 keys.k1.hash: looks like a secret: put it into an environment variable and write \${ITS_NAME}`,
    'mesh.yaml:11:56 keys.k1.expires: must be a day or an instant, e.g. 2027-01-31 or 2027-01-31T12:00:00Z',
  ]);
});

test('all problems come at once, in the order of their lines', () => {
  const text = `${provider}models:\n  small:\n    targets: [{ provider: two, wieght: 1 }]\n    fallbacks: [small]\nlimits: { deadline: soon }\n`;
  expect(problems(text).map((problem) => problem.split(' ')[0])).toEqual([
    'mesh.yaml:5:17',
    'mesh.yaml:5:32',
    'mesh.yaml:6:5',
    'mesh.yaml:7:11',
  ]);
});

test('a file of problems is told by its first hundred', () => {
  const told = problems(`${provider}${model}${Array.from({ length: 300 }, (_, i) => `x${i}: 1`).join('\n')}`);
  expect(told).toHaveLength(101);
  expect(told.at(-1)).toBe('mesh.yaml:1:1 and 200 more problems');
});

test('lines are found through anchors and aliases', () => {
  const text = 'x: &t [{ provider: nobody }]\nproviders: {}\nmodels:\n  a: { targets: *t }\n';
  expect(problems(text)).toContain(
    'mesh.yaml:1:10 models.a.targets[0].provider: no provider is called nobody; there are none yet',
  );
});

test.each([
  [
    'mcp: { servers: { files: { command: [x] } } }\nprices: { tools: { file/read: { call: 1 } } }\n',
    'mesh.yaml:2:20 prices.tools.file/read: no MCP server is called file; did you mean files?',
  ],
  ['prices: { tools: { read: { call: 1 } } }\n', 'mesh.yaml:1:20 prices.tools.read: must be server/tool'],
  [
    `redaction: { patterns: ['a('] }\n`,
    'mesh.yaml:1:25 redaction.patterns[0]: must be a regular expression, and one that does not match empty text, e.g. DE[0-9]{20}',
  ],
  [
    `redaction: { patterns: ['x*'] }\n`,
    'mesh.yaml:1:25 redaction.patterns[0]: must be a regular expression, and one that does not match empty text, e.g. DE[0-9]{20}',
  ],
  [
    'providers: { tool: { url: https://models.example.com/v1 } }\n',
    'mesh.yaml:1:14 providers.tool: must not be called tool',
  ],
])('prices of tools, and what is redacted: %j', (text, problem) => {
  expect(problems(text)).toContain(problem);
});
