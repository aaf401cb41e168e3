#!/usr/bin/env node
/**
 * The mesh's connections to MCP servers as a client of the MCP conformance suite's scenarios: it lists, and calls what it is
 * told to call, as the outbound edge does. usage: client-command.ts URL. The person who logs the mesh in is played here: one who
 * goes where they are sent, and says yes.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { discoverOAuthServerInfo } from '@modelcontextprotocol/client';
import { createConnections, type Peer, type PersonsLogins } from '../../services/edge-mcp/outbound/connections.ts';
import { converse } from '../../services/edge-mcp/outbound/converse.ts';
import { obtainedLogin } from '../../services/edge-mcp/outbound/login/obtained-login.ts';
import { byPerson } from '../../services/edge-mcp/outbound/login/providers.ts';
import { InvalidHeader, mirroredBy, mirroringHeaders } from '../../services/edge-mcp/outbound/param-headers.ts';
import type { Configuration, OAuthConfiguration } from '../../services/runtime/configuration.ts';
import { contextForTests } from '../../services/runtime/context-for-tests.ts';
import { clientOf, type McpNotification, type McpOutcome, META } from '../../services/runtime/mcp/message.ts';
import { createMemoryLog } from '../../services/runtime/memory-log.ts';

const scenario = process.env.MCP_CONFORMANCE_SCENARIO ?? 'tools_call';
const version = process.env.MCP_CONFORMANCE_PROTOCOL_VERSION ?? '2025-11-25';
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}');
const toolCalls: { name: string; arguments: Record<string, unknown> }[] = context.toolCalls ?? [];

const capabilities =
  scenario === 'request-metadata'
    ? { roots: { listChanged: true }, sampling: {}, elicitation: {} }
    : { elicitation: scenario === 'elicitation-sep1034-client-defaults' ? { form: { applyDefaults: true } } : {} };

/** Some of the suite's servers have no server/discover, although they are of a revision that asks for it. */
const answeringDiscover = async (url: string): Promise<string> => {
  const result = {
    supportedVersions: [version],
    capabilities: { tools: {}, resources: {}, prompts: {} },
    resultType: 'complete',
    ttlMs: 0,
    cacheScope: 'private',
  };
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts);
    const { id, method } = body.length > 0 ? JSON.parse(body.toString()) : {};
    if (method === 'server/discover') {
      response.writeHead(200, { 'content-type': 'application/json' });
      return response.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
    }
    const { host: _, connection: __, 'content-length': ___, ...headers } = request.headers;
    const sent = { method: request.method ?? 'POST', headers: headers as Record<string, string> };
    const answer = await fetch(url, body.length > 0 ? { ...sent, body } : sent);
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
    if (answer.body) Readable.fromWeb(answer.body as ReadableStream).pipe(response);
    else response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
};
const WITHOUT_DISCOVER = [
  'http-standard-headers',
  'http-custom-headers',
  'http-invalid-tool-headers',
  'sep-2322-client-request-state',
];

/** A person who takes what is offered. */
const accept = async ({ params }: McpNotification): Promise<McpOutcome> => {
  const schema = params?.requestedSchema as { properties?: Record<string, { default?: unknown }> } | undefined;
  const defaults = Object.entries(schema?.properties ?? {}).map(([name, property]) => [name, property.default ?? true]);
  return { result: { action: 'accept', content: Object.fromEntries(defaults) } };
};

const given = process.argv.at(-1) ?? '';
const url = WITHOUT_DISCOVER.includes(scenario) ? await answeringDiscover(given) : given;
/** What the suite's authorization servers know the mesh by, as it would be in mesh.yaml. */
const oauthOf = async (): Promise<OAuthConfiguration | null> => {
  if (!scenario.startsWith('auth/')) return null;
  const isKnown = context.client_id !== undefined;
  return {
    grant: scenario.startsWith('auth/client-credentials') ? 'client_credentials' : 'authorization_code',
    issuer: isKnown ? (await discoverOAuthServerInfo(given)).authorizationServerMetadata!.issuer : null,
    clientId: context.client_id ?? null,
    clientSecret: context.client_secret ?? null,
    privateKey: context.private_key_pem ?? null,
    algorithm: context.private_key_pem ? (context.signing_algorithm ?? 'ES256') : null,
    clientMetadataUrl: isKnown ? null : 'https://conformance-test.local/client-metadata.json',
    scope: null,
  };
};

