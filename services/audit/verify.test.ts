import { beforeAll, describe, expect, test } from 'vitest';
import { type TopicName, topics } from '../../topics/index.ts';
import { createCodec, localSchemaIds } from '../runtime/codec.ts';
import { derivedId } from '../runtime/event.ts';
import type { AnyRecorded, Event, Log } from '../runtime/log.ts';
import { createMemoryLog, MemoryCluster } from '../runtime/memory-log.ts';
import type { Folded } from '../runtime/processor.ts';
import { headersOf } from '../runtime/recorded.ts';
import { type AuditState, auditProcessor } from './audit.ts';
import { append, type Evidence, hashOf, type Link, NO_HASH } from './chain.ts';
import { blank } from './evidence-for-tests.ts';
import { configured, served } from './mesh-events.ts';
import { type AuditedType, auditedTypes } from './summary.ts';
import { verifyAudit } from './verify.ts';

const NOW = Date.now();
const codec = await createCodec(localSchemaIds(), ['AuditEntry', 'RequestPermitted', 'RequestUnroutable']);

interface Mesh {
  cluster: MemoryCluster;
  log: Log;
  /** Audits what was not audited yet, as an instance that has this state. */
  auditAll(state?: AuditState, except?: Event, only?: Event): Promise<void>;
  /** The partition of the conversation. */
  partition: number;
}

/** One conversation of two requests, audited: eight entries. */
const audited = async (): Promise<Mesh> => {
  const cluster = new MemoryCluster();
  const log = await createMemoryLog(cluster);
  const processor = auditProcessor(log.partitionOf);
  const own = processor.initialState();
  const done = new Map<AuditState, Set<string>>();
  const auditAll = async (state = own, except?: Event, only?: Event) => {
    const ids = done.get(state) ?? new Set();
    done.set(state, ids);
    const events: AnyRecorded<AuditedType>[] = [];
    const names = (Object.keys(topics) as TopicName[]).filter((name) => name !== 'mesh.audit');
    const see = (record: AnyRecorded) => events.push(record as AnyRecorded<AuditedType>);
    const tail = await log.tail(names, see, { from: 'beginning', types: auditedTypes });
    await tail.caughtUp;
    await tail.close();
    for (const event of events.sort((a, b) => a.time - b.time || a.offset - b.offset)) {
      if (ids.has(event.id) || event.id === except?.id || (only && event.id !== only.id)) continue;
      ids.add(event.id);
      for (const { type, data, key = event.key } of processor.decide(event, state)) {
        const { correlationId, time } = event;
        const id = derivedId(event.id, 'audit', 0);
        const entry: Event<'AuditEntry'> = {
          id,
          type,
          source: 'audit',
          key,
          time,
          correlationId,
          causationId: event.id,
          traceparent: '',
          data,
        };
        processor.evolve(state, { ...entry, partition: event.partition } as Folded);
        await log.append([entry]);
      }
    }
  };
  await log.append([...served('acme:c1'), ...served('acme:c1')]);
  await auditAll();
  return { cluster, log, auditAll, partition: log.partitionOf('acme:c1') };
};

let mesh: Mesh;
const entries = () => mesh.cluster.records('mesh.audit', mesh.partition);
const events = (topic: TopicName) => mesh.cluster.records(topic, mesh.partition);
const entryAt = (i: number) => ({ ...codec.decode('AuditEntry', entries()[i]!.value!) });
const rewrite = (i: number, change: Partial<Evidence & Link>, rehash: boolean) => {
  const entry = { ...entryAt(i), ...change };
  entries()[i]!.value = codec.encode('AuditEntry', rehash ? { ...entry, hash: hashOf(entry) } : entry);
};
/** As Kafka would number them. */
const renumber = () => {
  for (const [offset, record] of entries().entries()) record.offset = offset;
};
const verify = () => verifyAudit(mesh.log, NOW);
const found = async () => (await verify()).findings.map((f) => `${f.topic}/${f.offset} ${f.what}`);

