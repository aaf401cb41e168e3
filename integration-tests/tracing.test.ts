/** Traces as an OTLP collector gets them: one trace from the client's own span to the provider and back. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { applyConfiguration } from '../services/configuration/apply.ts';
import { freePort, spawnMesh } from './child.ts';
import { freshCluster, openLog } from './cluster.ts';
import { environment, keys, until, writeMesh } from './mesh.ts';
import { startUpstream } from './upstream.ts';

interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  attributes: { key: string; value: Record<string, unknown> }[];
}

const startCollector = async () => {
  const spans: Span[] = [];
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const body = JSON.parse(Buffer.concat(parts).toString() || '{}');
    for (const resource of body.resourceSpans ?? [])
      for (const scope of resource.scopeSpans) spans.push(...scope.spans);
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, spans };
};

test('one trace spans the edge, policy, routing and the call to the provider', async () => {
  const cluster = await freshCluster();
  const upstream = await startUpstream();
  onTestFinished(upstream.close);
  const collector = await startCollector();
  const log = await openLog(cluster);
  onTestFinished(() => log.close());
  await applyConfiguration({ log, path: writeMesh({ only: upstream.url }), env: environment, now: Date.now });
  const port = await freePort();
  await spawnMesh(cluster, port, {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_TRACES_EXPORTER: 'otlp',
    OTEL_METRICS_EXPORTER: 'none',
    OTEL_LOGS_EXPORTER: 'none',
    OTEL_BSP_SCHEDULE_DELAY: '200',
  });
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${keys.research}`,
      'content-type': 'application/json',
      traceparent: `00-${traceId}-b7ad6b7169203331-01`,
    },
    body: JSON.stringify({ model: 'small', messages: [{ role: 'user', content: 'hi' }] }),
  });
  expect(response.status).toBe(200);
  const ours = () => collector.spans.filter((span) => span.traceId === traceId);
  const named = (part: string) => ours().find((span) => span.name.includes(part));
  await until(() => ['policy', 'routing', 'metering'].every((name) => named(name)), 'the spans');
  await until(() => ours().length >= 5, 'the edges');
  // Each hop is a child of the one before, and the first of them of the client's own span.
  const ids = new Set([...ours().map((span) => span.spanId), 'b7ad6b7169203331']);
  expect(ours().filter((span) => !ids.has(span.parentSpanId ?? ''))).toEqual([]);
  const call = ours().find((span) => span.attributes.some((a) => a.key === 'gen_ai.usage.output_tokens'));
  const attributes = Object.fromEntries((call?.attributes ?? []).map((a) => [a.key, Object.values(a.value)[0]]));
  expect(attributes).toMatchObject({ 'gen_ai.request.model': expect.any(String), 'gen_ai.operation.name': 'chat' });
  expect(JSON.stringify(collector.spans)).not.toContain('sk-upstream-secret');
});
