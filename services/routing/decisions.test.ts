import { expect, onTestFinished, test } from 'vitest';
import { contextForTests } from '../runtime/context-for-tests.ts';
import { newId } from '../runtime/event.ts';
import type { AnyRecorded, Event } from '../runtime/log.ts';
import { createMemoryLog, MemoryCluster } from '../runtime/memory-log.ts';
import { requestForTests } from '../runtime/request-for-tests.ts';
import { routing } from './index.ts';

const decision = { configurationVersion: 'v1', policies: [], reason: '' };
const permitted = (id: string): Event<'RequestPermitted'> => ({
  id: newId(),
  type: 'RequestPermitted',
  source: 'policy',
  key: 'acme:c1',
  time: Date.now(),
  correlationId: id,
  causationId: id,
  traceparent: '',
  data: { request: requestForTests({ id, contextId: 'acme:c1' }), decision },
});

test('a permission that lands after the denial of its request is not routed', async () => {
  const log = await createMemoryLog(new MemoryCluster());
  const running = await routing.start(contextForTests(log));
  const routed: AnyRecorded[] = [];
  const tail = await log.tail(['mesh.dispatches', 'mesh.responses'], (record) => routed.push(record), { from: 'end' });
  onTestFinished(async () => {
    await running.stop();
    await tail.close();
    await log.crash();
  });
  const late = permitted('r1');
  const { subject, action, resource } = late.data.request;
  await log.append([
    { ...late, type: 'RequestDenied', data: { subject, action, resource, reason: 'POLICY', decision } },
    late,
    permitted('r2'),
  ]);
  await expect.poll(() => routed.map(({ correlationId }) => correlationId)).toContain('r2');
  expect(routed.map(({ correlationId }) => correlationId)).toEqual(['r2']);
});
