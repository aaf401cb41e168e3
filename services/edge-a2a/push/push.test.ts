import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type * as mesh from '../../../schemas/generated.ts';
import { newId } from '../../runtime/event.ts';
import type { AnyRecorded, Event, Recorded } from '../../runtime/log.ts';
import { createMemoryLog, MemoryCluster } from '../../runtime/memory-log.ts';
import { createSigning, newSigningKey } from '../../runtime/signing.ts';
import { configurationOf, contextOf, subject, until } from '../outbound/world-for-tests.ts';
import { followPushConfigurations } from './configurations.ts';
import { PUSH_SIGNATURE_HEADER, PUSH_TOKEN } from './post-notification.ts';
import { defaultPushTimes, type PushTimes, startPush } from './push.ts';

interface Posted {
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

const taken = (_: Posted, response: ServerResponse) => void response.writeHead(204).end();

const contextId = 'context';

const world = async (answer: (posted: Posted, response: ServerResponse) => void = taken, pushTo = ['127.0.0.1']) => {
  const posted: Posted[] = [];
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    const one = { url: request.url ?? '', headers: request.headers, body: Buffer.concat(parts).toString() };
    posted.push(one);
    answer(one, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const cluster = new MemoryCluster();
  const log = await createMemoryLog(cluster);
  const signing = await createSigning(await newSigningKey());
  const said: AnyRecorded[] = [];
  await log.tail(['mesh.push-deliveries', 'mesh.dead-letters'], (record) => said.push(record), { from: 'beginning' });
  const configuration = configurationOf([], {
    a2a: { rootAgent: null, publicUrl: null, turnDeadlineMs: 1, maxDepth: 8, pushTo },
  });
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await log.crash();
  });
  const event = <T extends Event['type']>(type: T, data: Event<T>['data'], more: Partial<Event<T>> = {}): Event<T> => ({
    id: newId(),
    type,
    source: 'test',
    key: contextId,
    time: Date.now(),
    correlationId: 'request',
    causationId: '',
    traceparent: '',
    data,
    ...more,
  });
  let sequence = 0;
  return {
    posted,
    origin,
    signing,
    said,
    log,
    of: <T extends 'PushDelivered' | 'PushFailed'>(type: T) => said.filter((r) => r.type === type) as Recorded<T>[],
    edge: async (times: Partial<PushTimes> = {}) => {
      const own = await createMemoryLog(cluster);
      const context = contextOf(own, () => configuration);
      const configurations = await followPushConfigurations(own, context.logger);
      const push = await startPush(
        context,
        configurations,
        { sign: signing.signJwt, unseal: signing.open, issuer: () => 'https://mesh.example' },
        { ...defaultPushTimes, retryMs: 5, graceMs: 100, ...times },
      );
      onTestFinished(async () => {
        await push.stop();
        await configurations.close();
        await own.crash();
      });
      return own;
    },
    want: async (id: string, more: Partial<mesh.PushConfigurationSet> = {}, secrets: object = {}) => {
      const sealed = await signing.seal(Buffer.from(JSON.stringify(secrets)));
      const data = {
        taskId: 'task',
        configurationId: id,
        agent: 'a',
        subject,
        url: `${origin}/${id}`,
        sealed,
        ...more,
      };
      await log.append([event('PushConfigurationSet', data)]);
    },
    unwant: (configurationId: string) =>
      log.append([event('PushConfigurationDeleted', { taskId: 'task', configurationId })]),
    update: async (update: object = { statusUpdate: { taskId: 'task' } }, more: Partial<Event<'TaskUpdated'>> = {}) => {
      sequence += 1;
      const bytes = Buffer.from(JSON.stringify({ ...update, n: sequence }));
      const data = {
        taskId: 'task',
        agent: 'a',
        subject,
        requestId: 'request',
        sequence,
        state: 'TASK_STATE_WORKING',
        update: bytes,
        parentTaskId: '',
      };
      await log.append([event('TaskUpdated', data, more)]);
    },
  };
};

test('a client is told of updates, in order, with what proves who says so', async () => {
  const mesh = await world();
  await mesh.want('one', {}, { token: 'tok', authentication: { scheme: 'Bearer', credentials: 'secret' } });
  await mesh.edge();
  for (let i = 0; i < 5; i++) await mesh.update();
  await until(() => mesh.of('PushDelivered').length === 5);
  expect(mesh.posted.map(({ body }) => JSON.parse(body).n)).toEqual([1, 2, 3, 4, 5]);
  expect(mesh.of('PushDelivered')[0]).toMatchObject({
    key: contextId,
    data: { taskId: 'task', configurationId: 'one', sequence: 1, attempts: 1 },
  });
  const [{ headers, body }] = mesh.posted as [Posted];
  expect(headers).toMatchObject({
    'content-type': 'application/a2a+json',
    authorization: 'Bearer secret',
    'x-a2a-notification-token': 'tok',
  });
  const claims = await mesh.signing.verifyJwt(String(headers[PUSH_SIGNATURE_HEADER]), PUSH_TOKEN);
  expect(claims).toMatchObject({
    iss: 'https://mesh.example',
    aud: mesh.origin,
    taskId: 'task',
    sha256: createHash('sha256').update(body).digest('hex'),
  });
});

