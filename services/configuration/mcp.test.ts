/** `mcp` of mesh.yaml: what is refused, where, and what becomes of the rest. */
import { expect, test } from 'vitest';
import { noLimits, parseConfiguration } from '../runtime/configuration.ts';
import { compile } from './compile.ts';
import { missingVariables, urlFindings } from './environment.ts';
import { printProblem } from './problem.ts';
import { readMeshFile } from './read-mesh-file.ts';

const problems = (text: string): string[] => {
  const read = readMeshFile(Buffer.from(text), 'mesh.yaml');
  return Array.isArray(read) ? read.map(printProblem) : [];
};
const readOf = (text: string) => {
  const read = readMeshFile(Buffer.from(text), 'mesh.yaml');
  if (Array.isArray(read)) throw new Error(read.map(printProblem).join('\n'));
  return read;
};
/** A file whose third line is the server. */
const server = (fields: string) => `mcp:\n  servers:\n    files: { ${fields} }\n`;
const at = 'https://tools.example.com/mcp';
const secret = 'sk-abcdefghijklmnopqrstuvwxyz';
/** One that is known by its name only. */
const PLAIN = 'correct-horse';

test('a server by URL and one by command are right', () => {
  expect(
    problems(server(`url: ${at}, apiKey: "\${KEY}", headers: { x-a: "\${A}" }, review: all, version: "2"`)),
  ).toEqual([]);
  expect(problems(server(`command: [npx, -y, files], env: { TOKEN: "\${T}", MODE: fast }, cwd: /srv`))).toEqual([]);
});

test.each([
  [server('version: "1"'), '3:5 mcp.servers.files.url: give a url or a command, one of them'],
  [server(`url: ${at}, command: [x]`), '3:14 mcp.servers.files.url: give a url or a command, one of them'],
  [
    server(`command: [x], apiKey: "\${KEY}"`),
    '3:5 mcp.servers.files.url: apiKey, oauth and headers are for a server with a url; give env to a command',
  ],
  [
    server('command: [x], headers: { x-a: b }'),
    '3:5 mcp.servers.files.url: apiKey, oauth and headers are for a server with a url; give env to a command',
  ],
  [
    server(`url: ${at}, env: { A: b }`),
    '3:5 mcp.servers.files.command: env and cwd are for a server that is started by a command',
  ],
  [
    server(`url: ${at}, cwd: /srv`),
    '3:5 mcp.servers.files.command: env and cwd are for a server that is started by a command',
  ],
  [server('command: []'), '3:14 mcp.servers.files.command: must have at least 1 entry'],
  [server('command: npx files'), '3:14 mcp.servers.files.command: must be a list, not a string'],
  [server(`url: ${at}, review: none`), '3:50 mcp.servers.files.review: must be changes or all'],
  [server(`url: ${at}, callsInFlight: 0`), '3:50 mcp.servers.files.callsInFlight: must be at least 1'],
  [server(`url: ${at}, callsPerMinute: 0.5`), '3:50 mcp.servers.files.callsPerMinute: must be a whole number'],
  [
    server(`url: ${at}, tools: { look: { callPerMinute: 1 } }`),
    '3:67 mcp.servers.files.tools.look.callPerMinute: is not a known field; did you mean callsPerMinute?',
  ],
  [
    server(`url: ${at}, responseSize: 1MiB, tools: { look: { resultSize: 2MiB } }`),
    '3:87 mcp.servers.files.tools.look.resultSize: must not be larger than responseSize',
  ],
  [server(`url: ${at}, resultSize: 1000B`), '3:50 mcp.servers.files.resultSize: must be at least 1KiB'],
  [server(`url: ${at}, tooLarge: cut`), '3:50 mcp.servers.files.tooLarge: must be refuse or truncate'],
  [
    server(`url: ${at}, deprecatd: x`),
    '3:50 mcp.servers.files.deprecatd: is not a known field; did you mean deprecated?',
  ],
  [
    server('command: [x], env: { A-B: c }'),
    '3:35 mcp.servers.files.env.A-B: must be the name of an environment variable',
  ],
])('%j', (text, problem) => {
  expect(problems(text)[0]).toBe(`mesh.yaml:${problem}`);
});

const client = `issuer: https://auth.example.com, clientId: mesh, clientSecret: "\${SECRET}"`;

