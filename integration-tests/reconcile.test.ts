import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from './child.ts';
import { type Mesh, startMesh } from './mesh.ts';
import { completion, json, stream } from './upstream.ts';

const MAIN = join(import.meta.dirname, '..', 'cli', 'main.ts');
const ID = 'x-client-request-id';

/** A model server with an access log as JSON lines, one a call, written when the call has ended. */
const startLoggingUpstream = async () => {
  const accessLog: string[] = [];
  let calls = 0;
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const time = new Date().toISOString();
    const id = `chatcmpl-${++calls}`;
    const body = JSON.parse(await text(request)) as Record<string, unknown>;
    const end = (status: number) =>
      accessLog.push(JSON.stringify({ time, status, headers: { [ID]: request.headers[ID] ?? '-' }, response_id: id }));
    // Logged before it is answered: who has the answer finds its line.
    if (body.fails) {
      end(500);
      json(response, { error: { message: 'no', type: 'server_error', param: null, code: null } }, 500);
    } else {
      end(200);
      if (body.stream) await stream({ path: request.url!, body }, response, ['one ', 'two']);
      else json(response, completion('hello', { id }));
    }
  };
  const server = createServer((request, response) => void handle(request, response).catch(() => response.destroy()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { accessLog, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1` };
};

const reconcile = async ({ cluster }: Mesh, input: readonly string[], ...args: string[]) => {
  const child = spawn(process.execPath, [MAIN, 'reconcile', '-', ...args], {
    env: {
      PATH: process.env.PATH,
      TZ: 'UTC',
      KAFKA_BROKERS: cluster.kafka.brokers.join(','),
      SCHEMA_REGISTRY_URL: cluster.registry.url,
      PARLEY_TOPIC_PREFIX: cluster.topicPrefix,
    },
  });
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  child.stdin.on('error', () => {}).end(input.join('\n'));
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await closed, out, err };
};

const asked = { model: 'small', messages: [{ role: 'user' as const, content: 'hi' }] };
const idField = ['--id-field', `headers.${ID}`];

test('reconcile finds the call that went around the mesh, and the one that the upstream did not log', async () => {
  const upstream = await startLoggingUpstream();
  const { accessLog } = upstream;
  const mesh = await startMesh({ gone: `http://127.0.0.1:${await freePort()}/v1`, main: upstream.url });
  const client = mesh.client();
  for (let i = 0; i < 3; i++) await client.chat.completions.create(asked);
  for await (const _ of await client.chat.completions.create({ ...asked, stream: true }));
  await expect(client.chat.completions.create({ ...asked, fails: true } as never)).rejects.toThrow();
  const since = new Date(mesh.since).toISOString();
  const period = () => ['--since', since, '--until', new Date().toISOString(), '--clocks-apart', '0s'];

  const clean = await reconcile(mesh, accessLog, ...idField, ...period());
  expect(clean).toMatchObject({ code: 0, err: '' });
  expect(clean.out).toContain(
    `Coverage 100.00 %: ${accessLog.length} of ${accessLog.length} calls of the access log are in the log of the mesh`,
  );
  expect(clean.out).toMatch(/not called, or not for sure: \d+ CONNECT_FAILED\./);

  // Around the mesh, with the mesh's own credentials it may be.
  await fetch(`${upstream.url}/chat/completions`, { method: 'POST', body: JSON.stringify(asked) });
  const dark = accessLog.length;
  const [removed] = accessLog.splice(1, 1, '{ not a line');
  const found = await reconcile(mesh, accessLog, ...idField, ...period(), '--connection', 'main');
  const calls = accessLog.length - 1;
  const coverage = (Math.floor(((calls - 1) / calls) * 10_000) / 100).toFixed(2);
  expect(found).toMatchObject({ code: 1, err: '' });
  expect(found.out).toContain(`Coverage ${coverage} %: ${calls - 1} of ${calls} calls`);
  expect(found.out).toMatch(new RegExp(`DARK: 1 call without events\n.*\n +${dark} .* came without ${ID}`));
  expect(found.out).toMatch(
    new RegExp(`MISSING: 1 event without a call.*\n.*\n +${JSON.parse(removed!).headers[ID]} .* main/served-spare`),
  );
  expect(found.out).toContain('1 line could not be read and is not counted: 2.');
  expect(found.out).not.toContain('CONNECT_FAILED');

  const report = await reconcile(mesh, accessLog, ...idField, ...period(), '--json');
  expect(report.code).toBe(1);
  expect(JSON.parse(report.out)).toMatchObject({
    calls,
    known: calls - 1,
    coverage: Number(coverage),
    dark: [{ line: dark }],
    missing: [{ id: JSON.parse(removed!).headers[ID], target: 'main/served-spare', end: 'COMPLETED' }],
    bad: { count: 1, first: [2] },
    unreadable: 0,
  });
});

test('a whole answer is found by its id where the upstream logs nothing else, and plain lines by a pattern', async () => {
  const upstream = await startLoggingUpstream();
  const mesh = await startMesh({ main: upstream.url });
  await mesh.client().chat.completions.create(asked);
  const line = JSON.parse(upstream.accessLog[0]!) as { time: string; response_id: string; headers: { [ID]: string } };
  const period = ['--since', new Date(mesh.since).toISOString()];
  const byAnswer = await reconcile(mesh, [JSON.stringify({ time: line.time, id: line.response_id })], ...period);
  expect(byAnswer).toMatchObject({ code: 0, err: '' });
  expect(byAnswer.out).toContain('1 call found by the id of the answer');

  const plain = `127.0.0.1 - - [${line.time}] "POST /v1/chat/completions HTTP/1.1" 200 12 "${line.headers[ID]}"`;
  const pattern = '\\[(?<time>[^\\]]+)\\] "POST .*" \\d+ \\d+ "(?<id>[^"]*)"$';
  const byPattern = await reconcile(mesh, [plain], '--pattern', pattern, ...period, '--target', 'main/served-small');
  expect(byPattern).toMatchObject({ code: 0, err: '' });
  expect(byPattern.out).toContain('Coverage 100.00 %: 1 of 1 call of the access log is in the log of the mesh');
});

test('input that says nothing is refused with 2', async () => {
  const mesh = await startMesh({ main: 'http://127.0.0.1:9/v1' });
  const refusals = [
    [['GET / 200'], [], /no line of it is of that format, the first being line 1/],
    [[], [], /no call in it says when it was/],
    [['{}'], ['--pattern', 'no group'], /needs a group named id/],
    [['{}'], ['--since', '1h', '--until', '2h'], /--since is after --until/],
  ] as const;
  for (const [input, args, message] of refusals) {
    const { code, out, err } = await reconcile(mesh, input, ...args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(message);
  }
});