test('the user’s own messages, and other tasks, are nobody’s news', async () => {
  const mesh = await world();
  await mesh.want('one');
  await mesh.want('other', { taskId: 'other-task' });
  await mesh.edge();
  await mesh.update({ message: { role: 'ROLE_USER' } });
  await mesh.update({ message: { role: 'ROLE_AGENT' } });
  await until(() => mesh.of('PushDelivered').length === 1);
  expect(mesh.posted.map(({ url, body }) => [url, JSON.parse(body).message.role])).toEqual([['/one', 'ROLE_AGENT']]);
});

test('a client that is away is told once it is back; another one does not wait for it', async () => {
  let isAway = true;
  const mesh = await world(({ url }, response) => void response.writeHead(isAway && url === '/one' ? 503 : 200).end());
  await mesh.want('one');
  await mesh.want('two');
  await mesh.edge();
  await mesh.update();
  await mesh.update();
  await until(() => mesh.of('PushDelivered').length === 2);
  expect(mesh.of('PushDelivered').map(({ data }) => data.configurationId)).toEqual(['two', 'two']);
  isAway = false;
  await until(() => mesh.of('PushDelivered').length === 4);
  const one = mesh.of('PushDelivered').filter(({ data }) => data.configurationId === 'one');
  expect(one.map(({ data }) => data.sequence)).toEqual([1, 2]);
  expect(one[0]!.data.attempts).toBeGreaterThan(1);
});

test('a client that stays away is given up, and what is old by then is sent once', async () => {
  const mesh = await world((_, response) => void response.writeHead(500).end());
  await mesh.want('one');
  await mesh.edge({ giveUpMs: 1_000 });
  await mesh.update();
  await mesh.update({}, { time: Date.now() - 10_000 });
  await until(() => mesh.of('PushFailed').length === 2);
  const [first, second] = mesh.of('PushFailed');
  expect(first!.data.attempts).toBeGreaterThan(1);
  expect(first!.data.reason).toContain('500');
  expect(second!.data.attempts).toBe(1);
});

test.each([
  ['on a private address', { url: 'http://127.0.0.1:9/' }],
  ['of a private name', { url: 'http://localhost:9/' }],
  ['that is no URL', { url: 'nonsense' }],
  ['of another kind', { url: 'file:///etc/passwd' }],
])('a client %s is not called', async (_, more) => {
  const mesh = await world(taken, []);
  await mesh.want('one', more);
  await mesh.edge();
  await mesh.update();
  await until(() => mesh.of('PushFailed').length === 1);
  expect(mesh.of('PushFailed')[0]?.data.attempts).toBeLessThan(2);
  expect(mesh.posted).toEqual([]);
});

test('a redirect is not followed', async () => {
  const mesh = await world(
    ({ url }, response) => void response.writeHead(url === '/one' ? 307 : 200, { location: '/two' }).end(),
  );
  await mesh.want('one');
  await mesh.edge();
  await mesh.update();
  await until(() => mesh.of('PushFailed').length === 1);
  expect(mesh.posted.map(({ url }) => url)).toEqual(['/one']);
});

test('what was sealed with another key is not sent', async () => {
  const mesh = await world();
  await mesh.want('one', { sealed: Buffer.from('nothing of ours') });
  await mesh.edge();
  await mesh.update();
  await until(() => mesh.of('PushFailed').length === 1);
  expect(mesh.posted).toEqual([]);
});

test('a client that does not want it any more is left alone', async () => {
  const mesh = await world((_, response) => void response.writeHead(500).end());
  await mesh.want('one');
  await mesh.want('two');
  await mesh.edge();
  await mesh.update();
  await until(() => mesh.posted.length > 3);
  await mesh.unwant('one');
  await mesh.unwant('two');
  await mesh.want('three', { url: 'nonsense' });
  await mesh.update();
  await until(() => mesh.of('PushFailed').length === 1);
  expect(mesh.of('PushFailed')[0]?.data.configurationId).toBe('three');
});

test('after a crash what was said to be delivered is not delivered again', async () => {
  const mesh = await world();
  await mesh.want('one');
  const first = await mesh.edge();
  await mesh.update();
  await until(() => mesh.of('PushDelivered').length === 1);
  await first.crash();
  await mesh.edge();
  await mesh.update();
  await until(() => mesh.of('PushDelivered').length === 2);
  expect(mesh.posted.map(({ body }) => JSON.parse(body).n)).toEqual([1, 2]);
});