test('a login by a person needs nothing, one by itself what the client is known by', () => {
  for (const oauth of [
    '{}',
    `{ scope: 'a b' }`,
    `{ clientId: mesh }`,
    `{ clientMetadataUrl: https://mesh.example.com/client.json }`,
    `{ grant: client_credentials, ${client} }`,
    `{ grant: client_credentials, issuer: https://auth.example.com, clientId: mesh, privateKey: "\${KEY}", algorithm: ES256 }`,
  ])
    expect(problems(server(`url: ${at}, oauth: ${oauth}`))).toEqual([]);
});

test.each([
  ['{ grant: client_credentials }', 'grant: client_credentials needs a clientSecret or a privateKey'],
  [`{ clientSecret: "\${SECRET}" }`, 'clientId: is needed with clientSecret and with privateKey'],
  [
    `{ clientId: mesh, clientSecret: "\${SECRET}" }`,
    'issuer: is needed with clientSecret and with privateKey, or the MCP server could say where they are sent',
  ],
  [
    `{ ${client}, privateKey: "\${KEY}", algorithm: ES256 }`,
    'privateKey: give a clientSecret or a privateKey, one of them',
  ],
  [`{ clientId: mesh, algorithm: ES256 }`, 'algorithm: goes with privateKey'],
  [
    `{ clientId: mesh, clientMetadataUrl: https://mesh.example.com/c }`,
    'clientMetadataUrl: is the client’s id: leave out clientId',
  ],
  [`{ clientMetadataUrl: http://mesh.example.com/c }`, 'clientMetadataUrl: must be an https URL with a path'],
  [
    `{ clientId: mesh, clientSecret: ${secret} }`,
    `clientSecret: must be a reference to an environment variable, e.g. \${OPENAI_API_KEY}, never the key itself`,
  ],
])('oauth: %s', (oauth, problem) => {
  const told = problems(server(`url: ${at}, oauth: ${oauth}`)).map((one) => one.replace(/^mesh.yaml:3:\d+ /, ''));
  expect(told).toContain(`mcp.servers.files.oauth.${problem}`);
  expect(told.join()).not.toContain(secret);
});

test('what is presented is a key or a login', () => {
  expect(problems(server(`url: ${at}, apiKey: "\${KEY}", oauth: {}`))[0]).toContain(
    'mcp.servers.files.oauth: is what is presented: leave out apiKey and an authorization header',
  );
  expect(problems(server(`command: [x], oauth: {}`))[0]).toContain('oauth and headers are for a server with a url');
});

test.each([
  [
    server(`url: ${at}, twins: [file]`),
    '3:58 mcp.servers.files.twins[0]: no MCP server is called file; did you mean files?',
  ],
  [
    `${server(`url: ${at}`)}  endpoints:\n    all: { servers: [other] }\n`,
    '5:22 mcp.endpoints.all.servers[0]: no MCP server is called other; known: files',
  ],
  [
    `${server(`url: ${at}`)}  endpoints:\n    all: { tools: { read: { server: fils } } }\n`,
    '5:29 mcp.endpoints.all.tools.read.server: no MCP server is called fils; did you mean files?',
  ],
  [
    server(`url: ${at}, headers: { x-a: b, X-A: c }`),
    '3:69 mcp.servers.files.headers.X-A: is the same header, in other letters',
  ],
])('a reference that leads nowhere: %j', (text, problem) => {
  expect(problems(text)).toEqual([`mesh.yaml:${problem}`]);
});

const agents = `tenants: [t]
units: { u: { tenant: t } }
people: [p]
agents: { planner: { unit: u, owner: p, log: true }, desk: { unit: u, owner: p } }
mcp:
  servers: { files: { command: [x] } }
`;

test('agents are tools of an endpoint where they can be called, under names of their own', () => {
  const endpoint = (text: string) => `${agents}  endpoints: { all: { ${text} } }\n`;
  const { file } = readOf(endpoint('agents: [planner]'));
  expect(parseConfiguration(compile(file, [], {})).endpoints).toMatchObject([{ name: 'all', agents: ['planner'] }]);
  expect(problems(endpoint('agents: [planer]'))).toEqual([
    'mesh.yaml:7:32 mcp.endpoints.all.agents[0]: no agent is called planer; did you mean planner?',
  ]);
  expect(problems(endpoint('agents: [desk]'))).toEqual([
    'mesh.yaml:7:32 mcp.endpoints.all.agents[0]: desk cannot be called: it has neither url nor log',
  ]);
  expect(problems(endpoint('agents: [planner], tools: { planner: { server: files, tool: plan } }'))).toEqual([
    'mesh.yaml:7:23 mcp.endpoints.all.agents: one of them has the name of a tool of this endpoint',
  ]);
});