beforeAll(() =>
  codec.learn([codec.encode('AuditEntry', append(undefined, blank)), codec.encode('RequestPermitted', permitted)]),
);

const permitted = served('acme:c1')[1]!.data as Event<'RequestPermitted'>['data'];

describe('audit verify', () => {
  test('a whole audit', async () => {
    mesh = await audited();
    await mesh.log.append([configured('v2')]);
    await mesh.auditAll();
    const report = await verify();
    expect(report.findings).toEqual([]);
    expect(report.whole).toBe(true);
    const chain = report.partitions.find((p) => p.partition === mesh.partition)!;
    expect(chain).toMatchObject({ first: 1, repeated: 0 });
    expect(chain.last).toBe(chain.entries);
    expect(report.coverage.reduce((n, c) => n + c.audited, 0)).toBe(9);
    expect(report.coverage.every((c) => c.waiting === 0 && c.unreadable === 0)).toBe(true);
  });

  test('no audit at all', async () => {
    const log = await createMemoryLog();
    expect(await verifyAudit(log, NOW)).toMatchObject({ whole: true, partitions: [], findings: [] });
  });

  test('an altered entry', async () => {
    mesh = await audited();
    rewrite(3, { reason: 'nobody asked' }, false);
    expect(await found()).toEqual(['mesh.audit/3 was altered: its content does not have its hash']);
  });

  test('an altered entry with a hash to match', async () => {
    mesh = await audited();
    rewrite(3, { reason: 'nobody asked' }, true);
    expect(await found()).toEqual(['mesh.audit/4 does not follow entry 4: previousHash is not its hash']);
  });

  test('a missing entry, and its event that has none any more', async () => {
    mesh = await audited();
    await mesh.log.append(served('acme:c1'));
    await mesh.auditAll();
    const at = entries().findIndex((_, i) => i > 0 && entryAt(i).topic === 'mesh.decisions');
    entries().splice(at, 1);
    renumber();
    expect(await found()).toEqual([
      `mesh.audit/${at} entry ${at + 1} is missing before it`,
      `mesh.decisions/${at === 1 ? 0 : 1} has no audit entry`,
    ]);
  });

  test('an inserted entry', async () => {
    mesh = await audited();
    const invented = append(entryAt(2), { ...blank, topic: 'mesh.cancellations', offset: 99, eventTime: NOW });
    entries().splice(3, 0, { ...entries()[3]!, value: codec.encode('AuditEntry', invented) });
    renumber();
    expect(await found()).toEqual(['mesh.cancellations/99 was audited and is gone before its time']);
  });

  test('swapped entries', async () => {
    mesh = await audited();
    entries().splice(3, 2, entries()[4]!, entries()[3]!);
    renumber();
    expect(await found()).toEqual(['mesh.audit/3 stands before the entry that it follows']);
  });

  test('an altered event', async () => {
    mesh = await audited();
    const bribed = { ...permitted, decision: { ...permitted.decision, reason: 'permitted by a bribe' } };
    events('mesh.decisions')[1]!.value = codec.encode('RequestPermitted', bribed);
    expect(await found()).toEqual([
      'mesh.decisions/1 is not the event that was audited: its value or its headers were changed',
    ]);
  });

  test('an event with another header', async () => {
    mesh = await audited();
    const { headers } = events('mesh.decisions')[1]!;
    events('mesh.decisions')[1]!.headers = { ...headers, ce_source: Buffer.from('someone') };
    expect(await found()).toHaveLength(1);
  });

  test('a missing event', async () => {
    mesh = await audited();
    events('mesh.decisions').splice(1, 1);
    expect(await found()).toEqual(['mesh.decisions/1 was audited and is gone']);
  });

  test('events that went before their retention was over', async () => {
    mesh = await audited();
    events('mesh.decisions').splice(0, 1);
    expect(await found()).toEqual(['mesh.decisions/0 was audited and is gone before its time']);
  });

  test('events that went when it was over', async () => {
    mesh = await audited();
    events('mesh.decisions').splice(0, 1);
    const report = await verifyAudit(mesh.log, NOW + 31 * 86_400_000);
    expect(report.whole).toBe(true);
    expect(report.coverage.find((c) => c.topic === 'mesh.decisions')).toMatchObject({ audited: 1, expired: 1 });
  });

  test('an event that was never audited', async () => {
    mesh = await audited();
    const slipped = served('acme:c1');
    await mesh.log.append([...slipped, ...served('acme:c1')]);
    await mesh.auditAll(undefined, slipped[0]);
    expect(await found()).toEqual(['mesh.requests/2 has no audit entry']);
  });

  test('events that audit has yet to see are waiting, not missing', async () => {
    mesh = await audited();
    const later = served('acme:c1');
    await mesh.log.append(later);
    const { whole, coverage } = await verify();
    expect(whole).toBe(true);
    expect(coverage.find((c) => c.topic === 'mesh.requests')).toMatchObject({
      waiting: 1,
      waitingSince: later[0]!.time,
    });
  });

  test('an event that was written twice has one entry', async () => {
    mesh = await audited();
    const [once] = served('acme:c1');
    await mesh.log.append([once!, once!, ...served('acme:c1')]);
    await mesh.auditAll();
    const { findings, coverage } = await verify();
    expect(findings).toEqual([]);
    expect(coverage.find((c) => c.topic === 'mesh.requests')).toMatchObject({ audited: 4, repeated: 1 });
  });

  test('an audited event that was written again at the very end is not waiting', async () => {
    mesh = await audited();
    const [once] = served('acme:c1');
    await mesh.log.append([once!]);
    await mesh.auditAll();
    await mesh.log.append([once!]);
    const { findings, coverage } = await verify();
    expect(findings).toEqual([]);
    expect(coverage.find((c) => c.topic === 'mesh.requests')).toMatchObject({ audited: 3, repeated: 1, waiting: 0 });
  });

  test('two instances at once: the branch that goes on is the chain, the other one repeats it', async () => {
    mesh = await audited();
    const heads = () => {
      const state: AuditState = auditProcessor(mesh.log.partitionOf).initialState();
      for (const record of entries())
        auditProcessor(mesh.log.partitionOf).evolve(state, {
          type: 'AuditEntry',
          partition: mesh.partition,
          data: codec.decode('AuditEntry', record.value!),
        } as Folded);
      return state;
    };
    const behind = heads();
    await mesh.log.append(served('acme:c1'));
    await mesh.auditAll();
    // It does not know what the first one wrote, and audits all of it again.
    await mesh.auditAll(behind);
    const { findings, partitions } = await verify();
    expect(findings).toEqual([]);
    expect(partitions[0]).toMatchObject({ entries: 8 + 4 + 12, last: 8 + 12, repeated: 4 });
  });

  test('two instances that both began the chain', async () => {
    mesh = await audited();
    const later = served('acme:c1');
    await mesh.log.append(later);
    // It knows of no entry, and begins anew with another event.
    const other = auditProcessor(mesh.log.partitionOf).initialState();
    await mesh.auditAll(other, undefined, later[0]);
    await mesh.auditAll(other);
    const { findings, partitions } = await verify();
    expect(findings).toEqual([]);
    expect(partitions[0]).toMatchObject({ entries: 8 + 12, first: 1, last: 12, repeated: 8, beside: 0 });
  });

  test('entries that are not chained, each a beginning', async () => {
    mesh = await audited();
    for (const i of entries().keys()) rewrite(i, { sequence: 1, previousHash: NO_HASH }, true);
    const { whole, findings, partitions } = await verify();
    expect(whole).toBe(false);
    expect(findings).toEqual([
      {
        topic: 'mesh.audit',
        partition: mesh.partition,
        offset: 1,
        sequence: 1,
        what: 'is one of 7 entries beside a chain of 1, each the only one of its event: nothing vouches for them',
      },
    ]);
    expect(partitions[0]).toMatchObject({ entries: 8, last: 1, repeated: 0, beside: 7 });
  });

  test('an event whose only entry is beside the chain', async () => {
    mesh = await audited();
    const [slipped, ...rest] = served('acme:c1');
    const state = auditProcessor(mesh.log.partitionOf).initialState();
    const { partition } = mesh;
    const data = entryAt(6);
    auditProcessor(mesh.log.partitionOf).evolve(state, { type: 'AuditEntry', partition, data } as Folded);
    await mesh.log.append([slipped!]);
    await mesh.auditAll(state, undefined, slipped);
    await mesh.log.append(rest);
    await mesh.auditAll(undefined, slipped);
    const { findings, partitions } = await verify();
    expect(findings).toEqual([]);
    expect(partitions[0]).toMatchObject({ entries: 8 + 1 + 3, last: 8 + 3, repeated: 0, beside: 1 });
  });

  test('a RequestUnroutable where it was stated before it had its place among the other ends', async () => {
    mesh = await audited();
    const [received] = served('acme:c1');
    const { subject, action, resource } = (received as Event<'RequestReceived'>).data.request;
    const told = { subject, action, resource, reason: 'NO_TARGET', attempts: 0, failure: null } as const;
    const unroutable: Event<'RequestUnroutable'> = {
      ...received!,
      id: 'unroutable',
      type: 'RequestUnroutable',
      source: 'routing',
      data: { ...told, configurationVersion: 'v1' },
    };
    const { partition } = mesh;
    const headers = Object.fromEntries(Object.entries(headersOf(unroutable)).map(([k, v]) => [k, Buffer.from(v)]));
    const value = codec.encode('RequestUnroutable', unroutable.data);
    mesh.cluster.put({ topic: 'mesh.dispatches', partition, key: Buffer.from('acme:c1'), value, headers, time: NOW });
    await mesh.auditAll();
    const { findings, coverage } = await verify();
    expect(findings).toEqual([]);
    expect(coverage.find(({ topic }) => topic === 'mesh.dispatches')).toMatchObject({ audited: 3, unreadable: 0 });
  });

  test('the first entries, gone before their time', async () => {
    mesh = await audited();
    entries().splice(0, 3);
    const { findings, partitions } = await verify();
    expect(findings.map((f) => f.what)).toEqual(Array(3).fill('has no audit entry'));
    expect(partitions[0]).toMatchObject({ first: 4, last: 8 });
  });

  test('the first entries, kept no longer', async () => {
    mesh = await audited();
    entries().splice(0, 3);
    const { findings, partitions, coverage } = await verifyAudit(mesh.log, NOW + 401 * 86_400_000);
    expect(findings).toEqual([]);
    expect(partitions[0]).toMatchObject({ first: 4, last: 8 });
    expect(coverage.reduce((n, c) => n + c.before, 0)).toBe(3);
  });

  test('what is no entry', async () => {
    mesh = await audited();
    entries()[2]!.headers = {};
    entries()[5]!.value = Buffer.from('rubbish');
    expect((await found()).filter((line) => line.startsWith('mesh.audit/'))).toEqual([
      'mesh.audit/2 is not an audit entry',
      'mesh.audit/3 entry 3 is missing before it',
      'mesh.audit/5 cannot be read',
      'mesh.audit/6 entry 6 is missing before it',
    ]);
  });

  test('findings are counted, and the first of them listed', async () => {
    mesh = await audited();
    for (const i of entries().keys()) rewrite(i, { outcome: 'x' }, false);
    const report = await verify();
    expect(report).toMatchObject({ whole: false, found: 8 });
    expect(report.findings[0]).toMatchObject({
      topic: 'mesh.audit',
      partition: mesh.partition,
      offset: 0,
      sequence: 1,
    });
  });
});
