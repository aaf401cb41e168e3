import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { NO_HASH } from '../services/audit/chain.ts';
import { blank } from '../services/audit/evidence-for-tests.ts';
import { audit } from '../services/audit/index.ts';
import { breakerOpened, cancelled, configured, served, turnedAway } from '../services/audit/mesh-events.ts';
import { type AuditReport, verifyAudit } from '../services/audit/verify.ts';
import { contextForTests } from '../services/runtime/context-for-tests.ts';
import type { GovernanceOptions } from '../services/runtime/governance/index.ts';
import type { Event, Log } from '../services/runtime/log.ts';
import type { RunningService } from '../services/runtime/service.ts';
import { freshCluster, logger, openLog } from './cluster.ts';

let cluster: GovernanceOptions;
const open: { log: Log; service?: RunningService }[] = [];

beforeAll(async () => {
  cluster = await freshCluster();
});
afterEach(async () => {
  for (const { log, service } of open.splice(0)) {
    await service?.stop();
    await log.close();
  }
});

const openOne = async () => {
  const log = await openLog(cluster);
  open.push({ log });
  return log;
};

/** An instance of the service, as a process of its own has it. */
const start = async () => {
  const log = await openLog(cluster);
  const service = await audit.start(contextForTests(log, { logger }));
  open.push({ log, service });
  return service;
};

const audited = ({ coverage }: AuditReport) => coverage.reduce((n, c) => n + c.audited + c.repeated, 0);

const untilAudited = async (log: Log, events: number): Promise<AuditReport> => {
  const end = Date.now() + 60_000;
  for (;;) {
    const report = await verifyAudit(log, Date.now());
    if (audited(report) >= events || !report.whole) return report;
    if (Date.now() > end) throw new Error(`${audited(report)} of ${events} events audited`);
  }
};

const conversations = (count: number): Event[] =>
  Array.from({ length: count }, (_, i) => served(`acme:${i}`, 200)).flat();

describe('audit on Kafka', () => {
  let events = 0;

  test('every event has its entry, those on topics of one partition too', async () => {
    const log = await openOne();
    await start();
    await log.append([...conversations(20), turnedAway(), cancelled('acme:1'), configured('v1'), breakerOpened('t')]);
    events += 20 * 4 + 4;
    const report = await untilAudited(log, events);
    expect(report.findings).toEqual([]);
    expect(audited(report)).toBe(events);
    expect(report.partitions.reduce((n, p) => n + p.entries, 0)).toBe(events);
  });

  test('instances that come and go over a backlog leave one whole chain a partition', async () => {
    const log = await openOne();
    await log.append(conversations(1_000));
    events += 1_000 * 4;
    const first = await start();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await start();
    await log.append(conversations(500));
    events += 500 * 4;
    await first.stop();
    const report = await untilAudited(log, events);
    expect(report.findings).toEqual([]);
    expect(audited(report)).toBe(events);
    expect(report.coverage.every((c) => c.waiting === 0)).toBe(true);
  });

  test('what is written into mesh.audit by anyone else is found', async () => {
    const log = await openOne();
    const [received] = served('acme:1');
    await log.append([
      {
        ...received!,
        type: 'AuditEntry',
        source: 'audit',
        data: { sequence: 1, previousHash: NO_HASH, hash: NO_HASH, ...blank },
      },
    ]);
    const report = await verifyAudit(log, Date.now());
    expect(report.findings.map((f) => f.what)).toEqual(['was altered: its content does not have its hash']);
  });
});
