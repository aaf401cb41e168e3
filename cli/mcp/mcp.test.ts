import { expect, onTestFinished, test } from 'vitest';
import {
  configurationOf,
  knowing,
  observedAs,
  reviewedAs,
  toolOf,
} from '../../services/edge-mcp/catalogue/world-for-tests.ts';
import type { Configuration } from '../../services/runtime/configuration.ts';
import { changeMeshFile } from '../mesh-file.ts';
import { withEntry } from '../with-entry.ts';
import { serverLines, serverText } from './list.ts';
import { connectionOf } from './log-in.ts';
import { openLoopback } from './loopback.ts';
import { serverOf } from './register.ts';

const seen = { capabilities: Buffer.from('{}'), info: Buffer.from('{}'), instructions: '', problem: '', leftOut: [] };
const [add, sub] = [toolOf('add'), toolOf('sub')];
const configuration = {
  ...configurationOf({
    calc: {},
    old: { deprecated: 'Use calc.' },
    gone: { deprecated: 'calc' },
    new: { version: '2' },
  }),
  agents: [
    { tenant: 'acme', name: 'bot', tools: ['old/add'] },
    { tenant: 'acme', name: 'desk', tools: ['*'] },
    { tenant: 'acme', name: 'calm', tools: ['older/add', 'calc/*'] },
  ],
  connections: [
    { id: 'mcp:calc', url: 'https://calc.example.com/mcp', process: null },
    { id: 'mcp:old', url: '', process: { command: 'npx', args: ['-y', 'old\u001b[2J'], env: { KEY: 'x' } } },
  ],
} as unknown as Configuration;
const definitions = knowing(
  [observedAs('calc', add), observedAs('calc', sub), observedAs('old', add)],
  [reviewedAs('calc', add), reviewedAs('old', add)],
  [
    {
      ...seen,
      server: 'calc',
      protocolVersions: ['2026-07-28', '2025-11-25'],
      leftOut: ['TOOL mul\u001b[2J: inputSchema: Invalid input', '7 more'],
    },
    { ...seen, server: 'old', protocolVersions: [], problem: 'it could not be started' },
  ],
);

test('servers are listed with how they are, and who uses those that are deprecated', () => {
  const lines = serverLines({ configuration, definitions });
  expect(serverText(lines)).toEqual([
    'server  version  in force  held back  state                                 at',
    'calc    1               1          1  MCP 2026-07-28, 2025-11-25            https://calc.example.com/mcp',
    'old     1               1          0  not reached: it could not be started  npx -y old\\u{1b}[2J',
    'gone    1               0          0  not asked yet',
    'new     2               0          0  not asked yet',
    'Left out of calc:',
    '  TOOL mul\\u{1b}[2J: inputSchema: Invalid input',
    '  7 more',
    'old is deprecated: Use calc. 2 agents may use it: acme/bot, acme/desk',
    'gone is deprecated: calc. 1 agent may use it: acme/desk',
  ]);
  expect(lines[1]).toMatchObject({ reached: false, callers: ['acme/bot', 'acme/desk'] });
  expect(serverLines({ configuration: undefined, definitions })).toEqual([]);
});

test('a server has a URL or a command', () => {
  expect(serverOf('https://a.example.com/mcp', [])).toEqual({ url: 'https://a.example.com/mcp' });
  expect(serverOf(undefined, ['npx', 'x'])).toEqual({ command: ['npx', 'x'] });
  expect(() => serverOf(undefined, [])).toThrow('one of them');
  expect(() => serverOf('https://a.example.com', ['npx'])).toThrow('one of them');
  expect(() => serverOf('search.example.com', [])).toThrow('search.example.com is no http or https URL');
  expect(() => serverOf('ftp://example.com', [])).toThrow('no http or https URL');
  expect(() => serverOf(undefined, ['https://a.example.com/mcp'])).toThrow('give it with --url');
  expect(() => serverOf('https://me:word@a.example.com/mcp', [])).toThrow(/^the URL must hold no user and no password/);
  const reference = `$\{SEARCH}/mcp`;
  expect(serverOf(reference, [])).toEqual({ url: reference });
});

