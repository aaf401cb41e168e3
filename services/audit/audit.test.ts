import { createHash } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import type { AuditEntry } from '../../schemas/generated.ts';
import { topics } from '../../topics/index.ts';
import { contextForTests } from '../runtime/context-for-tests.ts';
import type { Event, Log } from '../runtime/log.ts';
import { createMemoryLog, MemoryCluster } from '../runtime/memory-log.ts';
import { follows, hashOf } from './chain.ts';
import { audit } from './index.ts';
import { breakerOpened, cancelled, configured, event, served, turnedAway } from './mesh-events.ts';
import { verifyAudit } from './verify.ts';

const logs: Log[] = [];
afterEach(async () => {
  for (const log of logs.splice(0)) await log.close();
});

const open = async (cluster = new MemoryCluster()) => {
  const log = await createMemoryLog(cluster);
  logs.push(log);
  await audit.start(contextForTests(log));
  return { log, cluster };
};

interface Entry extends AuditEntry {
  /** Where the entry is. */
  in: number;
}

const read = async (log: Log): Promise<Entry[]> => {
  const entries: Entry[] = [];
  const see = (record: Event & { partition: number }) =>
    entries.push({ ...(record.data as AuditEntry), in: record.partition });
  const tail = await log.tail(['mesh.audit'], see, { from: 'beginning' });
  await tail.caughtUp;
  await tail.close();
  return entries;
};