test('what an agent declares is server/tool, server/* or *', () => {
  const agent = (tools: string) =>
    `tenants: [t]\nunits: { u: { tenant: t } }\npeople: [p]\nagents:\n  a: { unit: u, owner: p, tools: [${tools}] }\n`;
  expect(problems(agent('files/read, "files/*", "*", "docs/file:///a"'))).toEqual([]);
  for (const tool of ['files', '/read', 'files/', '"*/read"', '"files/re ad"'])
    expect(problems(agent(tool))).toEqual([
      'mesh.yaml:5:35 agents.a.tools[0]: must be server/tool, server/* for all of a server, or * for all of all',
    ]);
});

test.each([
  [
    server(`command: [x], env: { LOG: ${secret} }`),
    `3:35 mcp.servers.files.env.LOG: looks like a secret: put it into an environment variable and write \${ITS_NAME}`,
  ],
  [
    server('command: [x], env: { GITHUB_TOKEN: plain }'),
    `3:35 mcp.servers.files.env.GITHUB_TOKEN: is a secret by its name: put it into an environment variable and write \${ITS_NAME}`,
  ],
  [
    server(`command: [x], env: { A: "\${not closed" }`),
    `3:35 mcp.servers.files.env.A: holds a reference that cannot be read; write \${NAME}`,
  ],
  [
    server(`command: [x, "--token=${secret}"]`),
    `3:27 mcp.servers.files.command[1]: looks like a secret: give it to the command in env, as \${ITS_NAME}: the command itself is recorded`,
  ],
  ...[
    `--api-key, ${PLAIN}`,
    `x, --api_key=${PLAIN}`,
    `-e, GITHUB_TOKEN=${PLAIN}`,
    `--header, "Authorization: ${PLAIN}"`,
  ].map((words): [string, string] => [
    server(`command: [${words}]`),
    `mcp.servers.files.command[1]: is a secret by its name: give it to the command in env, as \${ITS_NAME}: the command itself is recorded`,
  ]),
  [
    server(`command: [x, "\${TOKEN}"]`),
    `3:27 mcp.servers.files.command[1]: cannot hold \${…}: references are for url, apiKey and headers of providers, agents and MCP servers, and for env, oauth.clientSecret and oauth.privateKey of the latter`,
  ],
  [
    server(`url: ${at}, apiKey: ${secret}`),
    `3:50 mcp.servers.files.apiKey: must be a reference to an environment variable, e.g. \${OPENAI_API_KEY}, never the key itself`,
  ],
  [
    server(`url: ${at}, headers: { authorization: Bearer x }`),
    `3:61 mcp.servers.files.headers.authorization: is a secret by its name: put it into an environment variable and write \${ITS_NAME}`,
  ],
  [
    `${server(`url: ${at}`)}  endpoints:\n    all: { tools: { read: { server: files, defaults: { key: ${secret} } } } }\n`,
    `5:56 mcp.endpoints.all.tools.read.defaults.key: looks like a secret: put it into an environment variable and write \${ITS_NAME}`,
  ],
])('a secret written out, or a reference where none is resolved', (text, problem) => {
  const told = problems(text);
  expect(told.join('\n')).toContain(problem);
  expect(told.join()).not.toContain(secret);
  expect(told.join()).not.toContain(PLAIN);
});

test('words of a command that only speak of secrets are none', () => {
  const command =
    '[x, --token-file, /run/t, --max-tokens=5, -e, TOKEN, --token, --verbose, "https://a.example.com", --api-key]';
  expect(problems(server(`command: ${command}`))).toEqual([]);
});

const whole = `mcp:
  servers:
    files: { command: [npx, -y, files], env: { TOKEN: "\${T}", MODE: fast }, cwd: /srv, tags: { region: eu }, twins: [web] }
    web: { url: "\${BASE}/mcp/", apiKey: "\${KEY}", headers: { X-A: "\${A}" }, version: "2", deprecated: use files, review: all, callsInFlight: 7, callsPerMinute: 60, tooLarge: truncate, tools: { look: { callsPerMinute: 5, resultSize: 64KiB }, "b/c": { callsInFlight: 2, tooLarge: refuse, timeouts: { idle: 5s } } } }
  endpoints:
    desk: { title: Desk, servers: [web], tools: { look: { server: files, tool: read, defaults: { depth: 2 } }, list: { server: files } } }
`;

