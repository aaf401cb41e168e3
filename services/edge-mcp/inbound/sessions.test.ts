import pino from 'pino';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Recorded } from '../../runtime/log.ts';
import { createMemoryLog, MemoryCluster } from '../../runtime/memory-log.ts';
import { followSessions, type Opened } from './sessions.ts';

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const whose = { credential: 'first', endpoint: 'files' };
const opened: Opened = {
  session: 'session-1',
  ...whose,
  protocolVersion: '2025-11-25',
  client: Buffer.from('{}'),
  capabilities: Buffer.from('{}'),
};

const replica = async (cluster: MemoryCluster) => {
  const log = await createMemoryLog(cluster);
  const sessions = await followSessions(log, pino({ enabled: false }), Date.now, 1_000);
  onTestFinished(async () => {
    await sessions.close();
    await log.crash();
  });
  const subscribe = (uri: string) =>
    sessions.change(
      opened.session,
      ({ subscriptions }) => ({ subscriptions: [...subscriptions.filter((one) => one !== uri), uri] }),
      TRACE,
    );
  return { log, sessions, subscribe };
};

test('changes that are made at the same time all hold, at one replica and at several', async () => {
  const cluster = new MemoryCluster();
  const replicas = [await replica(cluster), await replica(cluster), await replica(cluster)];
  await replicas[0]!.sessions.open(opened, TRACE);
  for (const { sessions } of replicas) expect(await sessions.find(opened.session, whose)).toBeDefined();
  const uris = Array.from({ length: 12 }, (_, i) => `file:///${i}`);
  await Promise.all([
    ...uris.map((uri, i) => replicas[i % 3]!.subscribe(uri)),
    replicas[1]!.sessions.change(opened.session, () => ({ logLevel: 'error' }), TRACE),
  ]);
  const late = await replica(cluster);
  for (const { sessions } of [...replicas, late])
    await vi.waitFor(() => {
      const { subscriptions = [], logLevel } = sessions.get(opened.session) ?? {};
      expect(subscriptions.toSorted()).toEqual(uris.toSorted());
      expect(logLevel).toBe('error');
    }, 10_000);
});

test('what is changed holds at once where it was changed, whatever is read late', async () => {
  const { sessions, subscribe } = await replica(new MemoryCluster());
  await sessions.open(opened, TRACE);
  const told: string[][] = [];
  sessions.watch(opened.session, ({ subscriptions }) => told.push(subscriptions));
  await subscribe('file:///a');
  expect(sessions.get(opened.session)?.subscriptions).toEqual(['file:///a']);
  await subscribe('file:///b');
  expect(told).toEqual([['file:///a'], ['file:///a', 'file:///b']]);
});

test('a session that has ended stays so, and is not changed', async () => {
  const cluster = new MemoryCluster();
  const [one, other] = [await replica(cluster), await replica(cluster)];
  await one.sessions.open(opened, TRACE);
  await other.sessions.find(opened.session, whose);
  await Promise.all([
    one.sessions.change(opened.session, () => ({ closed: true }), TRACE),
    other.subscribe('file:///a'),
  ]);
  await other.subscribe('file:///b');
  expect(await one.sessions.find(opened.session, whose)).toBeUndefined();
  expect(await other.sessions.find(opened.session, whose)).toBeUndefined();
});

test('a change by a version that knew of no void changes holds', async () => {
  const cluster = new MemoryCluster();
  const { log, sessions } = await replica(cluster);
  await sessions.open(opened, TRACE);
  const records: Recorded<'SessionChanged'>[] = [];
  const tail = await log.tail(['mesh.sessions'], (record) => records.push(record as Recorded<'SessionChanged'>), {
    from: 'beginning',
  });
  await tail.caughtUp;
  await tail.close();
  const [first] = records;
  const event = { type: first!.type, source: first!.source, key: first!.key, time: Date.now() };
  const ids = { id: 'another', correlationId: 'another', causationId: '', traceparent: TRACE };
  await log.append([{ ...event, ...ids, data: { ...first!.data, logLevel: 'debug' } }]);
  await vi.waitFor(() => expect(sessions.get(opened.session)?.logLevel).toBe('debug'), 10_000);
});
