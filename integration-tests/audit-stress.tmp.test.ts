import { expect, test } from 'vitest';
import { audit } from '/work/main/services/audit/index.ts';
import { served } from '/work/main/services/audit/mesh-events.ts';
import { verifyAudit } from '/work/main/services/audit/verify.ts';
import { createMetrics } from '/work/main/services/runtime/metrics.ts';
import { withoutExporter } from '/work/main/services/runtime/tracing.ts';
import { freshCluster, logger, openLog } from '/work/main/integration-tests/cluster.ts';
test('stress', async () => {
  const cluster = await freshCluster();
  const start = async () => { const log = await openLog(cluster); const service = await audit.start({ log, logger, metrics: createMetrics(), tracing: withoutExporter, http: undefined as never, configuration: () => undefined, environment: {}, now: Date.now }); return { log, service, stop: async () => { await service.stop(); await log.close(); } }; };
  const log = await openLog(cluster);
  let events = 0;
  const feed = async (n: number) => { for (let i = 0; i < n; i += 50) { await log.append(Array.from({ length: 50 }, (_, j) => served(`acme:${(i + j) % 300}`, 200)).flat()); events += 200; } };
  await feed(5000);
  const t0 = performance.now();
  let instances = [await start()];
  for (let round = 0; round < 8; round++) {
    const feeding = feed(1000);
    await new Promise(r => setTimeout(r, 400 + Math.random() * 800));
    if (instances.length < 3 && Math.random() < 0.6 || instances.length === 1) instances.push(await start());
    else await instances.shift()!.stop();
    await feeding;
  }
  for (;;) {
    const t = performance.now();
    const r = await verifyAudit(log, Date.now());
    const audited = r.coverage.reduce((n, c) => n + c.audited, 0);
    console.log('events', events, 'audited', audited, 'waiting', r.coverage.reduce((n, c) => n + c.waiting, 0), 'repeated entries', r.partitions.map(p => p.repeated).join(','), 'found', r.found, 'verify ms', Math.round(performance.now() - t), 'since start', Math.round(performance.now() - t0));
    if (r.found > 0) { console.log(r.findings.slice(0, 10)); break; }
    if (audited === events) break;
  }
  for (const i of instances) await i.stop();
  await log.close();
}, 300_000);