test('variables that are missing are told with their lines; those of env and keys are secrets', () => {
  const { file, locate } = readOf(whole);
  expect(missingVariables(file, {}).map((one) => [printProblem(locate(one)), one.secret])).toEqual([
    ['mesh.yaml:4:12 mcp.servers.web.url: the environment variable BASE is not set', false],
    ['mesh.yaml:4:33 mcp.servers.web.apiKey: the environment variable KEY is not set', true],
    ['mesh.yaml:4:62 mcp.servers.web.headers.X-A: the environment variable A is not set', true],
    ['mesh.yaml:3:48 mcp.servers.files.env.TOKEN: the environment variable T is not set', true],
  ]);
  expect(urlFindings(file, { BASE: 'ftp://x' }).map((one) => printProblem(locate(one)))).toEqual([
    'mesh.yaml:4:12 mcp.servers.web.url: must be an http or https URL',
  ]);
});

test('a configuration of before there were these limits has none of them', () => {
  const { document, version } = compile(readOf(whole).file, [], { BASE: 'https://web.example.com' });
  const { servers, ...rest } = JSON.parse(document);
  const added = Object.keys(noLimits);
  const earlier = servers.map((server: object) =>
    Object.fromEntries(Object.entries(server).filter(([name]) => !added.includes(name))),
  );
  const read = parseConfiguration({ version, document: JSON.stringify({ ...rest, servers: earlier }) });
  expect(read.servers).toEqual(earlier.map((server: object) => ({ ...server, ...noLimits })));
});

test('what it compiles to', () => {
  const compiled = compile(readOf(whole).file, [], {
    BASE: 'https://web.example.com',
    KEY: 'k3y-of-web',
    T: 't0ken',
    A: 'x',
  });
  const { servers, endpoints, connections, resources } = parseConfiguration(compiled);
  const unlimited = {
    callsInFlight: null,
    callsPerMinute: null,
    resultBytes: null,
    tooLarge: null,
    firstByteTimeoutMs: null,
    idleTimeoutMs: null,
  };
  expect(servers).toEqual([
    {
      name: 'files',
      connection: 'mcp:files',
      version: '1',
      deprecated: null,
      review: 'changes',
      callsInFlight: 100,
      ...noLimits,
    },
    {
      name: 'web',
      connection: 'mcp:web',
      version: '2',
      deprecated: 'use files',
      review: 'all',
      callsInFlight: 7,
      callsPerMinute: 60,
      resultBytes: null,
      tooLarge: 'truncate',
      tools: [
        { ...unlimited, name: 'b/c', callsInFlight: 2, tooLarge: 'refuse', idleTimeoutMs: 5_000 },
        { ...unlimited, name: 'look', callsPerMinute: 5, resultBytes: 65_536 },
      ],
    },
  ]);
  expect(connections).toMatchObject([
    {
      id: 'mcp:files',
      protocol: 'mcp',
      url: '',
      process: { command: 'npx', args: ['-y', 'files'], env: { TOKEN: `\${T}`, MODE: 'fast' }, cwd: '/srv' },
    },
    {
      id: 'mcp:web',
      url: 'https://web.example.com/mcp',
      credential: `\${KEY}`,
      headers: { 'x-a': `\${A}` },
      process: null,
      oauth: null,
    },
  ]);
  expect(compiled.document).not.toMatch(/k3y-of-web|t0ken/);
  expect(resources).toMatchObject([
    {
      type: 'server',
      id: 'files',
      attributes: { region: 'eu' },
      targets: [
        { id: 'mcp/files', connection: 'mcp:files', tier: 0 },
        { id: 'mcp/web', connection: 'mcp:web', tier: 1 },
      ],
    },
    { type: 'server', id: 'web', targets: [{ id: 'mcp/web' }] },
  ]);
  expect(resources[0]?.actions).toContain('tool.call');
  expect(endpoints).toEqual([
    {
      name: 'desk',
      title: 'Desk',
      instructions: null,
      servers: ['web'],
      agents: [],
      tools: [
        { server: 'files', tool: 'list', name: 'list', description: null, defaults: {} },
        { server: 'files', tool: 'read', name: 'look', description: null, defaults: { depth: 2 } },
      ],
    },
  ]);
});
