import { expect, onTestFinished, test } from 'vitest';
import { createCodec, localSchemaIds } from '../services/runtime/codec.ts';
import type { Event } from '../services/runtime/log.ts';
import { createMemoryLog, MemoryCluster } from '../services/runtime/memory-log.ts';
import { headersOf } from '../services/runtime/recorded.ts';
import { requestForTests } from '../services/runtime/request-for-tests.ts';
import { readConversation } from './conversation.ts';
import { tell } from './timeline.ts';

test('a RequestUnroutable is told of also where it was before it had its place among the other ends', async () => {
  const cluster = new MemoryCluster();
  const log = await createMemoryLog(cluster);
  onTestFinished(() => log.crash());
  const request = requestForTests({ id: 'r1', contextId: 'acme:c1', resource: { type: 'model', id: 'small' } });
  const envelope = { key: 'acme:c1', time: Date.now(), correlationId: 'r1', traceparent: '' };
  const received: Event<'RequestReceived'> = {
    ...{ ...envelope, id: 'r1', causationId: '', type: 'RequestReceived', source: 'edge-llm' },
    data: { request },
  };
  const { subject, action, resource } = request;
  const unroutable: Event<'RequestUnroutable'> = {
    ...{ ...envelope, id: 'u1', causationId: 'r1', type: 'RequestUnroutable', source: 'routing' },
    data: { subject, action, resource, reason: 'NO_TARGET', attempts: 0, failure: null, configurationVersion: 'v1' },
  };
  await log.append([received]);
  const codec = await createCodec(localSchemaIds(), ['RequestUnroutable']);
  const headers = Object.fromEntries(Object.entries(headersOf(unroutable)).map(([k, v]) => [k, Buffer.from(v)]));
  const place = { topic: 'mesh.dispatches', partition: log.partitionOf('acme:c1'), time: Date.now() } as const;
  cluster.put({
    ...place,
    key: Buffer.from('acme:c1'),
    value: codec.encode('RequestUnroutable', unroutable.data),
    headers,
  });
  const { events } = await readConversation(log, 'acme:c1', () => {});
  expect(events.map(({ type }) => type)).toEqual(['RequestReceived', 'RequestUnroutable']);
  expect(tell(events).join('\n')).toMatch(/unroutable +NO_TARGET/);
});
