/** A server that lets in with OAuth only: a person logs the mesh in on the command line, and the mesh's replicas share that login. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import pino from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { startAuthorizationServer } from '../services/edge-mcp/outbound/login/authorization-server-for-tests.ts';
import { startServer } from '../services/edge-mcp/outbound/servers-for-tests.ts';
import type { AnyRecorded } from '../services/runtime/log.ts';
import { meshTopics } from '../topics/index.ts';
import { clientOf, textOf } from './mcp/client.ts';
import { createMcpMesh, keys, type McpMesh } from './mcp/mesh.ts';
import { until } from './mesh.ts';

const parley = async (
  { cluster, environment }: McpMesh,
  args: readonly string[],
  heard: (said: string) => void = () => {},
): Promise<{ code: number | null; said: string }> => {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../cli/main.ts'), ...args], {
    env: {
      ...environment,
      KAFKA_BROKERS: cluster.kafka.brokers.join(','),
      SCHEMA_REGISTRY_URL: cluster.registry.url,
      PARLEY_TOPIC_PREFIX: cluster.topicPrefix,
    },
  });
  let said = '';
  const hear = (part: Buffer) => {
    said += part;
    heard(said);
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, said };
};

/** In a browser, who says yes to all. */
const visiting = () => {
  let visited = false;
  return (said: string) => {
    const url = /^ {2}(http\S+)\n/m.exec(said)?.[1];
    if (url === undefined || visited) return;
    visited = true;
    void fetch(url).catch(() => {});
  };
};

const recordsOf = async ({ log }: McpMesh): Promise<AnyRecorded[]> => {
  const records: AnyRecorded[] = [];
  const tail = await log.tail(meshTopics, (record) => records.push(record), { from: 'beginning' });
  await tail.caughtUp;
  await tail.close();
  return records;
};

test('a login of a person lets two replicas in, is renewed once for both, and is shown nowhere', {
  timeout: 180_000,
}, async () => {
  const letting = await startAuthorizationServer();
  onTestFinished(letting.close);
  const server = await startServer(
    ['modern'],
    letting.door(() => server.url),
  );
  const mesh = await createMcpMesh({ servers: { up: { url: server.url, oauth: {} } } });
  onTestFinished(mesh.close);
  const logged: string[] = [];
  const logger = pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) });
  const replicas = [await mesh.serve(logger), await mesh.serve(logger)];

  const list = async () => (await parley(mesh, ['mcp', 'list'])).said;
  await until(async () => (await list()).includes('Run `parley mcp login up`'), 'the list to name what is to be done');

  const { PARLEY_SIGNING_KEY: _, ...keyless } = mesh.environment;
  const refused = await parley({ ...mesh, environment: keyless }, ['mcp', 'login', 'up']);
  expect(refused).toMatchObject({ code: 1, said: expect.stringContaining('set PARLEY_SIGNING_KEY') });

  const shown = await parley(mesh, ['mcp', 'login', 'up', '--by', 'owner@example.com'], visiting());
  expect(shown.said).toContain(`The mesh is logged in to up, by ${letting.url}, for use`);
  expect(shown.code).toBe(0);

  await mesh.offers('up', 'TOOL', 'echo');
  const clients = await Promise.all(
    replicas.map(({ url }) => clientOf(`${url}/mcp/up`, { key: keys.desk, era: 'modern' })),
  );
  const call = async () => {
    const answers = await Promise.all(
      clients.map((client, n) => client.callTool({ name: 'echo', arguments: { said: `${n}` } })),
    );
    return answers.map(textOf);
  };
  const refreshed = () => letting.asked.filter((asked) => asked.get('grant_type') === 'refresh_token').length;
  expect(await call()).toEqual(['modern: 0', 'modern: 1']);
  const before = refreshed();
  letting.endTokens();
  expect(await call()).toEqual(['modern: 0', 'modern: 1']);
  expect(refreshed()).toBe(before + 1);
  expect(letting.asked.every((asked) => asked.get('resource') === server.url)).toBe(true);

  expect(server.received.length).toBeGreaterThan(0);
  for (const { headers } of server.received) {
    expect(headers.authorization).toMatch(/^Bearer at-/);
    expect(JSON.stringify(headers)).not.toContain(keys.desk);
  }

  const out = await parley(mesh, ['mcp', 'logout', 'up', '--by', 'owner@example.com']);
  expect(out).toMatchObject({ code: 0, said: 'The mesh is logged out of up.\n' });
  await until(async () => (await list()).includes('has ended: somebody logged the mesh out'), 'the list to say so');

  const records = await recordsOf(mesh);
  const types = records.map(({ type }) => type as string);
  expect(types).toEqual(expect.arrayContaining(['LoggedIn', 'LoginRefused', 'LoggedOut', 'ResponseCompleted']));
  for (const secret of letting.secrets) {
    for (const { raw } of records)
      for (const bytes of [raw.key, raw.value, ...Object.values(raw.headers)])
        expect(bytes?.includes(secret)).not.toBe(true);
    expect(logged.join()).not.toContain(secret);
    expect(shown.said).not.toContain(secret);
  }
});