const person = async (to: URL): Promise<URLSearchParams> => {
  const answer = await fetch(to, { redirect: 'manual' });
  return new URL(answer.headers.get('location') ?? '').searchParams;
};
const persons: PersonsLogins = ({ url, settings, fetchFn }) =>
  obtainedLogin(url, byPerson(settings, 'http://127.0.0.1:3000/callback'), settings.scope, fetchFn, person);

const connection = {
  id: 'mcp:it',
  protocol: 'mcp',
  url,
  process: null,
  oauth: await oauthOf(),
  credential: null,
  headers: {},
  interfaces: [],
  connectTimeoutMs: 120_000,
  firstByteTimeoutMs: 120_000,
  idleTimeoutMs: 120_000,
  maxResponseBytes: 10_000_000,
};
const configuration = { version: '', connections: [connection] } as unknown as Configuration;
const log = await createMemoryLog();
const connections = createConnections(contextForTests(log, { configuration: () => configuration }), persons);
const { signal } = new AbortController();

const call = async (method: string, params: Record<string, unknown>, headers = {}): Promise<McpOutcome> => {
  const { upstream, ready, release } = connections.reach('mcp:it');
  const _meta = {
    [META.protocolVersion]: version,
    [META.clientInfo]: { name: 'parley-conformance', version: '1.0.0' },
    [META.clientCapabilities]: capabilities,
  };
  const request = { method, params: { ...params, _meta } };
  // As a client of a revision with sessions, to which the mesh puts what servers ask in their answers.
  const client = { ...clientOf(request), protocolVersion: scenario.startsWith('sep-2322') ? '2025-11-25' : version };
  try {
    const asked = { conversation: 'one', request, client, notify: () => {}, ask: accept, headers };
    return await converse(upstream, { ...asked, limits: ready.connection, signal });
  } finally {
    release();
  }
};

const listed = async (peer: Peer, of: 'tools' | 'prompts' | 'resources'): Promise<Record<string, unknown>[]> =>
  peer.capabilities[of] === undefined ? [] : ((await peer.request(`${of}/list`))[of] as Record<string, unknown>[]);

await connections.withConnection('it', { signal }, async (peer) => {
  const tools = await listed(peer, 'tools');
  const argumentsOf = ({ name, inputSchema }: Record<string, unknown>): Record<string, unknown> => {
    if (name === 'add_numbers') return { a: 5, b: 3 };
    const echoed = tools.find((tool) => tool.name !== name)?.inputSchema ?? inputSchema;
    return name === 'json_schema_echo' ? { schema: echoed } : { region: 'us-west1' };
  };
  const wanted =
    toolCalls.length > 0 ? toolCalls : tools.map((tool) => ({ name: tool.name, arguments: argumentsOf(tool) }));
  for (const one of wanted) {
    const schema = tools.find(({ name }) => name === one.name)?.inputSchema;
    try {
      const said = await call('tools/call', one, mirroringHeaders(mirroredBy(schema), one.arguments));
      console.log(one.name, JSON.stringify(said).slice(0, 200));
    } catch (error) {
      if (!(error instanceof InvalidHeader)) throw error;
      console.log(one.name, error.message);
    }
  }
  if (scenario !== 'http-standard-headers') return;
  for (const { uri } of await listed(peer, 'resources')) await call('resources/read', { uri });
  for (const { name } of await listed(peer, 'prompts')) await call('prompts/get', { name, arguments: {} });
});
await connections.close();
await log.close();
process.exit(0);