const until = async (log: Log, count: number): Promise<Entry[]> => {
  const end = Date.now() + 5_000;
  for (;;) {
    const entries = await read(log);
    if (entries.length >= count) return entries;
    if (Date.now() > end) throw new Error(`${entries.length} of ${count} entries`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

const expectChains = (entries: readonly Entry[]) => {
  for (const partition of new Set(entries.map((e) => e.in))) {
    const chain = entries.filter((e) => e.in === partition);
    chain.forEach((entry, i) => {
      expect(entry.hash).toBe(hashOf(entry));
      if (i > 0) expect(follows(chain[i - 1]!, entry)).toBe(true);
      else expect(entry.sequence).toBe(1);
    });
  }
};

test('an entry for every event but chunks: who, what, with what outcome, why and under which configuration', async () => {
  const { log, cluster } = await open();
  const events = served('acme:c1');
  await log.append(events);
  const entries = await until(log, 4);
  expectChains(entries);
  expect(entries).toHaveLength(4);
  const byOutcome = Object.fromEntries(entries.map((e) => [e.outcome, e]));
  expect(Object.keys(byOutcome).sort()).toEqual(['completed', 'dispatched', 'permitted', 'received']);
  const permitted = cluster.all('mesh.decisions')[0]!;
  expect(byOutcome.permitted).toMatchObject({
    topic: 'mesh.decisions',
    partition: permitted.partition,
    offset: permitted.offset,
    digest: createHash('sha256').update(permitted.value!).digest('hex'),
    eventId: events[1]!.id,
    eventType: 'RequestPermitted',
    eventSource: 'policy',
    eventTime: events[1]!.time,
    contextId: 'acme:c1',
    correlationId: events[1]!.correlationId,
    action: 'model.chat',
    reason: 'permitted by all',
    configurationVersion: 'v1',
  });
  expect({ ...byOutcome.permitted!.subject }).toMatchObject({ person: 'lead@acme.example', unit: 'support' });
  expect(byOutcome.dispatched!.reason).toBe('openai/small: the only target');
});

test('those who were turned away, cancellations, breakers and configurations are in it too', async () => {
  const { log } = await open();
  await log.append([turnedAway(), cancelled('acme:c1'), configured('v7'), breakerOpened('openai/small')]);
  const entries = await until(log, 4);
  expectChains(entries);
  expect(
    entries.map(({ outcome, reason, configurationVersion }) => [outcome, reason, configurationVersion]).sort(),
  ).toEqual([
    ['breaker-opened', 'openai/small: 5 in a row', ''],
    ['cancelled', 'CLIENT_GONE', ''],
    ['configured', '', 'v7'],
    ['unauthenticated', 'UNKNOWN, 2 times', ''],
  ]);
  for (const { topic, in: partition } of entries)
    if (topic === 'mesh.configuration' || topic === 'mesh.breakers') expect(partition).toBe(0);
});

test('a refused tool call, an answer to a server, a review and a settlement are in it, without secrets', async () => {
  const { log } = await open();
  const { subject } = (served('acme:c1')[0] as Event<'RequestReceived'>).data.request;
  const of = { subject, action: 'resource.read', resource: { type: 'resource', id: 'db/postgres://ada:hunter2@db/x' } };
  const decision = { configurationVersion: 'v1', policies: [], reason: 'agent bot has not declared that it uses it' };
  await log.append([
    event('RequestDenied', 'policy', 'acme:c1', 'r1', { ...of, reason: 'UNDECLARED', decision }),
    event('InputProvided', 'edge-mcp', 'acme:c1', 'r1', { inputId: '1-1', payload: Buffer.from('{"result":{}}') }),
    event('DefinitionReviewed', 'configuration', 'files/TOOL read', 'r2', {
      server: 'files',
      kind: 'TOOL',
      name: 'read',
      digest: 'd',
      verdict: 'REJECTED',
      by: 'lead',
      note: 'asks for password=hunter2',
      definition: Buffer.from('{}'),
    }),
    event('EffectSettled', 'configuration', 'acme:c1/r3', 'r3', {
      requestId: 'r3',
      happened: true,
      by: 'lead',
      note: 'seen in the ledger',
    }),
  ]);
  const entries = await until(log, 4);
  expectChains(entries);
  expect(entries.map(({ outcome, resource, reason }) => [outcome, resource?.id, reason]).sort()).toEqual([
    ['denied', 'db/postgres://ada:[redacted]@db/x', 'UNDECLARED: agent bot has not declared that it uses it'],
    ['input-provided', undefined, '1-1'],
    ['review-rejected', 'files/read', 'lead: asks for password=[redacted]'],
    ['settled-happened', undefined, 'lead: seen in the ledger'],
  ]);
  expect((await verifyAudit(log, Date.now())).findings).toEqual([]);
});

test('who logged the mesh in to a server, and when that ended, is in it', async () => {
  const { log } = await open();
  const of = { server: 'search', by: 'lead' };
  const at = { url: 'https://search.example.com/mcp', issuer: 'https://auth.example.com', resource: '', scope: 'read' };
  await log.append([
    event('LoggedIn', 'configuration', 'search/login', 'l1', {
      ...of,
      ...at,
      expiresAt: null,
      sealed: Buffer.from('x'),
    }),
    event('LoginRefused', 'edge-mcp', 'search/refused', 'l2', { server: 'search', login: 'l1' }),
    event('LoggedOut', 'edge-mcp', 'search/login', 'l2', { ...of, by: 'mesh', reason: 'it cannot be renewed' }),
  ]);
  const entries = await until(log, 2);
  expectChains(entries);
  expect(entries.map(({ outcome, resource, reason }) => [outcome, resource?.id, reason]).sort()).toEqual([
    ['logged-in', 'search', 'lead at https://auth.example.com'],
    ['logged-out', 'search', 'mesh: it cannot be renewed'],
  ]);
  expect((await verifyAudit(log, Date.now())).findings).toEqual([]);
});

test('an event whose data cannot be read, or that is in another partition than its key says, has its entry', async () => {
  const { log, cluster } = await open();
  const partition = (log.partitionOf('acme:c1') + 1) % topics['mesh.decisions'].partitions;
  const envelope = { ce_id: 'x', ce_type: 'mesh.RequestDenied', ce_time: '2026-01-01T00:00:00Z', ce_source: 'policy' };
  const headers = Object.fromEntries(Object.entries(envelope).map(([k, v]) => [k, Buffer.from(v)]));
  const value = Buffer.from('rubbish');
  cluster.put({ topic: 'mesh.decisions', partition, key: Buffer.from('acme:c1'), value, headers, time: Date.now() });
  const [entry] = await until(log, 1);
  expect(entry).toMatchObject({
    in: partition,
    partition,
    contextId: 'acme:c1',
    eventId: 'x',
    outcome: '',
    subject: null,
  });
  expect(entry!.digest).toBe(createHash('sha256').update(value).digest('hex'));
});

test('a successor goes on with the chain, and states nothing twice', async () => {
  const { log, cluster } = await open();
  const events = Array.from({ length: 20 }, (_, i) => served(`acme:c${i}`)).flat();
  await log.append(events.slice(0, 50));
  await until(log, 40);
  await logs.splice(0)[0]!.close();
  const second = await open(cluster);
  await second.log.append(events.slice(50));
  const entries = await until(second.log, 80);
  expect(entries).toHaveLength(80);
  expect(new Set(entries.map((e) => e.eventId)).size).toBe(80);
  expectChains(entries);
});