const MESH = '# The mesh.\ntenants: [acme] # one\n';
const url = (name: string) => ({ url: `https://${name}.example.com/mcp` });
const register = (text: string, name: string, value: object = url(name)) =>
  withEntry(text, 'mesh.yaml', ['mcp', 'servers', name], value);

test('a server is added to mesh.yaml, the rest of which stays as it is', () => {
  const first = register(MESH, 'calc');
  expect(first).toBe(`${MESH}mcp:\n  servers:\n    calc:\n      url: https://calc.example.com/mcp\n`);
  const second = register(`${first}limits: { deadline: 1m } # short\n`, 'files', {
    command: ['npx', '-y', 'files', '/srv'],
  });
  expect(second).toBe(
    `${first}    files:\n      command:\n        - npx\n        - -y\n        - files\n        - /srv\nlimits: { deadline: 1m } # short\n`,
  );
  expect(() => register(second, 'files')).toThrow('mesh.yaml has mcp.servers.files already');
});

test('where there is no mesh.yaml it is said how to name one', async () => {
  await expect(changeMeshFile('/no/such/mesh.yaml', String)).rejects.toThrow('there is no /no/such/mesh.yaml: name');
});

test('there may be endpoints only, and mappings written on one line', () => {
  const endpoints = `${MESH}mcp:\n  endpoints:\n    all: { title: All }\n`;
  expect(register(endpoints, 'calc')).toBe(
    `${endpoints}  servers:\n    calc:\n      url: https://calc.example.com/mcp\n`,
  );
  expect(register(`${MESH}mcp: {}\n`, 'calc')).toContain('calc.example.com');
  expect(register(`${MESH}mcp:\n  servers: {}`, 'calc')).toContain('calc.example.com');
  expect(register('', 'calc')).toBe('mcp:\n  servers:\n    calc:\n      url: https://calc.example.com/mcp\n');
});

test('a mesh.yaml that is not right, or would not be, is left alone', () => {
  expect(() => register(MESH, '../x')).toThrow(/mesh\.yaml:\d+:\d+ mcp\.servers/);
  expect(() => register(MESH, 'calc', { url: 'no url' })).toThrow(/mesh\.yaml:\d+:\d+ mcp\.servers\.calc\.url/);
  expect(() => register('units: [', 'calc')).toThrow('mesh.yaml:1:');
});

test('a person logs in to a server that has a login for them', () => {
  const oauth = { grant: 'authorization_code' };
  const connections = ['calc', 'old', 'gone'].map((name, n) => ({
    id: `mcp:${name}`,
    oauth: [oauth, null, { grant: 'client_credentials' }][n],
  }));
  const mesh = { ...configuration, connections } as unknown as Configuration;
  expect(connectionOf(mesh, 'calc')).toMatchObject({ id: 'mcp:calc', oauth });
  expect(() => connectionOf(mesh, 'nobody')).toThrow('no MCP server is called nobody');
  expect(() => connectionOf(undefined, 'calc')).toThrow('no MCP server is called calc');
  expect(() => connectionOf(mesh, 'old')).toThrow('give it oauth in mesh.yaml');
  expect(() => connectionOf(mesh, 'gone')).toThrow('logs in to gone by itself');
});

test('a browser comes back with the state of a login that is under way, and nothing else ends it', async () => {
  const { redirectUrl, answerTo, close } = await openLoopback(0);
  onTestFinished(close);
  const answer = answerTo('right');
  expect((await fetch(`${redirectUrl}?code=stolen&state=wrong`)).status).toBe(404);
  expect((await fetch(`${new URL('/', redirectUrl)}?code=stolen&state=right`)).status).toBe(404);
  expect((await fetch(`${redirectUrl}?code=good&state=right`)).status).toBe(200);
  expect((await answer).get('code')).toBe('good');
});
